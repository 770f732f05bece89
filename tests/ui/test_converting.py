"""Converting a model: the dialog, what goes on without it, and what came of it."""

from contextlib import asynccontextmanager

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QPushButton, QTableView

from app.domain.errors import InvalidFile
from app.domain.models import ModelId
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.main_window import MainWindow
from app.ui.theme import Theme
from tests.support.fakes import eventually, fake_ports, spec

A = spec("a", path="/models/a-F16.gguf", quantisation="F16")
MADE = spec("made", path="/models/a-Q4_K_M.gguf")


class Converted:
    """A window over a library with one model of full weights, and its dialog."""

    def __init__(self, qtbot, window: MainWindow, manager) -> None:
        self.qtbot = qtbot
        self.window = window
        self.manager = manager

    @property
    def dialog(self) -> QDialog | None:
        found = self.window.findChildren(QDialog, "convert")
        return next((dialog for dialog in found if dialog.isVisible()), None)

    async def open(self) -> QDialog:
        self.window.perform("convert", A.id)
        await eventually(lambda: self.dialog)
        return self.dialog

    def choose(self, name: str) -> None:
        table = self.dialog.findChild(QTableView, "convert_types")
        names = [table.model().index(row, 0).data() for row in range(table.model().rowCount())]
        table.selectRow(names.index(name))

    def click(self, name: str) -> None:
        self.qtbot.mouseClick(
            self.dialog.findChild(QPushButton, f"convert_{name}"), Qt.MouseButton.LeftButton
        )

    def text(self, name: str) -> str:
        return self.dialog.findChild(QLabel, name).text()


@asynccontextmanager
async def converted(qtbot, ports, *, folder: bool = True):
    ports.files.disk["/models"] = [A]
    ports.quantiser.then = lambda _: ports.files.disk["/models"].append(MADE)
    async with ports.manager() as manager:
        if folder:
            await manager.library.add_folder("/models")
            await eventually(lambda: manager.library.scanning() is None)
        else:
            await manager.library.add_file(A.path)
        await eventually(manager.models.search)
        look, intents, bridge = Theme(), Intents(), Bridge(manager)
        window = MainWindow(manager, look, intents, bridge)
        qtbot.addWidget(window)
        window.show()
        try:
            yield Converted(qtbot, window, manager)
        finally:
            await intents.aclose()
            bridge.close()
            window.hide()


async def test_that_the_new_model_is_selected_and_names_its_parent(qtbot) -> None:
    async with converted(qtbot, fake_ports()) as c:
        await c.open()
        table = c.dialog.findChild(QTableView, "convert_types")
        assert table.hasFocus() or table.currentIndex().isValid()
        assert table.currentIndex().siblingAtColumn(0).data() == "Q4_K_M"
        assert c.text("convert_place").startswith("The new file goes to /models")
        c.click("start")
        await eventually(lambda: c.dialog is None)
        page = c.window.library_page
        await eventually(
            lambda: page.view_model.selected and page.view_model.selected.id == MADE.id
        )
        facts = {fact.label: fact for part in page.view_model.sections() for fact in part.facts}
        assert facts["Made from"].value == "a"


async def test_that_what_does_not_fit_is_refused_before_it_begins(qtbot) -> None:
    ports = fake_ports()
    ports.files.free = 700_000_000
    async with converted(qtbot, ports) as c:
        await c.open()
        c.choose("Q8_0")
        await eventually(lambda: "takes up to 1.2 GB" in c.text("convert_problem"))
        assert not c.dialog.findChild(QPushButton, "convert_start").isEnabled()
        c.choose("Q2_K")
        assert c.text("convert_problem") == ""
        assert c.dialog.findChild(QPushButton, "convert_start").isEnabled()
        c.dialog.reject()
        await eventually(lambda: c.dialog is None)


async def test_that_it_goes_on_without_the_dialog_and_is_told(qtbot) -> None:
    ports = fake_ports()
    ports.quantiser.go.clear()
    async with converted(qtbot, ports) as c:
        await c.open()
        c.click("start")
        banners = c.window.library_page.conversions
        await eventually(lambda: banners.banners and "50 %" in banners.banners[0].words())
        [banner] = banners.banners
        assert banner.words().startswith("Converting a to Q4_K_M: 50 %")
        assert c.text("waiting").startswith("To Q4_K_M: 50 %, 337 MB of at most 674 MB")
        c.click("close")
        await eventually(lambda: c.dialog is None)
        assert banner.isVisible()
        ports.quantiser.go.set()
        await eventually(lambda: not banners.banners)
        assert not banners.isVisible()
        await eventually(lambda: c.window.toaster.toasts)
        toast = c.window.toaster.toasts[-1]
        assert toast.words.text() == "a is converted to Q4_K_M."
        c.qtbot.mouseClick(toast.findChild(QPushButton, "toast_action"), Qt.MouseButton.LeftButton)
        assert c.window.library_page.view_model.selected.id == ModelId(MADE.id)


async def test_that_it_is_cancelled_from_the_banner_and_from_the_dialog(qtbot) -> None:
    ports = fake_ports()
    ports.quantiser.go.clear()
    async with converted(qtbot, ports) as c:
        await c.open()
        c.click("start")
        await eventually(lambda: c.dialog.findChild(QPushButton, "convert_stop").isVisible())
        c.click("stop")
        await eventually(lambda: c.dialog.findChild(QPushButton, "convert_start").isVisible())
        assert ports.quantiser.written == []
        c.click("start")
        banners = c.window.library_page.conversions
        await eventually(lambda: banners.banners)
        c.click("close")
        await eventually(lambda: c.dialog is None)
        c.qtbot.mouseClick(banners.banners[0].button, Qt.MouseButton.LeftButton)
        await eventually(lambda: not banners.banners)
        assert c.window.toaster.toasts == ()


async def test_that_each_of_several_is_shown_and_cancelled_by_itself(qtbot) -> None:
    ports = fake_ports()
    ports.quantiser.go.clear()
    other = spec("b", path="/models/b-F16.gguf", quantisation="F16")
    async with converted(qtbot, ports) as c:
        await c.manager._registry.keep([other])
        converting = c.window.library_page.converting
        for model in (A, other):
            converting.start(model.id, "Q4_K_M")
        banners = c.window.library_page.conversions
        await eventually(lambda: len(banners.banners) == 2)
        first, second = banners.banners
        await eventually(lambda: "50 %" in first.words())
        assert second.words() == "Converting b to Q4_K_M: Waiting to begin"
        assert second.button.accessibleName() == "Cancel converting b"
        c.qtbot.mouseClick(second.button, Qt.MouseButton.LeftButton)
        await eventually(lambda: banners.banners == (first,))
        ports.quantiser.go.set()
        await eventually(lambda: not banners.banners)
        assert [toast.words.text() for toast in c.window.toaster.toasts] == [
            "a is converted to Q4_K_M."
        ]


async def test_that_a_failure_is_told_where_one_looks(qtbot) -> None:
    ports = fake_ports()
    ports.quantiser.refuse = InvalidFile("llama.cpp can't convert it.", "Choose another.", "why")
    async with converted(qtbot, ports) as c:
        await c.open()
        c.click("start")
        await eventually(lambda: c.dialog.form.failure)
        await eventually(
            lambda: (
                "llama.cpp can't convert it. Choose another."
                in [label.text() for label in c.dialog.findChildren(QLabel) if label.isVisible()]
            )
        )
        assert c.window.toaster.toasts == ()
        c.dialog.reject()
        await eventually(lambda: c.dialog is None)
        c.window.library_page.converting.start(A.id, "Q8_0")
        await eventually(lambda: c.window.toaster.toasts)
        assert c.window.toaster.toasts[-1].words.text().startswith("llama.cpp can't convert it.")


async def test_that_without_a_folder_there_is_nowhere_to_write(qtbot) -> None:
    async with converted(qtbot, fake_ports(), folder=False) as c:
        await c.open()
        assert "no folder of yours" in c.text("convert_problem")
        assert not c.dialog.findChild(QPushButton, "convert_start").isEnabled()
        c.dialog.reject()
        await eventually(lambda: c.dialog is None)


async def test_that_a_model_that_lost_something_before_is_warned_of(qtbot) -> None:
    ports = fake_ports()
    async with converted(qtbot, ports) as c:
        await c.open()
        assert c.text("convert_note") == ""
        c.dialog.reject()
        await eventually(lambda: c.dialog is None)
        ports.files.disk["/models"].append(spec("small"))
        await c.manager.library.rescan()
        await eventually(lambda: c.manager.models.search("small"))
        c.window.perform("convert", "local:small")
        await eventually(lambda: c.dialog)
        assert c.text("convert_note").startswith("It is Q4_K_M already")
        c.dialog.reject()
        await eventually(lambda: c.dialog is None)
