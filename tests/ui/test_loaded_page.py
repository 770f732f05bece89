"""Cards of loaded models over the real manager."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton, QToolButton

from app.domain.crashes import CrashCause, CrashReport
from app.domain.errors import DoesNotFit, LoadStalled, WorkerCrashed
from app.domain.models import ModelId
from app.ui.bridge import Bridge
from app.ui.pages.loaded_page import LoadedPage
from app.ui.theme import Theme
from tests.support.fakes import eventually, fake_ports, spec

QWEN, LLAMA = ModelId("local:Qwen"), ModelId("local:Llama")


@asynccontextmanager
async def loaded(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"), spec("Llama"))
    async with ports.manager() as manager:
        bridge = Bridge(manager)
        page = LoadedPage(manager, Theme(), bridge)
        qtbot.addWidget(page)
        page.resize(900, 600)
        page.show()
        page.asked, page.drain = [], bridge.drain
        page.requested.connect(lambda *request: page.asked.append(request))
        try:
            yield ports, manager, page
        finally:
            page.close()
            bridge.close()


def words(page, model_id, name):
    card = page._cards.get(model_id)
    return card.findChild(QLabel, name).text() if card is not None else ""


async def press(qtbot, page, model_id, name):
    button = page._cards[model_id].findChild(QPushButton, name)
    await eventually(button.isVisible)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


async def test_that_nothing_loaded_leads_to_the_library(qtbot):
    async with loaded(qtbot) as (_, _, page):
        with qtbot.waitSignal(page.navigate) as led:
            qtbot.mouseClick(page._empty.button, Qt.MouseButton.LeftButton)
        assert led.args == ["library"]


async def test_that_a_loading_model_shows_progress_and_can_be_cancelled(qtbot):
    async with loaded(qtbot) as (ports, manager, page):
        ports.provider.go.clear()
        loading = asyncio.create_task(manager.models.load(QWEN))
        await eventually(lambda: QWEN in page._cards)
        await eventually(lambda: words(page, QWEN, "card_state") == "LOADING 25 %")
        await press(qtbot, page, QWEN, "card_cancel_load")
        assert page.asked == [("cancel_load", QWEN)]
        await manager.models.cancel_load(QWEN)
        await loading
        await eventually(lambda: not page._cards)
        assert page._empty.isVisible()


async def test_that_a_ready_card_says_its_memory_and_offers_eject(qtbot):
    async with loaded(qtbot) as (_, manager, page):
        await manager.models.load(QWEN)
        await eventually(lambda: words(page, QWEN, "card_state") == "READY")
        said = words(page, QWEN, "card_figures")
        assert said.startswith("700 MB measured (1.1 GB predicted)")
        assert "ctx 4,096 · 2 threads (automatic)" in said
        await press(qtbot, page, QWEN, "card_load_settings")
        assert page.asked.pop() == ("load_settings", QWEN)
        await press(qtbot, page, QWEN, "card_eject")
        assert page.asked == [("eject", QWEN)]


async def test_that_the_active_card_comes_first(qtbot):
    async with loaded(qtbot) as (_, manager, page):
        await manager.models.load(QWEN)
        await manager.models.load(LLAMA)
        await eventually(lambda: page._order == [QWEN, LLAMA])
        await press(qtbot, page, LLAMA, "card_switch")
        assert page.asked == [("switch", LLAMA)]
        await manager.models.switch(LLAMA)
        await eventually(lambda: page._order == [LLAMA, QWEN])
        assert page._column.itemAt(0).widget() is page._cards[LLAMA]


async def test_that_a_card_says_who_keeps_it_and_the_clock_stops_after(qtbot):
    async with loaded(qtbot) as (_, manager, page):
        await manager.models.load(QWEN)
        async with manager.models.lease(QWEN, "Playground “Trip plan”"):
            await eventually(lambda: words(page, QWEN, "card_kept_by"))
            assert words(page, QWEN, "card_kept_by") == "kept by Playground “Trip plan”, 0 s"
            assert page._timer.isActive()
            page.hide()
            assert not page._timer.isActive()
            page.show()
        await eventually(lambda: not words(page, QWEN, "card_kept_by"))
        assert not page._timer.isActive()


async def test_that_a_failure_says_its_cause_and_offers_retry_and_dismiss(qtbot):
    async with loaded(qtbot) as (ports, manager, page):
        ports.provider.failures[QWEN] = LoadStalled("It hung.", "Try it again.", "line 1")
        await asyncio.gather(manager.models.load(QWEN), return_exceptions=True)
        await eventually(lambda: words(page, QWEN, "card_state") == "FAILED")
        error = page._cards[QWEN]._error
        assert error._words.text() == "It hung. Try it again."
        assert not error._detail.isVisible()
        await press(qtbot, page, QWEN, "error_details")
        assert error._detail.isVisible()
        await press(qtbot, page, QWEN, "error_retry")
        await press(qtbot, page, QWEN, "error_dismiss")
        assert page.asked == [("retry", QWEN), ("dismiss", QWEN)]
        await manager.models.dismiss(QWEN)
        await eventually(lambda: not page._cards)


async def test_that_a_crash_turns_a_card_into_its_cause(qtbot):
    async with loaded(qtbot) as (ports, manager, page):
        await manager.models.load(QWEN)
        ports.provider.engines[QWEN].crash()
        await eventually(lambda: QWEN in page._cards and page._cards[QWEN]._error is not None)
        assert words(page, QWEN, "card_state") == "CRASHED"
        assert "SIGKILL" in page._cards[QWEN]._error._words.text()


async def test_that_the_focus_moves_to_the_next_button_of_the_card(qtbot):
    async with loaded(qtbot) as (ports, manager, page):
        page.activateWindow()
        ports.provider.go.clear()
        loading = asyncio.create_task(manager.models.load(QWEN))
        await eventually(lambda: words(page, QWEN, "card_state") == "LOADING 25 %")
        cancel = page._cards[QWEN].findChild(QPushButton, "card_cancel_load")
        cancel.setFocus()
        await eventually(cancel.hasFocus)
        ports.provider.go.set()
        await loading
        await eventually(lambda: words(page, QWEN, "card_state") == "READY")
        assert page._cards[QWEN].findChild(QPushButton, "card_eject").hasFocus()
        await manager.models.eject(QWEN)
        await eventually(lambda: not page._cards)
        assert page._empty.button.hasFocus()


async def test_that_the_memory_bar_names_every_share(qtbot):
    async with loaded(qtbot) as (_, manager, page):
        await manager.models.load(QWEN)
        await eventually(lambda: "Qwen" in page._bar.accessibleName())
        assert page._bar.accessibleName() == (
            "Memory set aside for models: 1.1 GB of 14.4 GB (700 MB in use): "
            "Qwen Q4_K_M 1.1 GB, free 13.3 GB"
        )


async def test_that_a_page_that_nobody_sees_reads_no_memory(qtbot):
    async with loaded(qtbot) as (ports, manager, page):
        readings, memory = [], ports.devices.memory
        page.hide()
        await manager.models.load(QWEN)
        ports.devices.memory = lambda: readings.append(1) or memory()
        page.drain()
        assert readings == []
        assert not page._cards
        page.show()
        assert words(page, QWEN, "card_state") == "READY"
        assert readings == [1]


async def test_that_a_draining_card_offers_nothing(qtbot):
    async with loaded(qtbot) as (_, manager, page):
        await manager.models.load(QWEN)
        async with manager.models.lease(QWEN, "Playground"):
            ejecting = asyncio.create_task(manager.models.eject(QWEN, drain=True))
            await eventually(lambda: words(page, QWEN, "card_state") == "FINISHING ANSWERS")
            buttons = page._cards[QWEN].findChildren(QPushButton)
            assert not [button for button in buttons if button.isVisible()]
        await ejecting


async def test_that_the_models_of_the_last_run_are_one_press_away(qtbot):
    async with loaded(qtbot) as (_, _, page):
        assert not page.restore.isVisible()
        page.show_restorable(2)
        assert page.restore.words() == "2 models from last time can be loaded again."
        qtbot.mouseClick(page.restore.button, Qt.MouseButton.LeftButton)
        assert page.asked == [("restore", "")]


ABORTED = WorkerCrashed(
    "It was ended by SIGABRT.",
    "Load it again.",
    "\n".join(f"line {number}" for number in range(50)),
    CrashReport(cause=CrashCause.ASSERTION, how="SIGABRT", line="a.c:7: GGML_ASSERT(n > 0) failed"),
)


async def test_that_a_decoded_crash_shows_its_cause_its_line_and_what_is_safer(qtbot):
    async with loaded(qtbot) as (ports, manager, page):
        ports.provider.failures[QWEN] = ABORTED
        await asyncio.gather(manager.models.load(QWEN), return_exceptions=True)
        await eventually(lambda: words(page, QWEN, "error_cause"))
        assert words(page, QWEN, "error_cause") == "llama.cpp gave up · SIGABRT"
        assert words(page, QWEN, "error_line") == "a.c:7: GGML_ASSERT(n > 0) failed"
        assert words(page, QWEN, "error_note") == "More safely: without flash attention."
        await press(qtbot, page, QWEN, "error_load_more_safely")
        assert page.asked == [("load_safer", QWEN)]
        await press(qtbot, page, QWEN, "error_details")
        copy = page._cards[QWEN].findChild(QToolButton, "copy_details")
        qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
        assert QGuiApplication.clipboard().text() == ABORTED.detail


async def test_that_a_model_that_does_not_fit_may_be_loaded_anyway_once(qtbot):
    async with loaded(qtbot) as (ports, manager, page):
        ports.devices.total = 1_000_000_000
        with pytest.raises(DoesNotFit):
            await manager.models.load(QWEN)
        await eventually(lambda: words(page, QWEN, "error_note"))
        assert "needs about" in page._cards[QWEN]._error._words.text()
        await press(qtbot, page, QWEN, "error_load_anyway")
        assert page.asked == [("load_anyway", QWEN)]
        ports.provider.failures[QWEN] = DoesNotFit("It is too big.", "Choose another.")
        with pytest.raises(DoesNotFit):
            await manager.models.load(QWEN, anyway=True)
        await eventually(lambda: "too big" in page._cards[QWEN]._error._words.text())
        offered = [button.text() for button in page._cards[QWEN].buttons()]
        assert offered == ["Retry", "Dismiss"]


async def test_that_keeping_a_model_is_offered_and_said_on_its_card(qtbot):
    async with loaded(qtbot) as (_, manager, page):
        await manager.settings.set("time_to_live_minutes", 5)
        await manager.models.load(QWEN)
        await eventually(lambda: words(page, QWEN, "card_stay") == "unloads in 5 min")
        await press(qtbot, page, QWEN, "card_pin")
        assert page.asked == [("pin", QWEN)]
        await manager.models.pin(QWEN)
        await eventually(lambda: words(page, QWEN, "card_stay") == "kept loaded")
        await press(qtbot, page, QWEN, "card_unpin")
        assert page.asked[-1] == ("unpin", QWEN)


async def test_that_a_card_s_figures_begin_where_its_other_lines_do(qtbot):
    async with loaded(qtbot) as (_, manager, page):
        await manager.models.load(QWEN)
        await eventually(lambda: words(page, QWEN, "card_figures"))
        card = page._cards[QWEN]
        figures = card.findChild(QLabel, "card_figures")
        left = card.layout().contentsMargins().left()
        await eventually(lambda: figures.isVisible() and figures.x() <= left + 1)
