"""A check box whose outline is as plain as its tick."""

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QCheckBox

from app.ui import theme

BOX = 16
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
TICK = ((3.5, 8.2), (6.6, 11.4), (12.5, 4.8))


class CheckBox(QCheckBox):
    """Painted from the palette, since a style sheet can't colour a tick."""

    def sizeHint(self) -> QSize:
        """The box, a gap and the words, at least as high as other controls."""
        width = BOX + theme.SPACE_2 + self.fontMetrics().horizontalAdvance(self.text()) + 2
        return QSize(width, theme.CONTROL)

    def minimumSizeHint(self) -> QSize:
        """The same: the words aren't cut."""
        return self.sizeHint()

    def hitButton(self, pos: QPoint) -> bool:
        """The words are part of the button."""
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the box, the tick and the words."""
        colours = self.palette()
        role = QPalette.ColorRole
        group = QPalette.ColorGroup.Normal if self.isEnabled() else QPalette.ColorGroup.Disabled
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(1.5, (self.height() - BOX) / 2 + 0.5, BOX - 1, BOX - 1)
        filled = self.isChecked() and self.isEnabled()
        outline = role.Accent if filled or self.hasFocus() else role.Dark
        painter.setPen(QPen(colours.color(outline), 2 if self.hasFocus() else 1))
        painter.setBrush(colours.color(role.Accent if filled else role.Base))
        painter.drawRoundedRect(box, 4, 4)
        if self.isChecked():
            painter.setPen(QPen(colours.color(role.HighlightedText if filled else role.Dark), 2))
            corner = box.topLeft() - QPointF(0.5, 0.5)
            painter.drawPolyline(QPolygonF([corner + QPointF(x, y) for x, y in TICK]))
        painter.setPen(colours.color(group, role.WindowText))
        words = self.rect().adjusted(BOX + theme.SPACE_2, 0, 0, 0)
        painter.drawText(words, LEFT, self.text())
        painter.end()
