"""A combo box with the app's own arrow."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox, QWidget

from app.ui import theme
from app.ui.theme import Theme


class ChoiceBox(QComboBox):
    """Paints the arrow itself, since a style sheet can't colour one."""

    def __init__(self, look: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        look.changed.connect(self.update)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page, unless the box was chosen before."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the box, then the arrow."""
        super().paintEvent(event)
        painter = QPainter(self)
        icon = self._look.icon("chevron-down", "muted" if self.isEnabled() else "control")
        left = self.width() - theme.ICON - theme.SPACE_2
        icon.paint(painter, left, (self.height() - theme.ICON) // 2, theme.ICON, theme.ICON)
        painter.end()
