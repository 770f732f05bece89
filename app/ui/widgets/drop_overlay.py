"""Covers the window while something is dragged over it."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from app.ui import theme, words
from app.ui.theme import Theme
from app.ui.widgets.wrapped_label import WrappedLabel

ICON_PIXELS = 48
MODEL = ".gguf"


class DropOverlay(QFrame):
    """Says what a drop would do; it lets every event through."""

    def __init__(self, look: Theme, window: QWidget) -> None:
        super().__init__(window)
        self._look = look
        self.setProperty("role", "drop")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._icon = QLabel()
        self._icon_name = "folder"
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.heading = WrappedLabel("")
        self.heading.setFont(theme.section())
        self.words = WrappedLabel("")
        self.words.setProperty("role", "muted")
        for label in (self.heading, self.words):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setFixedWidth(theme.FORM_WIDTH)
        column = QVBoxLayout(self)
        column.setSpacing(theme.SPACE_3)
        column.addStretch(2)
        for widget in (self._icon, self.heading, self.words):
            column.addWidget(widget, alignment=Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        look.changed.connect(self._recolour)
        self._recolour()
        self.hide()

    def cover(self, paths: Sequence[str]) -> None:
        """Show it over the whole window, for what is dragged."""
        self._icon_name, heading, below = offer(paths)
        self._recolour()
        self.heading.setText(heading)
        self.words.setText(below)
        window = self.parentWidget()
        if window is not None:
            self.setGeometry(window.rect().adjusted(*[theme.SPACE_2] * 2, *[-theme.SPACE_2] * 2))
        self.raise_()
        self.show()

    def _recolour(self) -> None:
        self._icon.setPixmap(self._look.icon(self._icon_name, "accent").pixmap(ICON_PIXELS))


def offer(paths: Sequence[str]) -> tuple[str, str, str]:
    """An icon, what dropping some paths would do, and what follows; judged by their names alone."""
    suffixes = [Path(path).suffix.casefold() for path in paths]
    models = suffixes.count(MODEL)
    if len(paths) == 1 and models:
        name = Path(paths[0]).name
        return "file", f"Drop to add {name}", "It stays where it is and can be loaded at once."
    if models == len(paths):
        count = words.amount(models, "model")
        return "file", f"Drop to add {count}", "The files stay where they are."
    below = "Folders and GGUF files; they stay where they are."
    return "folder", "Drop to add to the library", below
