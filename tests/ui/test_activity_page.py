"""The Activity page and the support bundle's dialog, by mouse and by key."""

import asyncio
from contextlib import asynccontextmanager

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLineEdit, QPushButton

from app.domain.error_reports import report_of
from app.domain.errors import StorageError, WorkerCrashed
from app.domain.events import ModelCrashed, ModelRecovered, SettingChanged
from app.domain.models import ModelId
from app.manager.events import caused_by
from app.ui.pages.support_dialog import LEFT_OUT, SupportDialog
from app.ui.viewmodels.activity_table import WHAT
from app.ui.widgets.event_view import EventLink
from tests.support.fakes import eventually, fake_ports, spec
from tests.ui.test_main_window import shown

QWEN = ModelId("local:Qwen")


@asynccontextmanager
async def on_activity(qtbot, ports=None):
    ports = ports or fake_ports()
    ports.offer(spec("Qwen"), spec("Llama"))
    async with shown(qtbot, ports) as window:
        crash(window.manager)
        window.show_page("activity")
        yield window, window.activity_page


def crash(manager):
    report = report_of(WorkerCrashed("Its process was killed.", "Load it again.", "SIGKILL"))
    with caused_by(manager.events.publish(ModelCrashed(model_id=QWEN, error=report))):
        manager.events.publish(ModelRecovered(model_id=QWEN, down_seconds=3.2))


def texts(page):
    return [row.entry.text for row in page.view_model.table.rows]


def press(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


async def test_that_an_event_shows_its_causes_and_effects_and_leads_to_them(qtbot) -> None:
    async with on_activity(qtbot) as (_, page):
        assert page.list.hasFocus()
        page.list.selectRow(0)
        view = page.event_view
        assert view.isVisible()
        assert view._text.text().startswith("Qwen crashed.")
        (link,) = [link for link in view.findChildren(EventLink) if link.isVisible()]
        assert "brought up again" in link.accessibleName()
        press(qtbot, link)
        assert page.list.currentIndex().row() == 1
        assert view._text.text() == "Qwen was brought up again after 3.2 s."


async def test_that_an_event_has_room_after_it_was_kept_hidden(qtbot) -> None:
    async with on_activity(qtbot) as (_, page):
        page.splitter.setSizes([1000, 0])
        page.list.selectRow(0)
        await eventually(lambda: page.event_view.width() >= 260)


async def test_that_an_event_leads_to_its_model_in_the_library(qtbot) -> None:
    async with on_activity(qtbot) as (window, page):
        page.list.selectRow(0)
        button = page.event_view.findChild(QPushButton, "event_model")
        assert button.accessibleName() == "Show Qwen in the Library"
        press(qtbot, button)
        assert window.page == "library"
        assert window.library_page.view_model.selected.id == QWEN
        window.show_page("activity")
        qtbot.keyClick(page.list, Qt.Key.Key_Return)
        assert window.page == "library"


async def test_that_chains_fold_by_key_and_by_their_mark(qtbot) -> None:
    async with on_activity(qtbot) as (_, page):
        rows = len(texts(page))
        page.list.selectRow(1)
        qtbot.keyClick(page.list, Qt.Key.Key_Left)
        assert len(texts(page)) == rows - 1
        assert page.list.currentIndex().row() == 0
        qtbot.keyClick(page.list, Qt.Key.Key_Right)
        assert len(texts(page)) == rows
        cell = page.list.visualRect(page.view_model.table.index(0, WHAT))
        mark = QPoint(cell.left() + 14, cell.center().y())
        qtbot.mouseClick(page.list.viewport(), Qt.MouseButton.LeftButton, pos=mark)
        assert len(texts(page)) == rows - 1


async def test_that_what_happens_appears_on_top_and_the_choice_stays(qtbot) -> None:
    async with on_activity(qtbot) as (window, page):
        page.list.selectRow(1)
        window.manager.events.publish(SettingChanged(key="max_tokens"))
        await eventually(lambda: texts(page)[0] == "The setting max tokens changed.")
        assert page.list.currentIndex().row() == 2
        assert page.event_view._text.text().startswith("Qwen was brought up")
        window.show_page("library")
        assert page.view_model._subscription is None


async def test_that_chips_words_and_model_filter_and_escape_takes_it_back(qtbot) -> None:
    async with on_activity(qtbot) as (_, page):
        every = texts(page)
        press(qtbot, page.chips["errors"])
        assert texts(page) == every[:1]
        press(qtbot, page.chips["errors"])
        assert texts(page) == every
        qtbot.keyClicks(page.search, "BROUGHT up")
        assert texts(page) == every[:2]
        qtbot.keyClicks(page.search, " nonsense")
        assert page._nothing.isVisible()
        press(qtbot, page._nothing.button)
        assert page.search.text() == ""
        assert texts(page) == every
        page.models.setCurrentIndex(page.models.findText("Qwen"))
        page.models.activated.emit(page.models.currentIndex())
        assert len(texts(page)) == 2
        qtbot.keyClick(page.list, Qt.Key.Key_Escape)
        assert texts(page) == every
        assert page.models.currentText() == "All models"


async def test_that_the_log_and_one_event_can_be_copied_as_text(qtbot) -> None:
    async with on_activity(qtbot) as (_, page):
        press(qtbot, page.copy)
        lines = QGuiApplication.clipboard().text().splitlines()
        assert len(lines) == len(texts(page))
        assert lines[1].endswith("      Qwen was brought up again after 3.2 s.")
        page.list.selectRow(0)
        qtbot.keyClick(page.list, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
        assert "SIGKILL" in QGuiApplication.clipboard().text()
        QGuiApplication.clipboard().clear()
        press(qtbot, page.event_view.copy)
        assert "What followed:" in QGuiApplication.clipboard().text()


async def test_that_a_run_in_which_nothing_happened_says_so(qtbot) -> None:
    async with shown(qtbot, fake_ports()) as window:
        window.show_page("activity")
        page = window.activity_page
        assert page._empty.isVisible()
        assert not page.copy.isEnabled()
        assert "of this run" in page.note.text()
        assert page.search.hasFocus()


async def test_that_tab_reaches_every_control_and_each_has_a_name(qtbot) -> None:
    async with on_activity(qtbot) as (window, page):
        page.list.selectRow(0)
        page.search.setFocus()
        reached = []
        for _ in range(40):
            focused = window.focusWidget()
            assert focused.accessibleName() or getattr(focused, "text", str)(), focused
            reached.append(focused.objectName())
            qtbot.keyClick(focused, Qt.Key.Key_Tab)
        wanted = {page.copy, page.bundle, page.models, page.list, *page.chips.values()}
        assert {widget.objectName() for widget in wanted} <= set(reached)
        assert {"event_copy", "event_model", "event_link"} <= set(reached)


async def dialog_of(window):
    await eventually(lambda: window.findChild(SupportDialog))
    return window.findChild(SupportDialog)


def chooser_of(dialog):
    return next((one for one in dialog.findChildren(QFileDialog) if one.isVisible()), None)


async def save_as(qtbot, dialog, path):
    press(qtbot, dialog.save)
    await eventually(lambda: chooser_of(dialog))
    chooser = chooser_of(dialog)
    chooser.findChild(QLineEdit, "fileNameEdit").setText(str(path))
    chooser.accept()


async def test_that_the_bundle_is_listed_before_it_is_written(qtbot, tmp_path) -> None:
    ports = fake_ports()
    async with on_activity(qtbot, ports) as (window, page):
        press(qtbot, page.bundle)
        dialog = await dialog_of(window)
        said = [label.text() for label in dialog.findChildren(type(dialog._progress.words))]
        assert LEFT_OUT in said
        assert {"about.json", "events.jsonl", "logs/modelyard.log"} <= set(said)
        assert not ports.support.written
        target = tmp_path / "bundle.zip"
        await save_as(qtbot, dialog, target)
        await eventually(lambda: dialog.form.written)
        assert list(ports.support.written) == [str(target)]
        assert dialog.form.step() == "Written, 4 KB."
        assert dialog._place.isVisible()
        dialog.reject()


async def test_that_writing_shows_its_progress_and_can_be_cancelled(qtbot, tmp_path) -> None:
    ports = fake_ports()
    ports.support.gate = asyncio.Event()
    async with on_activity(qtbot, ports) as (window, _):
        window.perform("support_bundle")
        dialog = await dialog_of(window)
        await save_as(qtbot, dialog, tmp_path / "bundle.zip")
        await eventually(dialog.stop.isVisible)
        assert dialog.form.step() == "Writing the bundle, 40 %"
        assert not dialog.save.isEnabled()
        press(qtbot, dialog.stop)
        await eventually(lambda: dialog.form.progress is None)
        assert dialog.save.isEnabled()
        assert not dialog.stop.isVisible()
        assert not ports.support.written
        dialog.reject()
        await eventually(lambda: not window.intents.running("support bundle"))


async def test_that_a_bundle_that_can_not_be_written_says_why(qtbot, tmp_path) -> None:
    ports = fake_ports()
    ports.support.failure = StorageError("bundle.zip can't be written.", "Choose another place.")
    async with on_activity(qtbot, ports) as (window, page):
        press(qtbot, page.bundle)
        dialog = await dialog_of(window)
        await save_as(qtbot, dialog, tmp_path / "bundle.zip")
        await eventually(lambda: dialog.form.failure)
        assert dialog._failure.isVisible()
        ports.support.failure = None
        await save_as(qtbot, dialog, tmp_path / "bundle.zip")
        await eventually(lambda: dialog.form.written)
        assert not dialog._failure.isVisible()
        dialog.reject()
