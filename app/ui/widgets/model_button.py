"""A button that says which model is chosen, and asks for another one."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QWidget

from app.ui import theme, words

WIDTH = 240


class ModelButton(QPushButton):
    """As wide as a field; a long name is cut in the middle and told in full beside it."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("kind", "field")
        self.setFixedWidth(WIDTH)

    def show_name(self, name: str) -> None:
        """Say which model is chosen."""
        room = WIDTH - 2 * theme.SPACE_4
        shown = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, room)
        self.setText(words.button_text(shown))
        self.setToolTip(words.tooltip(name))
        self.setAccessibleDescription(name)
