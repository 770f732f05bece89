"""The Library's query line over the real manager: completion, facets, saved searches, notes."""

import asyncio

from PySide6.QtCore import QPoint, Qt

from app.domain.models import Capability, CapabilityFact, Folder, ModelId, ModelShape, Store
from app.domain.settings import WindowPlace
from app.ui.widgets.chip import Chip
from tests.support.fakes import GIGABYTE, eventually, fake_ports, spec
from tests.ui.test_library_page import NAMES, cell, library, names

TOOLS = CapabilityFact(capability=Capability.TOOLS, value=True, source="x")


def offers(page):
    model = page.search.offers.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def checked(page):
    return [chip.text() for chip in page.search_bar.facets.chips() if chip.isChecked()]


async def test_that_fields_filter_and_problems_are_said(qtbot):
    ports = fake_ports()
    ports.offer(spec("Coder", capabilities=(TOOLS,)), spec("Giant", size_bytes=90 * GIGABYTE))
    async with library(qtbot, ports) as (_, page):
        page.search.setText("cap:tools")
        assert names(page) == ["Coder"]
        page.search.setText("size:>50GB")
        assert names(page) == ["Giant"]
        page.search.setText("fits")
        assert names(page) == ["Coder"]
        assert not page.search_bar.problem.isVisible()
        page.search.setText("size:huge")
        assert "isn't a number" in page.search_bar.problem.text()
        assert page.search_bar.problem.isVisible()


async def test_that_the_line_is_completed_by_keyboard(qtbot):
    ports = fake_ports()
    ports.offer(spec("Coder", capabilities=(TOOLS,)), spec("Plain"))
    async with library(qtbot, ports) as (_, page):
        page.activateWindow()
        page.focus_search()
        qtbot.keyClicks(page.search, "ca")
        assert offers(page) == ["cap:"]
        assert page.search.offers.isVisible()
        qtbot.keyClick(page.search, Qt.Key.Key_Tab)
        assert page.search.text() == "cap:"
        qtbot.keyClicks(page.search, "to")
        qtbot.keyClick(page.search, Qt.Key.Key_Return)
        assert page.search.text() == "cap:tools "
        assert names(page) == ["Coder"]
        assert not page.search.offers.isVisible()
        qtbot.keyClicks(page.search, "arch:")
        assert page.search.offers.isVisible()
        qtbot.keyClick(page.search, Qt.Key.Key_Escape)
        assert not page.search.offers.isVisible()
        assert page.search.text() == "cap:tools arch:"
        qtbot.keyClick(page.search, Qt.Key.Key_Escape)
        assert page.search.text() == ""


async def test_that_one_blank_follows_what_was_accepted(qtbot):
    ports = fake_ports()
    ports.offer(spec("Coder", capabilities=(TOOLS,)))
    async with library(qtbot, ports) as (_, page):
        page.activateWindow()
        page.focus_search()
        page.search.setText("cap:to  coder")
        page.search.setCursorPosition(6)
        page.search.offer()
        qtbot.keyClick(page.search, Qt.Key.Key_Tab)
        assert page.search.text() == "cap:tools coder"
        assert page.search.cursorPosition() == len("cap:tools ")
        qtbot.keyClicks(page.search, " ")
        assert page.search.text() == "cap:tools coder"
        qtbot.keyClicks(page.search, '"a  b"')
        assert page.search.text() == 'cap:tools "a  b"coder'


async def test_that_what_is_half_typed_is_no_mistake_yet(qtbot):
    ports = fake_ports()
    ports.offer(spec("Coder", capabilities=(TOOLS,)))
    async with library(qtbot, ports) as (_, page):
        page.activateWindow()
        page.focus_search()
        qtbot.keyClicks(page.search, "cap:to")
        assert page.search.offers.isVisible()
        assert not page.search_bar.problem.isVisible()
        qtbot.keyClick(page.search, Qt.Key.Key_Escape)
        assert page.search_bar.problem.isVisible()


async def test_that_arrows_choose_among_the_ways_to_go_on(qtbot):
    ports = fake_ports()
    ports.offer(spec("Plain"))
    async with library(qtbot, ports) as (_, page):
        page.focus_search()
        qtbot.keyClicks(page.search, "f")
        assert offers(page) == ["fits", "favourite"]
        qtbot.keyClick(page.search, Qt.Key.Key_Down)
        qtbot.keyClick(page.search, Qt.Key.Key_Tab)
        assert page.search.text() == "favourite "


async def test_that_facets_and_the_line_never_disagree(qtbot):
    ports = fake_ports()
    ports.offer(spec("Coder", capabilities=(TOOLS,)), spec("Plain"))
    async with library(qtbot, ports) as (_, page):
        chip = next(c for c in page.search_bar.facets.chips() if c.text() == "Tools")
        qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
        assert page.search.text() == "cap:tools"
        assert names(page) == ["Coder"]
        page.search.setText("qwen CAP:tools fits")
        assert checked(page) == ["Fits", "Tools"]
        qtbot.keyClick(chip, Qt.Key.Key_Space)
        assert page.search.text() == "qwen fits"
        assert checked(page) == ["Fits"]


async def test_that_loaded_follows_what_is_loaded(qtbot):
    ports = fake_ports()
    ports.offer(spec("Alpha"), spec("Beta"))
    async with library(qtbot, ports) as (manager, page):
        page.search.setText("loaded")
        assert names(page) == []
        await manager.models.load(ModelId("local:Beta"))
        await eventually(lambda: names(page) == ["Beta"])


async def test_that_a_favourite_has_a_star_and_is_found(qtbot):
    ports = fake_ports()
    ports.offer(spec("Alpha"), spec("Beta"))
    async with library(qtbot, ports) as (manager, page):
        at = page.view_model.table.index(1, NAMES.index("favourite"))
        middle = page.browser.visualRect(at).center()
        qtbot.mouseClick(page.browser.viewport(), Qt.MouseButton.LeftButton, pos=middle)
        assert page.asked == [("favourite", "local:Beta")]
        await manager.annotations.set_favourite(ModelId("local:Beta"), favourite=True)
        await eventually(lambda: cell(page, 1, "favourite") == "★")
        assert page.view_model.context().favourite
        assert "favourite" in page.view_model.state()
        page.search.setText("favourite")
        assert names(page) == ["Beta"]
        await manager.annotations.set_favourite(ModelId("local:Beta"), favourite=False)
        await eventually(lambda: names(page) == [])


async def test_that_the_smallest_model_that_fits_is_one_press_away(qtbot):
    ports = fake_ports()
    ports.offer(
        spec("Big Tool", size_bytes=3 * GIGABYTE, capabilities=(TOOLS,)),
        spec("Small Tool", size_bytes=2 * GIGABYTE, capabilities=(TOOLS,)),
        spec("Tiny", size_bytes=GIGABYTE),
    )
    async with library(qtbot, ports) as (_, page):
        assert page.choose_smallest()
        assert page.view_model.selected.name == "Tiny"
        assert page.choose_smallest("tools")
        assert page.search.text() == "cap:tools"
        assert page.view_model.selected.name == "Small Tool"
        assert not page.choose_smallest("vision")


async def test_that_fits_are_told_at_the_length_that_is_dragged(qtbot):
    ports = fake_ports()
    shape = ModelShape(
        block_count=32,
        embedding_length=4096,
        head_count=32,
        kv_heads=(8,) * 32,
        key_length=128,
        value_length=128,
        vocabulary=32_000,
    )
    ports.offer(spec("Long", context_length=1_048_576, shape=shape))
    async with library(qtbot, ports) as (_, page):
        slider = page.search_bar.context.slider
        assert slider.accessibleName() == "Context length to fit: Fit as set"
        needs = []
        for step in (1, slider.maximum()):
            slider.setValue(step)
            needs.append(page.view_model._facts.need(page.view_model.table.spec_at(0)))
        assert needs[0] < needs[1]
        kept = page.with_place(WindowPlace())
        assert kept.fit_context == 1_048_576
        slider.setValue(0)
        page.restore_place(kept)
        assert page.search_bar.context.length == 1_048_576


async def test_that_columns_are_chosen_and_kept(qtbot):
    ports = fake_ports()
    ports.offer(spec("Alpha"))
    async with library(qtbot, ports) as (manager, page):
        page.resize(1700, 600)
        await asyncio.sleep(0.05)
        browser = page.browser
        assert browser.isColumnHidden(NAMES.index("tags"))
        browser.open_columns_menu(QPoint())
        texts = {action.text(): action for action in browser.menu.actions()}
        texts["Tags"].trigger()
        texts["Provider"].trigger()
        browser.menu.close()
        assert not browser.isColumnHidden(NAMES.index("tags"))
        assert browser.isColumnHidden(NAMES.index("provider"))
        await manager.annotations.set_tags(ModelId("local:Alpha"), ["Work", "fast"])
        await eventually(lambda: cell(page, 0, "tags") == "work, fast")
        kept = page.with_place(WindowPlace())
        browser.choose_columns(())
        page.restore_place(kept)
        assert "tags" in browser.chosen_columns
        assert "provider" not in browser.chosen_columns


async def test_that_saved_searches_are_offered_and_forgotten(qtbot):
    ports = fake_ports()
    ports.offer(spec("Alpha"))
    async with library(qtbot, ports) as (manager, page):
        await manager.searches.save("Small ones", "size:<2GB")
        menu = page.search_bar.saved.menu()
        menu.aboutToShow.emit()
        texts = {action.text(): action for action in menu.actions()}
        assert not texts["Save search…"].isEnabled()
        texts["Small ones"].trigger()
        assert page.search.text() == "size:<2GB"
        texts["Forget"].menu().actions()[0].trigger()
        assert page.asked == [("forget_search", "Small ones")]


async def test_that_stores_are_named_and_grey_when_gone(qtbot):
    ports = fake_ports()
    ports.offer(spec("Alpha"))
    async with library(qtbot, ports) as (_, page):
        gone = Folder(path="/home/ann/.ollama", store=Store.OLLAMA, present=False)
        page.view_model.stores = lambda: (gone,)
        page.view_model.folders_changed.emit()
        chip = page.findChild(Chip, "store_/home/ann/.ollama")
        assert "Ollama (missing)" in [
            label.text() for label in chip.findChildren(object) if hasattr(label, "text")
        ]
        assert "Read only" in chip.toolTip()
        assert chip.cross is None
