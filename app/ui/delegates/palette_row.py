"""Paints the lines of the command palette."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.ui import theme
from app.ui.theme import STATE_ROLES, Theme
from app.ui.viewmodels.palette import Entry

ENTRY = Qt.ItemDataRole.UserRole
PADDING = theme.SPACE_3
DOT = 8


class PaletteRow(QStyledItemDelegate):
    """Icon, name and what it is for on the left; state, or shortcut, on the right."""

    def __init__(self, look: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look
        self._body, self._caption = theme.body(), theme.caption()

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Every line is a row high."""
        return QSize(super().sizeHint(option, index).width(), theme.ROW)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Paint one line."""
        entry: Entry = index.data(ENTRY)
        tokens = self._look.tokens
        rect: QRect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(theme.mix(tokens.accent, tokens.raised, 0.16)))
        inner = rect.adjusted(PADDING, 0, -PADDING, 0)
        if entry.icon:
            icon = QRect(inner.left(), inner.center().y() - theme.ICON // 2 + 1, *[theme.ICON] * 2)
            role = "text" if entry.enabled else "muted"
            self._look.icon(entry.icon, role).paint(painter, icon)
        inner.setLeft(inner.left() + theme.ICON + theme.SPACE_2)
        if entry.shortcut:
            taken = self._right(painter, inner, entry.shortcut, self._caption)
            inner.setRight(inner.right() - taken - PADDING)
        if entry.state:
            taken = self._right(painter, inner, entry.state, self._body)
            inner.setRight(inner.right() - taken - PADDING)
            if entry.instance is not None:
                self._dot(painter, inner, STATE_ROLES[entry.instance])
        self._name(painter, inner, entry)

    def _name(self, painter: QPainter, rect: QRect, entry: Entry) -> None:
        metrics = QFontMetrics(self._body)
        wanted = metrics.horizontalAdvance(entry.text)
        self._text(painter, rect, entry.text, self._body, "text" if entry.enabled else "muted")
        rest = rect.adjusted(wanted + theme.SPACE_2, 0, 0, 0)
        if entry.detail and rest.width() > metrics.averageCharWidth() * 4:
            self._text(painter, rest, entry.detail, self._body, "muted")

    def _right(self, painter: QPainter, rect: QRect, text: str, font: QFont) -> int:
        width = min(QFontMetrics(font).horizontalAdvance(text) + 1, rect.width() // 2)
        self._text(painter, rect.adjusted(rect.width() - width, 0, 0, 0), text, font, "muted")
        return width

    def _dot(self, painter: QPainter, rect: QRect, role: str) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._look.color(role))
        # In the gap before the words, where the name never reaches.
        painter.drawEllipse(rect.right() - 2, rect.center().y() - DOT // 2 + 1, DOT, DOT)
        painter.restore()

    def _text(self, painter: QPainter, rect: QRect, text: str, font: QFont, role: str) -> None:
        shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.setFont(font)
        painter.setPen(self._look.color(role))
        painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
