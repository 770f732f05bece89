"""The command palette: what it finds, and the keyboard in it."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.domain.models import ModelStatus
from app.ui.actions import ACTIONS, Context
from app.ui.viewmodels.palette import MOST_MODELS, MOST_RECENT, Palette
from app.ui.viewmodels.unavailable import NO_MODEL, OTHERWISE, why
from tests.support.fakes import eventually, fake_ports, spec
from tests.ui.rig import rig
from tests.ui.test_main_window import LLAMA, QWEN, ports_with_models, select, shown

CONTROL = Qt.KeyboardModifier.ControlModifier


def texts(entries):
    return [entry.text for entry in entries]


def open_palette(qtbot, window):
    qtbot.keyClick(window.focusWidget() or window, Qt.Key.Key_K, CONTROL)
    assert window.command_palette.isVisible()
    return window.command_palette


def found(palette):
    return [
        palette.list.model().index(row, 0).data() for row in range(palette.list.model().rowCount())
    ]


async def test_that_words_find_actions_and_models_the_best_first(qtbot):
    models = (spec("Llama 3 Instruct"), spec("Loaf", path="/models/instruct/loaf.gguf"))
    async with rig(*models) as r:
        await r.manager.library.add_folder("/models")
        await eventually(lambda: len(r.manager.models.search()) == 2)
        palette = Palette(r.manager, Context)
        assert texts(palette.find("load"))[:2] == ["Load", "Loaded"]
        assert texts(palette.find("instr lla")) == ["Llama 3 Instruct", "Loaf"]
        assert texts(palette.find("instruct")) == ["Llama 3 Instruct", "Loaf"]
        assert texts(palette.find("gguf file"))[:1] == ["Add file…"]
        assert "New conversation" in texts(palette.find("nwcnv"))
        assert palette.find("xyzzy") == []


async def test_that_lately_chosen_ones_and_loaded_ones_come_first(qtbot):
    async with rig(spec("Beta"), spec("Alpha")) as r:
        await r.manager.library.add_folder("/models")
        await eventually(lambda: len(r.manager.models.search()) == 2)
        palette = Palette(r.manager, Context)
        assert "Alpha" not in texts(palette.find(""))
        await r.load(spec("Beta"))
        assert texts(palette.find(""))[0] == "Beta"
        assert palette.find("")[0].state == "active, ready"
        quitting = next(entry for entry in palette.find("quit") if entry.action == "quit")
        palette.remember(quitting)
        palette.remember(palette.find("alpha")[0])
        assert texts(palette.find(""))[:3] == ["Alpha", "Quit Modelyard", "Beta"]
        for action in (
            "library",
            "loaded",
            "settings",
            "profile",
            "rescan",
            "search",
            "columns",
            "restore",
        ):
            palette.remember(replace(quitting, action=action))
        assert len(palette.recent) == MOST_RECENT
        gone = Palette(r.manager, Context, ("local:gone", "action gone"))
        assert "local:gone" not in [entry.model_id for entry in gone.find("")]


async def test_that_few_specs_are_built_however_many_models_there_are(qtbot):
    ports = fake_ports()
    ports.offer(*(spec(f"Model {n:03}") for n in range(300)))
    async with rig(ports=ports) as r:
        await r.manager.library.add_folder("/models")
        await eventually(lambda: r.manager.models.count(ModelStatus.AVAILABLE) == 300)
        asked = []
        get = r.manager.models.get
        r.manager.models.get = lambda model_id: asked.append(model_id) or get(model_id)
        entries = Palette(r.manager, Context).find("model")
        assert sum(entry.model_id is not None for entry in entries) == MOST_MODELS
        assert len(asked) == MOST_MODELS


def test_that_every_action_that_can_be_off_says_why(qtbot):
    broken = spec("broken", status=ModelStatus.MISSING)
    for context in (
        Context(page="loaded"),
        Context(model=spec("a")),
        Context(model=broken),
        Context(scanning=True),
    ):
        for info in ACTIONS.values():
            if not info.enabled(context):
                assert why(info.id, context)
    assert why("load", Context()) == NO_MODEL
    assert why("load", Context(model=broken)) == "its file is missing or broken"
    assert why("switch", Context(model=spec("a"), active=spec("a").id)) == "it is active already"
    assert why("rescan", Context(scanning=True)) == "a scan is under way"
    assert why("something new", Context()) == OTHERWISE


async def test_that_enter_loads_and_ctrl_enter_shows_in_the_library(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        window.show_page("settings")
        palette = open_palette(qtbot, window)
        qtbot.keyClicks(palette.line, "qwen")
        assert found(palette) == ["Qwen"]
        qtbot.keyClick(palette.line, Qt.Key.Key_Return, CONTROL)
        assert not palette.isVisible()
        assert window.page == "library"
        assert window.library_page.view_model.context().model.id == QWEN
        palette = open_palette(qtbot, window)
        assert found(palette)[0] == "Qwen"
        qtbot.keyClicks(palette.line, "llama")
        qtbot.keyClick(palette.line, Qt.Key.Key_Return)
        await eventually(lambda: window.manager.models.instance(LLAMA))
        await eventually(lambda: window.manager.models.instance(LLAMA).state == "ready")
        window.show_page("settings")
        palette = open_palette(qtbot, window)
        qtbot.keyClicks(palette.line, "llama")
        qtbot.keyClick(palette.line, Qt.Key.Key_Return)
        assert window.page == "playground"


async def test_that_an_action_is_carried_out_by_key_and_by_mouse(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        palette = open_palette(qtbot, window)
        qtbot.keyClicks(palette.line, "settings")
        qtbot.keyClick(palette.line, Qt.Key.Key_Return)
        assert window.page == "settings"
        palette = open_palette(qtbot, window)
        qtbot.keyClicks(palette.line, "profile")
        place = palette.list.visualRect(palette.list.model().index(0, 0)).center()
        QTest.mouseClick(palette.list.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place))
        assert window.page == "profile"


async def test_that_escape_gives_the_keyboard_back(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        window.show_page("playground")
        before = window.focusWidget()
        palette = open_palette(qtbot, window)
        assert window.focusWidget() is palette.line
        qtbot.keyClick(palette.line, Qt.Key.Key_Escape)
        assert not palette.isVisible()
        assert window.focusWidget() is before
        window.show_page("library")
        window.library_page.focus_search()
        open_palette(qtbot, window)
        qtbot.keyClick(palette.line, Qt.Key.Key_K, CONTROL)
        assert not palette.isVisible()
        assert window.focusWidget() is window.library_page.search
        open_palette(qtbot, window)
        window.sidebar.button("loaded").setFocus(Qt.FocusReason.MouseFocusReason)
        assert not palette.isVisible()


async def test_that_the_arrows_go_round_and_tab_stays_inside(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        palette = open_palette(qtbot, window)
        last = palette.list.model().rowCount() - 1
        for key, row in (
            (Qt.Key.Key_Up, last),
            (Qt.Key.Key_Down, 0),
            (Qt.Key.Key_Tab, 1),
            (Qt.Key.Key_Backtab, 0),
            (Qt.Key.Key_PageUp, 0),
            (Qt.Key.Key_PageDown, 11),
        ):
            qtbot.keyClick(palette.line, key)
            assert palette.list.currentIndex().row() == row
            assert window.focusWidget() is palette.line
        entry = palette.list.model().entries[11]
        assert palette.line.accessibleDescription() == entry.spoken


async def test_that_a_disabled_action_says_why_and_does_nothing(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        window.show_page("settings")
        palette = open_palette(qtbot, window)
        qtbot.keyClicks(palette.line, "eject")
        (entry, *_) = palette.list.model().entries
        assert (entry.enabled, entry.state) == (False, NO_MODEL)
        assert entry.spoken == f"Eject, unavailable, {NO_MODEL}, {entry.shortcut}"
        qtbot.keyClick(palette.line, Qt.Key.Key_Return)
        assert palette.isVisible()
        qtbot.keyClick(palette.line, Qt.Key.Key_Escape)
        window.show_page("library")
        select(window, QWEN)
        palette = open_palette(qtbot, window)
        qtbot.keyClicks(palette.line, "eject")
        assert palette.list.model().entries[0].state == "it isn't loaded"


async def test_that_nothing_found_is_said(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        palette = open_palette(qtbot, window)
        qtbot.keyClicks(palette.line, "xyzzy")
        assert palette.none.isVisible()
        assert not palette.list.isVisible()
        assert palette.line.accessibleDescription() == palette.none.text()
        qtbot.keyClick(palette.line, Qt.Key.Key_Return)
        assert palette.isVisible()


async def test_that_what_was_chosen_is_remembered_by_the_next_run(qtbot):
    ports = ports_with_models()
    async with shown(qtbot, ports) as window:
        palette = open_palette(qtbot, window)
        qtbot.keyClicks(palette.line, "profile")
        qtbot.keyClick(palette.line, Qt.Key.Key_Return)
        await window.save_place()
    async with shown(qtbot, ports) as window:
        assert found(open_palette(qtbot, window))[0] == "Profile"


@pytest.mark.parametrize("size", [(720, 480), (1600, 1000)])
async def test_that_it_fits_into_any_window(qtbot, size):
    async with shown(qtbot, ports_with_models()) as window:
        window.resize(*size)
        palette = open_palette(qtbot, window)
        assert window.rect().contains(palette.geometry())
        window.resize(900, 600)
        await eventually(lambda: window.width() == 900)
        await eventually(lambda: abs(palette.geometry().center().x() - 450) <= 1)
