"""The Profile page by its buttons and keys, over the real manager."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QPushButton

from app.ui.pages.profile_page import ProfilePage
from tests.support.fakes import eventually, fake_ports, spec
from tests.ui.rig import ALPHA, BETA, Rig, rig


async def page_of(r: Rig, qtbot) -> ProfilePage:
    page = ProfilePage(r.manager, r.look, r.intents, r.bridge)
    qtbot.addWidget(page)
    page.resize(1000, 760)
    page.show()
    await eventually(lambda: page.charts)
    return page


async def test_that_profile_measures_and_selects_the_new_run(qtbot) -> None:
    async with rig(ALPHA, BETA) as r:
        page = await page_of(r, qtbot)
        assert page.no_runs.isVisible()
        page.choice.activated.emit(page.choice.findText("beta"))
        qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
        assert page.button.text() == "Cancel"
        assert not page.choice.isEnabled()
        await eventually(lambda: page.button.text() == "Profile")
        assert page.heading.text().startswith("beta")
        assert page.table.currentIndex().row() == 0
        assert page.charts.speed.figures.rowCount() == 5
        qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
        await eventually(lambda: page.button.text() == "Profile")
        page.table.selectRow(1)
        assert page.view_model.shown == page.view_model.runs.row_at(1)


async def test_that_the_list_is_filled_again_only_when_it_changed(qtbot) -> None:
    async with rig(ALPHA, BETA) as r:
        page = await page_of(r, qtbot)
        filled: list[int] = []
        page.choice.model().rowsInserted.connect(lambda _, first, last: filled.append(last))
        page.choice.activated.emit(page.choice.findText("beta"))
        assert filled == []
        page.hide()
        await r.load(BETA)
        r.bridge.drain()
        assert filled == []
        page.show()
        assert page.choice.currentText() == "beta (loaded)"


async def test_that_another_model_is_proposed_when_the_chosen_one_is_gone(qtbot) -> None:
    async with rig(BETA) as r:
        r.ports.files.disk["/new"] = [spec("gone", path="/new/gone.gguf")]
        page = await page_of(r, qtbot)
        await r.manager.library.add_folder("/new")
        await eventually(lambda: page.choice.findText("gone") >= 0)
        page.choice.activated.emit(page.choice.findText("gone"))
        assert page.choice.currentText() == "gone"
        await r.manager.library.remove_folder("/new")
        await eventually(lambda: page.choice.findText("gone") < 0)
        assert page.choice.currentText() == "beta"


async def test_that_escape_cancels_a_run(qtbot) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        page = await page_of(r, qtbot)
        qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
        await eventually(lambda: page.waiting.words.text() == "Warming up")
        qtbot.keyClick(page, Qt.Key.Key_Escape)
        await eventually(lambda: page.button.text() == "Profile")
        assert page.no_runs.isVisible()


async def test_that_charts_grow_while_a_run_goes_on(qtbot) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        page = await page_of(r, qtbot)
        grown: list[int] = []

        def hold() -> None:
            grown.append(len(page.view_model.series().gaps))
            if len(grown) == 30:
                engine.go.clear()

        page.view_model.grew.connect(hold)
        qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
        await eventually(lambda: not engine.go.is_set())
        await eventually(lambda: page.charts.speed.figures.rowCount() >= 1)
        assert not page._frame.isActive()
        engine.go.set()
        await eventually(lambda: page.button.text() == "Profile")


async def test_that_delete_asks_first(qtbot) -> None:
    async with rig(ALPHA) as r:
        page = await page_of(r, qtbot)
        page.profile(ALPHA.id)
        await eventually(lambda: not page.view_model.running)
        for answer, left in (("Cancel", 1), ("Delete", 0)):
            qtbot.mouseClick(page.delete, Qt.MouseButton.LeftButton)
            await eventually(lambda: page.findChild(QDialog, "question"))
            button = page.findChild(QDialog, "question").findChild(QPushButton, f"answer_{answer}")
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
            await eventually(lambda: page.findChild(QDialog, "question") is None)
            await eventually(lambda left=left: page.view_model.runs.rowCount() == left)
        assert page.no_runs.isVisible()


async def test_that_without_models_the_library_is_one_click_away(qtbot) -> None:
    async with rig() as r:
        page = await page_of(r, qtbot)
        assert page.no_models.isVisible()
        assert not page.button.isEnabled()
        with qtbot.waitSignal(page.navigate) as asked:
            qtbot.mouseClick(page.no_models.button, Qt.MouseButton.LeftButton)
        assert asked.args == ["library"]


async def test_that_the_newest_run_is_shown_and_selected_after_a_restart(qtbot) -> None:
    ports = fake_ports()
    async with rig(ALPHA, ports=ports) as r:
        profiling = r.profiling()
        assert profiling.start()
        await eventually(lambda: not profiling.running)
    async with rig(ports=ports) as r:
        page = ProfilePage(r.manager, r.look, r.intents, r.bridge)
        qtbot.addWidget(page)
        page.show()
        assert page.heading.text().startswith("alpha · ")
        assert page.table.currentIndex().row() == 0
        assert page.loading.isVisible()
        await eventually(lambda: page.charts)
        assert page.charts.isVisible()


async def test_that_charts_keep_their_height_in_a_small_window(qtbot) -> None:
    async with rig(ALPHA) as r:
        page = await page_of(r, qtbot)
        page.profile(ALPHA.id)
        await eventually(lambda: not page.view_model.running)
        page.resize(660, 420)
        for chart in (page.charts.speed, page.charts.latency):
            assert chart.height() >= chart.minimumSizeHint().height() > 150
        assert page.charts.width() <= page._chart_area.viewport().width()


async def test_that_a_loaded_model_can_be_measured_without_its_folder(qtbot) -> None:
    async with rig(BETA) as r:
        gone = spec("gone", path="/new/gone.gguf")
        r.ports.files.disk["/new"] = [gone]
        page = await page_of(r, qtbot)
        await r.manager.library.add_folder("/new")
        await eventually(lambda: page.choice.findText("gone") >= 0)
        await r.load(gone)
        await r.manager.library.remove_folder("/new")
        await eventually(lambda: r.manager.models.search() == (BETA,))
        r.bridge.drain()
        assert page.choice.findText("gone (loaded)") == 0


async def test_that_the_focus_stays_on_the_page_while_a_run_goes_on(qtbot) -> None:
    async with rig(ALPHA) as r:
        page = await page_of(r, qtbot)
        page.profile(ALPHA.id)
        await eventually(lambda: not page.view_model.running)
        page.activateWindow()
        for widget in (page.table, page.choice, page.delete):
            widget.setFocus()
            await eventually(widget.hasFocus)
            page.profile(ALPHA.id)
            assert page.button.hasFocus()
            await eventually(lambda: not page.view_model.running)
