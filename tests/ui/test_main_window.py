"""The frame over the real manager: pages, actions, messages, drops, place and closing."""

import asyncio
import os
import subprocess
import sys
from contextlib import asynccontextmanager

from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QDialog, QLabel, QPushButton, QScrollArea, QSplitter, QWidget

from app.domain.errors import LoadStalled
from app.domain.load_settings import CacheType, LoadSettings
from app.domain.models import Capability, CapabilityFact, Folder, ModelId
from app.domain.settings import Theme as Choice
from app.domain.settings import WindowPlace
from app.ui.actions import ACTIONS, PAGES
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.main_window import MainWindow
from app.ui.main_window.arrivals import ACTIVATION
from app.ui.main_window.place import clamped
from app.ui.pages.load_settings_dialog import LoadSettingsDialog
from app.ui.theme import Theme
from app.ui.viewmodels.model_columns import COLUMNS
from app.ui.widgets.drop_overlay import offer
from app.ui.widgets.sidebar import NARROW, WIDE
from tests.support.fakes import GIGABYTE, eventually, fake_ports, spec

QWEN, LLAMA = ModelId("local:Qwen"), ModelId("local:Llama")


def ports_with_models():
    ports = fake_ports()
    ports.offer(spec("Qwen"), spec("Llama"))
    return ports


@asynccontextmanager
async def shown(qtbot, ports):
    async with ports.manager() as manager:
        look, intents, bridge = Theme(), Intents(), Bridge(manager)
        window = MainWindow(manager, look, intents, bridge)
        qtbot.addWidget(window)
        window.show()
        window.activateWindow()
        await eventually(window.isActiveWindow)
        window.manager, window.intents, window.look = manager, intents, look
        try:
            yield window
        finally:
            await intents.aclose()
            bridge.close()
            window.hide()


def question(window):
    return window.findChild(QDialog, "question")


async def answer(qtbot, window, text):
    await eventually(lambda: question(window))
    button = question(window).findChild(QPushButton, f"answer_{text}")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def select(window, model_id):
    page = window.library_page
    page.browser.selectRow(page.view_model.table.row_of(model_id))


async def test_that_pages_are_reached_by_key_and_by_sidebar(qtbot):
    async with shown(qtbot, fake_ports()) as window:
        for number, name in enumerate(PAGES, start=1):
            qtbot.keyClick(
                window, getattr(Qt.Key, f"Key_{number}"), Qt.KeyboardModifier.ControlModifier
            )
            assert window.page == name
            assert window.pages[name].isVisible()
        for name in PAGES:
            qtbot.mouseClick(window.sidebar.button(name), Qt.MouseButton.LeftButton)
            assert window.page == name


async def test_that_a_slash_leads_to_the_search_box_but_can_be_typed_there(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        window.show_page("loaded")
        qtbot.keyClick(window, Qt.Key.Key_Slash)
        search = window.library_page.search
        assert window.page == "library"
        assert search.hasFocus()
        qtbot.keyClick(search, "/")
        assert search.text() == "/"


async def test_that_every_action_has_a_handler_and_menus_follow_the_selection(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        assert set(ACTIONS) <= set(window._handlers)
        select(window, QWEN)
        assert window.actions_by_id["load"].isEnabled()
        assert not window.actions_by_id["eject"].isEnabled()
        window.actions_by_id["load"].trigger()
        await eventually(window.actions_by_id["eject"].isEnabled)
        assert not window.actions_by_id["load"].isEnabled()
        assert window.sidebar.button("loaded").badge == 1


async def test_that_opening_a_loaded_model_makes_it_active_in_the_playground(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        window.perform("open", QWEN)
        await eventually(lambda: window.manager.models.active() == QWEN)
        assert window.page == "library"
        await window.manager.models.load(LLAMA)
        window.perform("open", LLAMA)
        await eventually(lambda: window.manager.models.active() == LLAMA)
        assert window.page == "playground"


async def test_that_a_model_s_memory_is_planned_on_request_while_it_is_not_loaded(qtbot):
    ports = ports_with_models()
    async with shown(qtbot, ports) as window:
        select(window, QWEN)
        assert window.actions_by_id["plan_memory"].isEnabled()
        window.perform("plan_memory")
        await eventually(lambda: not window.intents.running(f"plan {QWEN}"))
        assert ports.provider.dry_runs == [QWEN]
        window.perform("load")
        await eventually(lambda: not window.actions_by_id["plan_memory"].isEnabled())


async def test_that_a_model_that_only_embeds_is_not_talked_to(qtbot):
    ports = fake_ports()
    embeds = (CapabilityFact(capability=Capability.EMBEDDING, value=True, source="pooling"),)
    model = spec("Embed", capabilities=embeds)
    ports.offer(model)
    async with shown(qtbot, ports) as window:
        await window.manager.models.load(model.id)
        active = window.manager.models.active()
        select(window, model.id)
        await eventually(window.actions_by_id["eject"].isEnabled)
        assert not window.actions_by_id["chat"].isEnabled()
        window.perform("open", model.id)
        assert window.page == "library"
        assert window.manager.models.active() == active
        said = window.toaster.toasts[-1].words.text()
        assert said == "Embed makes embeddings; it writes no answers."


async def test_that_a_ready_model_is_one_press_from_the_playground(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        await window.manager.models.load(LLAMA)
        await window.manager.models.load(QWEN)
        select(window, QWEN)
        chat = window.findChild(QPushButton, "inspector_chat")
        await eventually(chat.isVisible)
        qtbot.mouseClick(chat, Qt.MouseButton.LeftButton)
        assert window.page == "playground"
        await eventually(lambda: window.manager.models.active() == QWEN)


async def test_that_enter_presses_the_button_that_has_the_focus(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        loaded = window.sidebar.button("loaded")
        loaded.setFocus()
        qtbot.keyClick(loaded, Qt.Key.Key_Return)
        assert window.page == "loaded"
        button = window.loaded_page._empty.button
        button.setFocus()
        qtbot.keyClick(button, Qt.Key.Key_Enter)
        assert window.page == "library"


async def test_that_a_model_that_is_named_again_is_selected(qtbot, tmp_path):
    ports = fake_ports()
    first, second = (spec(name, path=str(tmp_path / f"{name}.gguf")) for name in ("A", "B"))
    ports.files.disk[str(tmp_path)] = [first, second]
    async with shown(qtbot, ports) as window:
        view_model = window.library_page.view_model
        window.add_paths([str(tmp_path)])
        await eventually(lambda: view_model.table.rowCount() == 2)
        select(window, first.id)
        window.library_page.search.setText("A")
        window.add_paths([second.path])
        await eventually(lambda: view_model.selected and view_model.selected.id == second.id)
        rows = window.library_page.browser.selectionModel().selectedRows()
        assert [row.data() for row in rows] == ["B"]


async def test_that_the_status_bar_says_what_is_so_and_leads_there(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        assert window.status_bar.active.text() == "No model is active"
        await window.manager.models.load(QWEN)
        await window.manager.models.load(LLAMA)
        await eventually(lambda: window.status_bar.active.text() == "Qwen")
        assert window.status_bar.memory.text() == "2.1 GB of 14.4 GB"
        qtbot.mouseClick(window.status_bar.active, Qt.MouseButton.LeftButton)
        menu = window.status_bar.switcher
        next(item for item in menu.actions() if item.text() == "Llama").trigger()
        menu.close()
        await eventually(lambda: window.status_bar.active.text() == "Llama")
        assert window.toaster.toasts[-1].words.text() == "New prompts go to Llama."
        qtbot.mouseClick(window.status_bar.memory, Qt.MouseButton.LeftButton)
        assert window.page == "loaded"


async def test_that_a_switch_that_waits_says_so_until_it_ends_and_can_be_cancelled(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen", size_bytes=9 * GIGABYTE), spec("Llama", size_bytes=9 * GIGABYTE))
    async with shown(qtbot, ports) as window:
        models = window.manager.models
        await models.load(QWEN)
        async with models.lease(QWEN, "Playground"):
            window.perform("switch", LLAMA)
            await eventually(lambda: window.toaster.toasts)
            assert not window.toaster.toasts[0]._timer.isActive()
            window.playground_page.composer.switched.emit(LLAMA)
            assert [toast.words.text() for toast in window.toaster.toasts] == [
                "Still switching to Llama: waiting for Qwen's answers to finish."
            ]
            cancel = window.toaster.toasts[0].findChild(QPushButton, "toast_action")
            assert cancel.text() == "Cancel"
            qtbot.mouseClick(cancel, Qt.MouseButton.LeftButton)
            await eventually(lambda: not window.intents.running("switch"))
            assert window.toaster.toasts == ()
        await eventually(lambda: models.instance(QWEN).state == "ready")
        async with models.lease(QWEN, "Playground"):
            window.perform("switch", LLAMA)
            await eventually(lambda: window.toaster.toasts)
        await eventually(lambda: models.active() == LLAMA)
        await eventually(lambda: not window.intents.running("switch"))
        (toast,) = window.toaster.toasts
        assert toast.words.text().startswith("New prompts go to Llama; they waited ")


async def test_that_a_failed_gesture_becomes_a_toast_and_a_badge(qtbot):
    ports = ports_with_models()
    ports.provider.failures[QWEN] = LoadStalled("It hung.", "Try it again.", "line 1")
    async with shown(qtbot, ports) as window:
        window.perform("load", QWEN)
        await eventually(lambda: window.toaster.toasts)
        assert window.toaster.toasts[0].words.text() == "It hung. Try it again."
        await eventually(lambda: window.sidebar.button("loaded").badge == 1)


async def test_that_an_error_that_a_card_shows_is_not_told_twice(qtbot):
    ports = ports_with_models()
    ports.provider.failures[QWEN] = LoadStalled("It hung.", "Try it again.", "line 1")
    async with shown(qtbot, ports) as window:
        window.show_page("loaded")
        window.perform("load", QWEN)
        await eventually(lambda: window.sidebar.button("loaded").badge == 1)
        await eventually(lambda: not window.intents.running(f"load {QWEN}"))
        assert not window.toaster.toasts


async def test_that_a_crash_that_nobody_caused_is_told(qtbot):
    ports = ports_with_models()
    async with shown(qtbot, ports) as window:
        await window.manager.models.load(QWEN)
        ports.provider.engines[QWEN].crash()
        await eventually(lambda: window.toaster.toasts)
        toast = window.toaster.toasts[0]
        assert "SIGKILL" in toast.words.text()
        settings = window.sidebar.button("settings")
        corner = settings.mapTo(window, settings.rect().topLeft())
        assert toast.geometry().bottom() < corner.y()
        qtbot.mouseClick(toast.findChild(QPushButton, "toast_action"), Qt.MouseButton.LeftButton)
        assert window.page == "loaded"


async def test_that_the_page_that_says_more_of_a_crash_takes_the_message_back(qtbot):
    ports = ports_with_models()
    async with shown(qtbot, ports) as window:
        await window.manager.models.load(QWEN)
        ports.provider.engines[QWEN].crash()
        await eventually(lambda: window.toaster.toasts)
        window.show_page("loaded")
        assert not window.toaster.toasts


async def test_that_what_was_loaded_last_time_comes_back_with_one_press(qtbot):
    ports = ports_with_models()
    ports.store.kept_session = (QWEN,)
    async with shown(qtbot, ports) as window:
        banner = window.library_page.restore
        assert banner.isVisible()
        banner.button.setFocus()
        qtbot.mouseClick(banner.button, Qt.MouseButton.LeftButton)
        await eventually(lambda: window.manager.models.instance(QWEN) is not None)
        await eventually(lambda: not banner.isVisible())
        assert window.library_page.browser.hasFocus()


async def test_that_what_was_loaded_last_time_can_be_restored_by_the_program(qtbot):
    ports = ports_with_models()
    ports.store.kept_session = (QWEN, LLAMA)
    async with shown(qtbot, ports) as window:
        window.perform("restore")
        loaded = window.manager.models.instances
        await eventually(lambda: [view.state for view in loaded()] == ["ready", "ready"])
        await eventually(lambda: not window.library_page.restore.isVisible())


async def test_that_a_folder_is_dropped_on_the_window(qtbot, tmp_path):
    ports = fake_ports()
    ports.files.disk[str(tmp_path)] = [spec("Dropped")]
    async with shown(qtbot, ports) as window:
        window.show_page("settings")
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(tmp_path))])
        copy, left, none = (
            Qt.DropAction.CopyAction,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        window.dragEnterEvent(QDragEnterEvent(QPoint(9, 9), copy, data, left, none))
        assert window._overlay.isVisible()
        window.dropEvent(QDropEvent(QPointF(9, 9), copy, data, left, none))
        assert not window._overlay.isVisible()
        await eventually(lambda: window.library_page.view_model.table.rowCount() == 1)
        assert window.page == "library"


async def test_that_a_dropped_model_is_selected_and_offered_to_be_loaded(qtbot):
    ports = ports_with_models()
    ports.files.disk["/downloads"] = [spec("New", path="/downloads/new.gguf")]
    async with shown(qtbot, ports) as window:
        window.add_paths(["/downloads/new.gguf"])
        await eventually(lambda: window.toaster.toasts)
        (toast,) = window.toaster.toasts
        assert toast.words.text() == "new.gguf is added."
        assert window.library_page.view_model.context().model.name == "New"
        button = toast.findChild(QPushButton, "toast_action")
        assert button.text() == "Load"
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        loaded = window.manager.models.instances
        await eventually(lambda: [view.state for view in loaded()] == ["ready"])
        window.add_paths(["/downloads/new.gguf"])
        await eventually(lambda: window.toaster.toasts)
        assert window.toaster.toasts[-1].words.text() == "new.gguf is in the library already."
        assert window.toaster.toasts[-1].findChild(QPushButton, "toast_action") is None


async def test_that_the_reasons_unfold_for_what_cant_be_added(qtbot, tmp_path):
    (tmp_path / "notes.txt").touch()
    ports = fake_ports()
    ports.files.disk[str(tmp_path)] = []
    async with shown(qtbot, ports) as window:
        window.add_paths([str(tmp_path), str(tmp_path / "notes.txt")])
        await eventually(lambda: window.toaster.toasts)
        (toast,) = window.toaster.toasts
        assert toast.words.text() == "1 folder is added; notes.txt can't be added."
        assert "neither a folder nor a GGUF file" in toast._detail.text()


def test_that_the_hint_says_what_a_drop_would_do():
    assert offer(["/d/a.gguf"])[1] == "Drop to add a.gguf"
    assert offer(["/d/a.gguf", "/d/B.GGUF"])[1] == "Drop to add 2 models"
    assert offer(["/d/a.gguf", "/d"])[1] == "Drop to add to the library"


async def test_that_a_later_start_brings_the_window_forward_with_its_file(qtbot, monkeypatch):
    ports = fake_ports()
    ports.files.disk["/downloads"] = [spec("New", path="/downloads/new.gguf")]
    seen = []
    async with shown(qtbot, ports) as window:
        monkeypatch.setattr(window, "activateWindow", lambda: seen.append(os.environ[ACTIVATION]))
        window.showMinimized()
        window.welcome(["/downloads/new.gguf"], "token")
        assert not window.isMinimized()
        assert seen == ["token"]
        assert ACTIVATION not in os.environ
        await eventually(lambda: window.library_page.view_model.table.rowCount() == 1)


def test_that_files_which_macos_opens_wait_for_the_window():
    # A process has one application, and the tests' is another.
    program = """
from PySide6.QtGui import QFileOpenEvent
from app.ui.main_window.arrivals import Application
application = Application(["modelyard"])
taken = []
application.sendEvent(application, QFileOpenEvent("/early.gguf"))
application.attend(taken.extend)
application.sendEvent(application, QFileOpenEvent("/late.gguf"))
print(*taken)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert ended.stdout == "/early.gguf /late.gguf\n"


async def test_that_text_fields_leave_dropped_files_to_the_window(qtbot):
    async with shown(qtbot, fake_ports()) as window:
        window.perform("palette")
        for page in PAGES:
            window.show_page(page)
            assert not [w.objectName() for w in window.findChildren(QWidget) if w.acceptDrops()]
        assert window.acceptDrops()


async def test_that_a_removed_folder_can_be_brought_back(qtbot, tmp_path):
    ports = fake_ports()
    ports.files.disk[str(tmp_path)] = [spec("Model", path=str(tmp_path / "m.gguf"))]
    async with shown(qtbot, ports) as window:
        window.add_paths([str(tmp_path)])
        await eventually(lambda: window.library_page.view_model.table.rowCount() == 1)
        window.perform("remove_folder", str(tmp_path))
        await eventually(lambda: window.library_page.view_model.table.rowCount() == 0)
        await eventually(lambda: window.toaster.toasts)
        undo = window.toaster.toasts[-1].findChild(QPushButton, "toast_action")
        qtbot.mouseClick(undo, Qt.MouseButton.LeftButton)
        await eventually(lambda: window.library_page.view_model.table.rowCount() == 1)


async def test_that_the_theme_changes_with_its_setting(qtbot):
    async with shown(qtbot, fake_ports()) as window:
        await window.manager.settings.set("theme", Choice.DARK)
        await eventually(lambda: window.look.dark)
        window.look.apply(Choice.LIGHT)


async def test_that_a_narrow_window_shows_icons_only(qtbot):
    async with shown(qtbot, fake_ports()) as window:
        window.resize(1000, 700)
        await eventually(lambda: window.sidebar.width() == WIDE)
        window.resize(800, 600)
        await eventually(lambda: window.sidebar.width() == NARROW)


async def test_that_closing_asks_the_program_and_closes_nothing(qtbot):
    async with shown(qtbot, fake_ports()) as window:
        with qtbot.waitSignal(window.close_requested):
            window.close()
        assert window.isVisible()
        assert await window.confirm_close()


async def test_that_closing_over_an_answer_is_asked_once(qtbot):
    ports = ports_with_models()
    async with shown(qtbot, ports) as window:
        await window.manager.models.load(QWEN)
        async with window.manager.models.lease(QWEN, "Playground"):
            reason = "1 model is answering. What is written so far is kept."
            assert window.busy_reason() == reason
            for text, closes in (("Keep working", False), ("Quit", True)):
                asking = asyncio.create_task(window.confirm_close())
                await answer(qtbot, window, text)
                assert await asking is closes
                await eventually(lambda: question(window) is None)
        assert window.busy_reason() is None


async def test_that_enter_keeps_working_when_closing_would_interrupt(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        await window.manager.models.load(QWEN)
        async with window.manager.models.lease(QWEN, "Playground"):
            asking = asyncio.create_task(window.confirm_close())
            await eventually(lambda: question(window))
            qtbot.keyClick(question(window).focusWidget(), Qt.Key.Key_Return)
            assert await asking is False


async def test_that_closing_over_a_load_says_so(qtbot):
    ports = ports_with_models()
    async with shown(qtbot, ports) as window:
        ports.provider.go.clear()
        window.perform("load", QWEN)
        reason = "1 model is loading. The load is given up."
        await eventually(lambda: window.busy_reason() == reason)
        window.perform("cancel_load", QWEN)
        await eventually(lambda: window.busy_reason() is None)


async def test_that_place_page_splitters_and_columns_come_back(qtbot):
    ports = ports_with_models()
    async with shown(qtbot, ports) as window:
        window.setGeometry(20, 30, 760, 620)
        await eventually(lambda: window.width() == 760)
        window.show_page("library")
        splitter = window.findChild(QSplitter, "library")
        splitter.setSizes([300, 380])
        kept = splitter.sizes()
        await window.save_place()
    async with shown(qtbot, ports) as window:
        assert window.geometry() == QRect(20, 30, 760, 620)
        assert window.page == "library"
        await eventually(lambda: window.findChild(QSplitter, "library").sizes() == kept)


async def test_that_order_widths_and_sort_of_the_library_s_columns_come_back(qtbot):
    ports = ports_with_models()
    at = {column.id: number for number, column in enumerate(COLUMNS)}
    async with shown(qtbot, ports) as window:
        window.setGeometry(20, 30, 1700, 700)
        await eventually(lambda: window.width() == 1700)
        browser = window.library_page.browser
        header = browser.horizontalHeader()
        browser.choose_columns((*browser.chosen_columns, "tags"))
        browser.setColumnWidth(at["size"], 117)
        header.moveSection(header.visualIndex(at["state"]), 2)
        browser.sortByColumn(at["parameters"], Qt.SortOrder.DescendingOrder)
        rows = window.library_page.view_model.table.shown()
        await window.save_place()
    async with shown(qtbot, ports) as window:
        browser = window.library_page.browser
        header = browser.horizontalHeader()
        assert browser.columnWidth(at["size"]) == 117
        assert header.visualIndex(at["state"]) == 2
        assert header.sortIndicatorSection() == at["parameters"]
        assert "tags" in browser.chosen_columns
        assert window.library_page.view_model.table.shown() == rows
        browser.open_columns_menu()
        texts = {action.text(): action for action in browser.menu.actions()}
        orders = {action.text(): action for action in texts["Sort by"].menu().actions()}
        assert orders["Params"].isChecked()
        assert orders["Descending"].isChecked()
        orders["Ascending"].trigger()
        assert header.sortIndicatorOrder() is Qt.SortOrder.AscendingOrder
        texts["The usual ones"].trigger()
        browser.menu.close()
        assert header.visualIndex(at["state"]) == at["state"] + 1
        assert browser.columnWidth(at["size"]) == COLUMNS[at["size"]].width
        assert "tags" not in browser.chosen_columns


def test_that_a_window_is_never_out_of_reach():
    screens = [QRect(0, 0, 1920, 1080), QRect(1920, 0, 1280, 1024)]
    far = WindowPlace(x=5000, y=4000, width=1000, height=700)
    assert screens[0].contains(clamped(far, screens))
    second = WindowPlace(x=2000, y=100, width=1000, height=700)
    assert clamped(second, screens) == QRect(2000, 100, 1000, 700)
    above = WindowPlace(x=100, y=-500, width=1000, height=700)
    assert clamped(above, screens).top() == 0
    huge = WindowPlace(width=4000, height=3000)
    assert clamped(huge, screens) == screens[0]
    corner = WindowPlace(x=1910, y=1070, width=1000, height=700)
    reachable = clamped(corner, [screens[0]]).intersected(screens[0])
    assert reachable.width() >= 64
    assert reachable.height() >= 64


async def test_that_a_folder_missing_at_the_start_is_shown_and_not_announced(qtbot):
    ports = fake_ports()
    ports.store.kept_folders["/gone"] = Folder(path="/gone")
    async with shown(qtbot, ports) as window:
        view_model = window.library_page.view_model
        await eventually(lambda: not view_model.folders()[0].present)
        await eventually(
            lambda: "Connect its drive" in view_model.folder_words(Folder(path="/gone"))
        )
        assert not window.toaster.toasts
        window.perform("rescan")
        await eventually(lambda: window.toaster.toasts)
        assert window.toaster.toasts[0].words.text().startswith("/gone isn't there.")


HOSTILE = f"<b>R&D</b> {'long ' * 40}<img src='file:///etc/passwd'>"


async def test_that_a_name_is_no_markup_and_breaks_no_page(qtbot):
    ports = fake_ports()
    model = spec(HOSTILE)
    ports.offer(model)
    async with shown(qtbot, ports) as window:
        window.resize(720, 480)
        await window.manager.models.load(model.id)
        async with window.manager.models.lease(model.id, f"Playground “{HOSTILE}”"):
            for page in ("library", "loaded"):
                window.show_page(page)
                await asyncio.sleep(0.05)
                labels = [
                    label
                    for label in window.pages[page].findChildren(QLabel)
                    if "R&D" in label.text()
                ]
                assert labels
                assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}
            area = window.loaded_page.findChild(QScrollArea)
            assert area.widget().width() <= area.viewport().width()
            eject = window.loaded_page.findChild(QPushButton, "card_eject")
            assert eject.mapTo(area, eject.rect().bottomRight()).x() < area.width()
        bar = window.status_bar
        assert "R&D" in bar.active.accessibleName()
        assert "&&" in bar.active.text()
        assert bar.active.width() < 300
        assert bar.rect().contains(bar.memory.geometry())
        qtbot.mouseClick(bar.active, Qt.MouseButton.LeftButton)
        assert "R&&D" in bar.switcher.actions()[0].text()
        bar.switcher.close()
        for widget in window.findChildren(QWidget):
            assert "<b>" not in widget.toolTip()
        table = window.library_page.view_model.table
        tip = table.data(table.index(0, 0), Qt.ItemDataRole.ToolTipRole)
        assert "<b>" not in tip


async def test_that_an_idle_window_runs_no_timer(qtbot):
    ports = ports_with_models()
    async with shown(qtbot, ports) as window:
        await window.manager.models.load(QWEN)
        for name in ("loaded", "library", "settings"):
            window.show_page(name)
            await eventually(
                lambda: not [timer for timer in window.findChildren(QTimer) if timer.isActive()]
            )


async def test_that_load_settings_open_by_key_once_and_follow_the_model(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        select(window, QWEN)
        modifiers = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        qtbot.keyClick(window, Qt.Key.Key_L, modifiers)
        await eventually(lambda: window.findChild(LoadSettingsDialog))
        dialog = window.findChild(LoadSettingsDialog)
        assert dialog.windowTitle() == "Load settings of Qwen"
        window.perform("load_settings", QWEN)
        assert len(window.findChildren(LoadSettingsDialog)) == 1
        await window.manager.models.load(QWEN)
        said = dialog.findChild(QLabel, "load_status")
        await eventually(lambda: said.text().startswith("It is loaded like this"))
        dialog.reject()
        await eventually(lambda: not window.findChild(LoadSettingsDialog))


async def test_that_the_inspector_says_how_a_model_is_loaded_and_will_be(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        select(window, QWEN)
        models = window.manager.models

        def facts():
            sections = {s.title: s.facts for s in window.library_page.view_model.sections()}
            return {fact.label: fact.value for fact in sections.get("Load settings", ())}

        assert facts() == {}
        kept = LoadSettings(context_length=512, cache_type_k=CacheType.Q8_0)
        spec_of = models.get(QWEN)
        with qtbot.waitSignal(window.library_page.view_model.selection_changed):
            await models.load_settings.save(spec_of, kept)
        assert facts() == {"Next load": "context 512, K q8_0"}
        await models.load(QWEN)
        assert facts() == {"Threads": "2 threads (automatic)", "Loaded with": "K q8_0"}
        await models.load_settings.save(spec_of, LoadSettings())
        assert facts()["Next load"] == "automatic"
