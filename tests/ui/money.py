"""The window's world with accounts: the real manager over a played world, bridge and intents."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtWidgets import QDialog, QWidget

from app.manager.manager import Manager
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.main_window import MainWindow
from app.ui.theme import Theme
from tests.support.accounts import FakeWorld
from tests.support.fakes import eventually
from tests.support.windows import window_over

KEY = "sk-canary-0123456789-wxyz"


@dataclass
class Desk:
    """The window over a world."""

    world: FakeWorld
    manager: Manager
    window: MainWindow

    @property
    def bridge(self) -> Bridge:
        """The window's."""
        return self.window._bridge

    @property
    def intents(self) -> Intents:
        """The window's."""
        return self.window._intents

    async def dialog(self, name: str) -> QDialog:
        """The dialog of this name, once it is open."""
        await eventually(lambda: self._open(name))
        return self._open(name)

    async def gone(self, name: str) -> None:
        """Wait until the dialog of this name is closed and deleted."""
        await eventually(lambda: self.window.findChild(QDialog, name) is None)

    def find(self, kind: type[QWidget], name: str) -> QWidget:
        """A widget by its name."""
        return self.window.findChild(kind, name)

    def toasts(self) -> list[str]:
        """What is told in passing."""
        return [toast.words.text() for toast in self.window.toaster.toasts]

    def _open(self, name: str) -> QDialog:
        return next(
            (item for item in self.window.findChildren(QDialog, name) if item.isVisible()), None
        )


@asynccontextmanager
async def desk(folder: Path, world: FakeWorld | None = None) -> AsyncIterator[Desk]:
    world = world or FakeWorld(folder)
    async with world.manager() as manager, window_over(manager, Theme()) as window:
        yield Desk(world, manager, window)
