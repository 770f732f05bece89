"""The list of conversations."""

from collections.abc import Collection, Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from app.domain.conversations import Conversation, ConversationId
from app.ui import words

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()


class Role(IntEnum):
    """What a delegate asks of a conversation beyond Qt's own roles."""

    ID = Qt.ItemDataRole.UserRole
    ANSWERING = Qt.ItemDataRole.UserRole + 1


class ConversationTable(QAbstractListModel):
    """Conversations in the manager's order; an edited title is only asked for here."""

    renamed = Signal(str, str)
    """The id of a conversation and the title that was typed for it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[Conversation, ...] = ()
        self._answering: Collection[ConversationId] = ()

    def replace(self, rows: Sequence[Conversation], answering: Collection[ConversationId]) -> None:
        """Show other values; rows that stay in their places keep an editor open."""
        same = [row.id for row in rows] == [row.id for row in self._rows]
        if not same:
            self.beginResetModel()
        self._rows = tuple(rows)
        self._answering = answering
        if not same:
            self.endResetModel()
        elif self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))

    def row_of(self, conversation_id: ConversationId) -> int:
        """The row of a conversation, or -1."""
        return next((n for n, row in enumerate(self._rows) if row.id == conversation_id), -1)

    def id_at(self, row: int) -> ConversationId | None:
        """The conversation in a row."""
        return self._rows[row].id if 0 <= row < len(self._rows) else None

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        """One row a conversation."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A conversation's title and state."""
        return self._values(self._rows[index.row()]).get(role) if index.isValid() else None

    def _values(self, row: Conversation) -> dict[int, Any]:
        answering = row.id in self._answering
        return {
            Qt.ItemDataRole.DisplayRole: row.title,
            Qt.ItemDataRole.EditRole: row.title,
            Qt.ItemDataRole.ToolTipRole: f"{row.title}\n{words.moment(row.updated_at)}",
            Qt.ItemDataRole.AccessibleTextRole: f"{row.title}, answering"
            if answering
            else row.title,
            Role.ID: row.id,
            Role.ANSWERING: answering,
        }

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Ask for another title; the row changes when the manager has taken it."""
        title = str(value).strip()
        if role != Qt.ItemDataRole.EditRole or not title or title == self.data(index):
            return False
        self.renamed.emit(self._rows[index.row()].id, title)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Titles can be edited in place."""
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable
