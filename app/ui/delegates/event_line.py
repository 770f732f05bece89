"""Paints the activity log: the time, the kind with its icon, and the sentence with its step."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.domain.activity import Topic
from app.ui import theme, words
from app.ui.theme import Theme
from app.ui.viewmodels.activity_rows import Row
from app.ui.viewmodels.activity_table import KIND, TIME, ActivityTable

Index = QModelIndex | QPersistentModelIndex
TOPIC_ICONS: dict[Topic | None, str] = {
    None: "person",
    Topic.MODELS: "loaded",
    Topic.SWITCHES: "switch",
    Topic.MEMORY: "eject",
    Topic.ERRORS: "error",
    Topic.REMOTE: "remote",
    Topic.LIBRARY: "library",
    Topic.PROGRAM: "info",
}
TOPIC_ROLES: dict[Topic | None, str] = {Topic.ERRORS: "error", Topic.MEMORY: "warn"}
"""The tokens of the icons that are coloured; a word always stands beside them."""
STEP = theme.SPACE_4
"""What a row stands further in than its cause."""
FOLD = theme.ICON + theme.SPACE_1
"""What the mark of a chain that folds takes."""


class EventDelegate(QStyledItemDelegate):
    """One line a row, cut where there is too little room; the tooltip has it whole."""

    def __init__(self, look: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """A row's height, and the width that time and kind ask for."""
        text = str(index.data())
        width = QFontMetrics(theme.figures()).horizontalAdvance(text) + 2 * theme.SPACE_2
        if index.column() == KIND:
            width += theme.ICON + theme.SPACE_2
        return QSize(width, theme.ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one cell."""
        model = index.model()
        row = model.row_at(index.row()) if isinstance(model, ActivityTable) else None
        if row is None:
            return
        rect = QRect(option.rect)
        painter.save()
        tokens = self._look.tokens
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(theme.mix(tokens.accent, tokens.surface, 0.16)))
        line = QRectF(rect.left(), rect.bottom(), rect.width(), 1)
        painter.fillRect(line, self._look.color("border"))
        inner = rect.adjusted(theme.SPACE_2, 0, -theme.SPACE_2, 0)
        if index.column() == TIME:
            self._text(painter, inner, str(index.data()), "muted", theme.figures())
        elif index.column() == KIND:
            self._kind(painter, inner, row.entry.topic, str(index.data()))
        else:
            self._sentence(painter, inner, row)
        painter.restore()

    def _kind(self, painter: QPainter, rect: QRect, topic: Topic | None, word: str) -> None:
        role = TOPIC_ROLES.get(topic, "muted")
        self._icon(painter, rect, TOPIC_ICONS[topic], role)
        beside = rect.adjusted(theme.ICON + theme.SPACE_2, 0, 0, 0)
        self._text(painter, beside, word, role, theme.body())

    def _sentence(self, painter: QPainter, rect: QRect, row: Row) -> None:
        rect = rect.adjusted(row.depth * STEP, 0, 0, 0)
        if row.folds:
            self._icon(painter, rect, "chevron-down" if row.open else "chevron-right", "muted")
        rect = rect.adjusted(FOLD, 0, 0, 0)
        font = theme.strong() if row.folds else theme.body()
        if row.hidden:
            said = words.amount(row.hidden, "more", "more")
            width = QFontMetrics(theme.caption()).horizontalAdvance(said) + theme.SPACE_2
            more = QRect(rect.right() - width, rect.top(), width, rect.height())
            rect = rect.adjusted(0, 0, -width, 0)
            self._text(painter, more, said, "muted", theme.caption(), right=True)
        self._text(painter, rect, row.entry.text, "muted" if row.aside else "text", font)

    def _icon(self, painter: QPainter, rect: QRect, name: str, role: str) -> None:
        place = QRect(rect.left(), 0, theme.ICON, theme.ICON)
        place.moveTop(rect.top() + (rect.height() - theme.ICON) // 2)
        self._look.icon(name, role).paint(painter, place)

    def _text(
        self,
        painter: QPainter,
        rect: QRect,
        text: str,
        role: str,
        font: QFont,
        *,
        right: bool = False,
    ) -> None:
        painter.setFont(font)
        painter.setPen(self._look.color(role))
        elided = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter, elided)
