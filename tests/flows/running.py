"""The whole program in one test: real state, real workers, the real window, driven by gestures."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QTableView, QWidget

from app.bootstrap.window import open_window
from app.domain.instances import InstanceState
from app.domain.models import ModelSpec
from app.ui.main_window.window import MainWindow
from app.ui.theme import Theme
from tests.support.fakes import eventually

WAIT = 30.0


@asynccontextmanager
async def running(state: Path) -> AsyncIterator["App"]:
    """The program over the state in a folder, until the block is left, as a quit leaves it."""
    async with open_window(Theme(), state / "modelyard.db", {}) as window:
        yield App(window)
    assert not workers(), "a worker outlived the program"


def workers() -> list[psutil.Process]:
    """The worker processes of this test run."""
    return [
        child
        for child in psutil.Process(os.getpid()).children(recursive=True)
        if child.is_running() and child.status() != psutil.STATUS_ZOMBIE
    ]


class App:
    """What a person can do at the window."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.manager = window._manager

    def find(self, name: str, kind: type = QWidget, inside: QWidget | None = None) -> QWidget:
        """The one visible widget of this object name."""
        found = [w for w in (inside or self.window).findChildren(kind, name) if w.isVisible()]
        assert len(found) == 1, f"{len(found)} visible widgets are called {name}"
        return found[0]

    def seen(self, name: str) -> bool:
        """Whether a visible widget has this object name."""
        return any(w.isVisible() for w in self.window.findChildren(QWidget, name))

    async def click(self, name: str, inside: QWidget | None = None) -> None:
        """Click a button in its middle, once it can be clicked."""

        def ready() -> list[QAbstractButton]:
            found = (inside or self.window).findChildren(QAbstractButton, name)
            return [button for button in found if button.isVisible() and button.isEnabled()]

        await self.until(lambda: len(ready()) == 1)
        QTest.mouseClick(ready()[0], Qt.MouseButton.LeftButton)

    def press(self, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
        """Press a key in the window."""
        combined = Qt.KeyboardModifier.NoModifier
        for modifier in modifiers:
            combined |= modifier
        target = self.window.focusWidget() or self.window
        QTest.keyClick(target, key, combined)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that the window or the manager will show."""
        await eventually(condition, WAIT)

    def names(self) -> list[str]:
        """The first column of the model browser."""
        model = self.browser.model()
        return [str(model.index(row, 0).data()) for row in range(model.rowCount())]

    @property
    def browser(self) -> QTableView:
        return self.window.library_page.browser

    async def choose(self, name: str) -> None:
        """Click a model's row in the browser, once it is there; the inspector then shows it."""
        await self.until(lambda: name in self.names())
        row = self.names().index(name)
        place = self.browser.visualRect(self.browser.model().index(row, 0)).center()
        QTest.mouseClick(
            self.browser.viewport(),
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            QPoint(place),
        )
        await self.until(lambda: self.find("inspector_name", QLabel).text() == name)

    def spec(self, name: str) -> ModelSpec:
        return next(spec for spec in self.manager.models.search() if spec.name == name)

    def state(self, name: str) -> InstanceState | None:
        view = self.manager.models.instance(self.spec(name).id)
        return view.state if view is not None else None

    async def add_folder(self, folder: Path) -> None:
        """Put a folder into the library and wait for its scan."""
        self.window.add_paths([str(folder)])
        await self.until(self.manager.library.folders)
        await self.until(lambda: self.manager.library.scanning() is None)

    async def load(self, name: str) -> None:
        """Choose a model in the library and press Load."""
        self.window.show_page("library")
        await self.choose(name)
        await self.click("inspector_load")
        await self.until(lambda: self.state(name) is InstanceState.READY)

    async def ask(self, text: str) -> None:
        """Type a prompt into the Playground and press Enter once it can be sent."""
        self.window.show_page("playground")
        prompt = self.find("prompt")
        QTest.keyClicks(prompt, text)
        # The same button is Stop until the last answer has ended.
        send = self.find("send", QAbstractButton)
        await self.until(lambda: send.isEnabled() and send.text() == "Send")
        QTest.keyClick(prompt, Qt.Key.Key_Return)

    def transcript(self) -> str:
        """The words in the Playground's transcript; none while it isn't shown."""
        return self.find("transcript").toPlainText() if self.seen("transcript") else ""
