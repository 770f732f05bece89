"""A dot in a state's colour; the word stands beside it."""

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.ui.theme import Theme

DIAMETER = 8


class StateDot(QWidget):
    """Paints a filled circle."""

    def __init__(self, look: Theme, role: str = "muted", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._role = role
        self.setFixedSize(QSize(DIAMETER + 2, DIAMETER + 2))
        look.changed.connect(self.update)

    def set_role(self, role: str) -> None:
        """Use the colour of another token."""
        self._role = role
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the circle."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(self._look.color(self._role))
        painter.setPen(self._look.color(self._role))
        painter.drawEllipse(QRectF(1.5, 1.5, DIAMETER - 1, DIAMETER - 1))
        painter.end()
