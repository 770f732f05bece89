"""The model browser over the real manager."""

import asyncio
from contextlib import asynccontextmanager

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QLabel, QPushButton, QToolButton

from app.domain.errors import LoadStalled
from app.domain.events import InstanceChanged
from app.domain.models import Folder, ModelId, ModelStatus
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.pages.library_page import LibraryPage
from app.ui.theme import Theme, figures
from app.ui.viewmodels.model_columns import COLUMNS
from app.ui.widgets.chip import Chip
from tests.support.fakes import GIGABYTE, eventually, fake_ports, spec

NAMES = [column.id for column in COLUMNS]


@asynccontextmanager
async def library(qtbot, ports, *, settled=True):
    """A shown page over a started manager, and what it asked for."""
    async with ports.manager() as manager:
        bridge = Bridge(manager)
        intents = Intents()
        page = LibraryPage(manager, Theme(), intents, bridge)
        qtbot.addWidget(page)
        page.resize(1200, 700)
        page.show()
        page.asked, page.drain = [], bridge.drain
        page.requested.connect(lambda *request: page.asked.append(request))
        if settled:
            await eventually(lambda: manager.library.scanning() is None)
            bridge.drain()
            page.view_model.refresh()
        try:
            yield manager, page
        finally:
            await intents.aclose()
            page.close()
            bridge.close()


def names(page):
    return [cell(page, row, "name") for row in range(page.view_model.table.rowCount())]


def cell(page, row, column):
    table = page.view_model.table
    return table.data(table.index(row, NAMES.index(column)))


async def test_that_an_empty_library_offers_one_action(qtbot):
    async with library(qtbot, fake_ports()) as (_, page):
        button = page._empty.button
        assert button.isVisible()
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert page.asked == [("add_folder", "")]


async def test_that_rows_say_what_the_header_of_the_file_says(qtbot):
    ports = fake_ports()
    ports.offer(
        spec("Qwen", size_bytes=4_680_000_000, parameters=7_620_000_000, context_length=32768)
    )
    async with library(qtbot, ports) as (_, page):
        said = [cell(page, 0, name) for name in NAMES[: NAMES.index("state")]]
        assert said == ["Qwen", "llama", "local", "7.6 B", "Q4_K_M", "4.7 GB", "32k", "fits"]


async def test_that_rows_appear_while_the_scan_runs(qtbot):
    ports = fake_ports()
    ports.files.disk["/new"] = [spec("First"), spec("Second")]
    ports.files.go.clear()
    async with library(qtbot, ports) as (manager, page):
        await manager.library.add_folder("/new")
        await eventually(lambda: names(page) == ["First"])
        await eventually(page.scan.isVisible)
        await eventually(lambda: "1 model in 1 file" in page.scan.words())
        qtbot.mouseClick(page.scan.button, Qt.MouseButton.LeftButton)
        assert page.asked == [("cancel_scan", "")]
        ports.files.go.set()
        await eventually(lambda: names(page) == ["First", "Second"])
        await eventually(lambda: not page.scan.isVisible())


async def test_that_search_narrows_and_says_when_nothing_matches(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"), spec("Llama"))
    async with library(qtbot, ports) as (_, page):
        page.focus_search()
        qtbot.keyClicks(page.search, "qw")
        assert names(page) == ["Qwen"]
        qtbot.keyClicks(page.search, "xx")
        assert page._nothing.isVisible()
        qtbot.keyClick(page.search, Qt.Key.Key_Escape)
        assert names(page) == ["Llama", "Qwen"]


async def test_that_what_is_selected_is_among_what_is_shown(qtbot):
    ports = fake_ports()
    ports.offer(spec("Llama"), spec("Mistral"), spec("Qwen"))
    async with library(qtbot, ports) as (_, page):
        page.browser.selectRow(0)
        page.focus_search()
        qtbot.keyClicks(page.search, "mist")
        assert page.view_model.selected.name == "Mistral"
        await eventually(lambda: page.inspector._name.text() == "Mistral")
        qtbot.keyClicks(page.search, "xx")
        assert page.view_model.selected is None
        assert not page.view_model.context().model
        page.search.clear()
        assert page.view_model.selected.name == "Llama"


async def test_that_down_leads_from_the_search_to_a_row_that_is_lit(qtbot):
    ports = fake_ports()
    ports.offer(spec("Llama"), spec("Mistral"), spec("Qwen"))
    async with library(qtbot, ports) as (_, page):
        page.focus_search()
        qtbot.keyClicks(page.search, "qwen")
        qtbot.keyClick(page.search, Qt.Key.Key_Down)
        rows = page.browser.selectionModel().selectedRows()
        assert [row.data() for row in rows] == ["Qwen"]
        assert page.browser.currentIndex().row() == 0


async def test_that_an_order_keeps_the_selection(qtbot):
    ports = fake_ports()
    broken = spec("Broken", status=ModelStatus.INVALID, reason="The file is empty.")
    ports.offer(broken, spec("Whole"))
    async with library(qtbot, ports) as (_, page):
        page.browser.selectRow(0)
        page.browser.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        rows = page.browser.selectionModel().selectedRows()
        assert [row.data() for row in rows] == ["Broken"]


async def test_that_the_count_tells_what_can_be_used(qtbot):
    ports = fake_ports()
    broken = spec("Broken", status=ModelStatus.INVALID, reason="The file is empty.")
    ports.offer(broken, spec("One"), spec("Two"))
    async with library(qtbot, ports) as (_, page):
        assert page._header._note.text() == "2 models, 1 unusable"
        qtbot.keyClicks(page.search, "one")
        assert page._header._note.text() == "1 of 3 models"


async def test_that_no_splitter_hides_size_and_state(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"))
    async with library(qtbot, ports) as (_, page):
        page.resize(668, 480)
        page._splitter.setSizes([1, 10_000])
        await asyncio.sleep(0.05)
        right = sum(page.browser.columnWidth(at) for at in range(len(NAMES)))
        assert not page.browser.isColumnHidden(NAMES.index("size"))
        assert not page.browser.isColumnHidden(NAMES.index("state"))
        assert right <= page.browser.viewport().width()
        metrics = QFontMetrics(figures())
        state = page.browser.columnWidth(NAMES.index("state"))
        assert metrics.horizontalAdvance("finishing answers") + 30 <= state


async def test_that_the_selection_stays_on_its_model(qtbot):
    ports = fake_ports()
    ports.offer(spec("Mistral"), spec("Qwen"))
    async with library(qtbot, ports) as (manager, page):
        page.browser.selectRow(1)
        chosen = page.view_model.selected.id
        ports.files.disk["/more"] = [spec("Alpha")]
        await manager.library.add_folder("/more")
        await eventually(lambda: names(page) == ["Alpha", "Mistral", "Qwen"])
        assert page.view_model.selected.id == chosen
        assert page.browser.currentIndex().row() == 2


async def test_that_a_broken_model_says_why_and_offers_nothing(qtbot):
    ports = fake_ports()
    broken = spec("Broken", status=ModelStatus.INVALID, reason="The file is empty.")
    ports.offer(spec("Whole"), broken)
    async with library(qtbot, ports) as (_, page):
        assert page.view_model.table.model_at(0).reason == "The file is empty."
        assert not page.view_model.table.model_at(1).reason
        page.browser.selectRow(0)
        await eventually(lambda: page.inspector._reason.text() == "The file is empty.")
        shown = [b.objectName() for b in page.inspector.findChildren(QPushButton) if b.isVisible()]
        offered = [name for name in shown if not name.startswith("tab_")]
        assert offered == ["inspector_favourite", "inspector_annotate"]


async def test_that_a_failed_load_says_why_under_its_name(qtbot):
    ports = fake_ports()
    ports.offer(spec("Slow"))
    slow = ModelId("local:Slow")
    ports.provider.failures[slow] = LoadStalled("It made no progress.", "Try it again.")
    async with library(qtbot, ports) as (manager, page):

        def reason() -> str:
            return page.view_model.table.model_at(0).reason

        await asyncio.gather(manager.models.load(slow), return_exceptions=True)
        await eventually(lambda: reason() == "It made no progress.")
        assert cell(page, 0, "state") == "failed"
        await manager.models.dismiss(slow)
        await eventually(lambda: not reason())


async def test_that_a_row_shows_its_reason_in_the_colour_of_an_error(qtbot):
    ports = fake_ports()
    broken = spec("Broken", status=ModelStatus.INVALID, reason="The file is empty.")
    ports.offer(spec("Whole"), broken)
    async with library(qtbot, ports) as (_, page):
        look = page._look
        error = look.color("error").rgb()

        def painted(row: int) -> set[int]:
            cell = page.browser.visualRect(page.view_model.table.index(row, 0))
            image = page.browser.viewport().grab(cell).toImage()
            return {image.pixel(x, y) for x in range(cell.width()) for y in range(cell.height())}

        assert error in painted(0)
        assert error not in painted(1)


async def test_that_the_inspector_keeps_its_widgets_for_models_of_a_family(qtbot):
    ports = fake_ports()
    ports.offer(spec("Llama"), spec("Mistral", size_bytes=3 * GIGABYTE))
    async with library(qtbot, ports) as (_, page):
        await eventually(lambda: page.inspector._name.text() == "Llama")
        shown = page.inspector.findChildren(QLabel)
        page.browser.selectRow(1)
        await eventually(lambda: page.inspector._name.text() == "Mistral")
        assert page.inspector.findChildren(QLabel) == shown
        said = {label.accessibleName() for label in shown}
        assert {"Size: 3.0 GB", "Path: /models/Mistral.gguf"} <= said
        assert not any("Llama" in text for text in said)


async def test_that_a_button_acts_on_the_model_that_the_inspector_shows(qtbot):
    ports = fake_ports()
    ports.offer(spec("Llama"), spec("Mistral"))
    async with library(qtbot, ports) as (_, page):
        await eventually(lambda: page.inspector._name.text() == "Llama")
        load = page.inspector.findChild(QPushButton, "inspector_load")
        page.browser.selectRow(1)
        # The inspector follows with the next frames.
        qtbot.mouseClick(load, Qt.MouseButton.LeftButton)
        assert page.asked == [("load", "local:Llama")]


async def test_that_a_path_leads_to_the_model_of_which_a_copy_lies_there(qtbot):
    ports = fake_ports()
    ports.offer(spec("Llama"), spec("Qwen", copies=("/other/deep/Qwen.gguf",)))
    async with library(qtbot, ports) as (_, page):
        assert page.view_model.at_path("/other") == "local:Qwen"
        assert page.view_model.at_path("/models/Llama.gguf") == "local:Llama"
        assert page.view_model.at_path("/nowhere") is None


async def test_that_buttons_follow_the_state_of_the_selected_model(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"))
    async with library(qtbot, ports) as (manager, page):
        load = page.inspector.findChild(QPushButton, "inspector_load")
        eject = page.inspector.findChild(QPushButton, "inspector_eject")
        assert load.isVisible()
        assert not eject.isVisible()
        qtbot.mouseClick(load, Qt.MouseButton.LeftButton)
        assert page.asked == [("load", "local:Qwen")]
        await manager.models.load(ModelId("local:Qwen"))
        await eventually(lambda: eject.isVisible() and not load.isVisible())
        await eventually(lambda: cell(page, 0, "state") == "ready")


def tab_stops(window):
    stops, widget = [], window.nextInFocusChain()
    while widget is not window:
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible():
            stops.append(widget)
        widget = widget.nextInFocusChain()
    return stops


async def test_that_tab_follows_the_page_though_parts_of_it_come_late(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"))
    async with library(qtbot, ports) as (manager, page):
        ports.files.disk["/more"] = [spec("More")]
        await manager.library.add_folder("/more")
        await eventually(lambda: names(page) == ["More", "Qwen"])
        await eventually(lambda: not page.scan.isVisible())
        page.browser.selectRow(1)
        expected = [
            *("library_search", "library_saved", "library_smallest"),
            *("library_rescan", "library_add_folder"),
            *["chip_remove"] * len(page.view_model.folders()),
            *(chip.objectName() for chip in page.search_bar.facets.chips()),
            *("library_context", "library", "inspector_load", "inspector_switch"),
            *("inspector_load_settings", "inspector_profile_model"),
            *("inspector_favourite", "inspector_annotate"),
            *("tab_overview", "notes_tags", "notes_aliases", "notes_note"),
            *("inspector_convert", "Copy path", "Copy id", "digest_start"),
        ]

        def stops() -> list[str]:
            return [stop.objectName() or stop.accessibleName() for stop in tab_stops(page)]

        # The folder's chip and the chosen model's facts come with the next frames.
        await eventually(lambda: stops() == expected)


async def test_that_the_focus_stays_on_the_page_when_its_button_goes(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"))
    async with library(qtbot, ports) as (manager, page):
        page.activateWindow()
        load = page.inspector.findChild(QPushButton, "inspector_load")
        load.setFocus()
        await eventually(load.hasFocus)
        await manager.models.load(ModelId("local:Qwen"))
        await eventually(lambda: not load.isVisible())
        assert page.browser.hasFocus()


async def test_that_enter_and_double_click_open_the_model(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"))
    async with library(qtbot, ports) as (_, page):
        qtbot.keyClick(page.browser, Qt.Key.Key_Return)
        middle = page.browser.visualRect(page.view_model.table.index(0, 0)).center()
        qtbot.mouseClick(page.browser.viewport(), Qt.MouseButton.LeftButton, pos=middle)
        qtbot.mouseDClick(page.browser.viewport(), Qt.MouseButton.LeftButton, pos=middle)
        assert page.asked == [("open", "local:Qwen")] * 2


async def test_that_the_menu_of_a_row_asks_for_its_model(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"))
    async with library(qtbot, ports) as (_, page):
        page.browser._open_menu(QPoint(10, 10))
        texts = {action.text(): action for action in page.browser.menu.actions()}
        assert texts["Load"].isEnabled()
        assert not texts["Eject"].isEnabled()
        texts["Load"].trigger()
        page.browser.menu.close()
        assert page.asked == [("load", "local:Qwen")]
        await eventually(lambda: page.browser.menu is None)


async def test_that_a_missing_folder_is_greyed_and_can_be_removed(qtbot):
    ports = fake_ports()
    ports.store.kept_folders["/gone"] = Folder(path="/gone")
    async with library(qtbot, ports) as (_, page):
        await eventually(lambda: not page.view_model.folders()[0].present)
        page.view_model.folders_changed.emit()
        chip = page.findChildren(Chip)[-1]
        assert "isn't there" in chip.toolTip()
        qtbot.mouseClick(chip.findChild(QToolButton, "chip_remove"), Qt.MouseButton.LeftButton)
        assert page.asked == [("remove_folder", "/gone")]


async def test_that_the_inspector_says_where_a_capability_comes_from(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"))
    async with library(qtbot, ports) as (_, page):
        page.inspector.show_tab("capabilities")
        said = (
            page.inspector.findChild(QLabel, "verdict_chat"),
            page.inspector.findChild(QLabel, "evidence_chat"),
        )
        assert [label.text() for label in said] == ["yes", "chat template · certain"]
        facts = {fact.label: fact for part in page.view_model.sections() for fact in part.facts}
        assert facts["Can do"].value == "Chat"
        assert facts["Path"].value == "/models/Qwen.gguf"
        assert facts["Predicted"].value == "1.1 GB"
        assert facts["Predicted"].hint == "from the file's header"


async def test_that_the_inspector_plans_a_model_s_memory_exactly(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"))
    ports.provider.sizes[ModelId("local:Qwen")] = 2 * GIGABYTE
    async with library(qtbot, ports) as (manager, page):
        page.inspector.show_tab("fit")
        plan = page.inspector.findChild(QPushButton, "inspector_plan_memory")
        qtbot.mouseClick(plan, Qt.MouseButton.LeftButton)
        assert page.asked == [("plan_memory", "local:Qwen")]
        plan.setFocus()
        await manager.memory.run_dry(ModelId("local:Qwen"))

        def facts():
            found = (fact for part in page.view_model.sections() for fact in part.facts)
            return {fact.label: fact for fact in found}

        await eventually(
            lambda: page.inspector.findChild(QPushButton, "inspector_plan_memory") is None
        )
        assert (facts()["Predicted"].value, facts()["Weights"].value) == ("2.0 GB", "2.0 GB")
        assert facts()["Predicted"].hint == "from a dry run"
        assert page.browser.hasFocus()
        async with manager.models.lease("local:Qwen", "chat"):
            pass
        assert facts()["Predicted"].hint.startswith("measured last time")


async def test_that_a_narrow_table_keeps_the_name_readable(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"))
    async with library(qtbot, ports) as (_, page):
        page.resize(760, 600)
        await asyncio.sleep(0.05)
        browser = page.browser
        shown = [name for at, name in enumerate(NAMES) if not browser.isColumnHidden(at)]
        assert "provider" not in shown
        assert {"name", "size", "state"} <= set(shown)
        page.resize(1600, 600)
        await asyncio.sleep(0.05)
        hidden = {name for at, name in enumerate(NAMES) if browser.isColumnHidden(at)}
        assert hidden == {"tags", "aliases", "last_used"}


def readings_of(devices):
    """A list that gets an entry with each reading of the machine's memory."""
    readings, memory = [], devices.memory

    def read():
        readings.append(memory())
        return readings[-1]

    devices.memory = read
    return readings


async def test_that_memory_is_read_once_for_all_rows(qtbot):
    ports = fake_ports()
    ports.offer(*(spec(f"Model {number}") for number in range(9)))
    async with library(qtbot, ports) as (_, page):
        readings = readings_of(ports.devices)
        page.view_model._facts.forget_room()
        assert [cell(page, row, "fit") for row in range(9)] == ["fits"] * 9
        assert len(readings) == 1


async def test_that_progress_reads_no_memory_and_repaints_its_own_row_only(qtbot):
    ports = fake_ports()
    ports.offer(spec("Llama"), spec("Mistral"), spec("Qwen"))
    ports.provider.go.clear()
    async with library(qtbot, ports) as (manager, page):
        loading = asyncio.create_task(manager.models.load(ModelId("local:Mistral")))
        await eventually(lambda: cell(page, 1, "state") == "loading 25 %")
        readings, announced = readings_of(ports.devices), []
        page.view_model.table.dataChanged.connect(
            lambda first, last: announced.append((first.row(), last.row()))
        )
        page.browser.sortByColumn(NAMES.index("state"), Qt.SortOrder.AscendingOrder)
        page.drain()
        assert [cell(page, row, "fit") for row in range(3)] == ["fits"] * 3
        readings.clear()
        announced.clear()
        view = manager.models.instance(ModelId("local:Mistral"))
        further = view.model_copy(update={"progress": 0.5})
        manager.events.publish(InstanceChanged(instance=further))
        page.drain()
        assert announced == [(0, 0)]
        page.browser.viewport().repaint()
        assert readings == []
        ports.provider.go.set()
        await loading
        await eventually(lambda: readings)


async def test_that_columns_sort_with_unknown_values_last(qtbot):
    ports = fake_ports()
    ports.offer(spec("Big", parameters=70), spec("Small", parameters=3), spec("X", parameters=None))
    async with library(qtbot, ports) as (_, page):
        at = NAMES.index("parameters")
        page.browser.sortByColumn(at, Qt.SortOrder.DescendingOrder)
        assert names(page) == ["Big", "Small", "X"]
        page.browser.sortByColumn(at, Qt.SortOrder.AscendingOrder)
        assert names(page) == ["Small", "Big", "X"]


async def test_that_the_table_keeps_the_rules_of_item_models(qtbot, qtmodeltester):
    ports = fake_ports()
    ports.offer(spec("Qwen"), spec("Llama"))
    async with library(qtbot, ports) as (manager, page):
        qtmodeltester.check(page.view_model.table, force_py=True)
        page.view_model.search("qwen")
        await manager.models.load(ModelId("local:Qwen"))
        page.view_model.table.touch()


async def test_that_ten_thousand_rows_are_searched(qtbot):
    ports = fake_ports()
    for number in range(10_000):
        item = spec(f"Model {number:05d}")
        ports.store.kept_models[item.id] = item
        ports.files.disk.setdefault("/models", []).append(item)
    async with library(qtbot, ports) as (_, page):
        assert page.view_model.table.rowCount() == 10_000
        qtbot.keyClicks(page.search, "model 0999")
        assert page.view_model.table.rowCount() == 11
        assert page._header._note.text() == "11 of 10,000 models"
