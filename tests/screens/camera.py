"""Takes pictures of a window in every theme."""

import asyncio
import sys
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QDialog, QMenu, QWidget

from app.domain.settings import Theme as Choice
from app.ui.theme import Theme

SETTLE_SECONDS = 0.15
"""Longer than a frame of any live part of the window."""


class Camera:
    """Numbers its pictures in the order in which they are taken."""

    def __init__(self, window: QWidget, look: Theme, out: Path, first: int = 0) -> None:
        self._window = window
        self._look = look
        self._out = out
        self._count = first

    async def take(self, name: str) -> None:
        """Write `NN-name-light.png` and `NN-name-dark.png`."""
        self._count += 1
        for choice in (Choice.LIGHT, Choice.DARK):
            self._look.apply(choice)
            await asyncio.sleep(SETTLE_SECONDS)
            QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
            path = self._out / f"{self._count:02}-{name}-{choice}.png"
            if not self._picture().save(str(path)):
                raise OSError(f"{path} can't be written")
            sys.stdout.write(f"{path}\n")

    def _picture(self) -> QPixmap:
        """The window with the dialogs and menus that stand over it."""
        picture = self._window.grab()
        painter = QPainter(picture)
        for widget in QApplication.topLevelWidgets():
            if widget.isVisible() and isinstance(widget, QDialog | QMenu):
                painter.drawPixmap(self._place(widget), widget.grab())
        painter.end()
        return picture

    def _place(self, widget: QWidget) -> QPoint:
        if isinstance(widget, QMenu):
            return widget.pos() - self._window.pos()
        return self._window.rect().center() - widget.rect().center()
