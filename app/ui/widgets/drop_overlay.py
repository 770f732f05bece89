"""Covers the window while something that it can take is dragged over it."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.theme import Theme
from app.ui.widgets.empty_state import EmptyState


class DropOverlay(QFrame):
    """Says what a drop would do; it lets every event through."""

    def __init__(self, look: Theme, window: QWidget) -> None:
        super().__init__(window)
        self.setProperty("role", "drop")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        column = QVBoxLayout(self)
        column.addWidget(
            EmptyState(look, "folder", "Drop to add to the library", "Folders and GGUF files.")
        )
        self.hide()

    def cover(self) -> None:
        """Show it over the whole window."""
        window = self.parentWidget()
        if window is not None:
            self.setGeometry(window.rect().adjusted(*[theme.SPACE_2] * 2, *[-theme.SPACE_2] * 2))
        self.raise_()
        self.show()
