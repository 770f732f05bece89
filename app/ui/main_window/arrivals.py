"""What comes from outside while the window is open: files to open, and later starts."""

import os
from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication, QWidget

ACTIVATION = "XDG_ACTIVATION_TOKEN"
"""Where Qt's Wayland plugin looks for the leave to come to the front."""


class Application(QApplication):
    """Hears which files macOS wants opened, also before there is a window for them."""

    def __init__(self, arguments: Sequence[str]) -> None:
        super().__init__([*arguments])
        self._waiting: list[str] = []
        self._take: Callable[[Sequence[str]], object] | None = None

    def attend(self, take: Callable[[Sequence[str]], object]) -> None:
        """Pass on what came and what comes."""
        self._take = take
        waiting, self._waiting = self._waiting, []
        if waiting:
            take(waiting)

    # Not a filter: every event of every object would pass through one.
    def event(self, event: QEvent) -> bool:
        """Take the wish to open a file."""
        if event.type() is not QEvent.Type.FileOpen or not isinstance(event, QFileOpenEvent):
            return super().event(event)
        if event.file():
            self._waiting.append(event.file())
        if self._take is not None:
            self.attend(self._take)
        return True


def bring_forward(window: QWidget, activation: str = "") -> None:
    """Show a window over all others, with the keyboard.

    Args:
        window: a window.
        activation: the desktop's leave for it. One that insists on having given it before it lets
            a window come to the front marks the window instead.
    """
    if activation:
        os.environ[ACTIVATION] = activation
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    window.activateWindow()
    os.environ.pop(ACTIVATION, None)
    if not window.isActiveWindow():
        QApplication.alert(window)
