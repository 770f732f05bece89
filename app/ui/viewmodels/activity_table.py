"""The activity log's rows as an item model."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.ui import words
from app.ui.viewmodels.activity_rows import Key, Row
from app.ui.viewmodels.event_words import KIND_WORDS, clock, full_time
from app.ui.viewmodels.headings import heading

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
TITLES = ("Time", "Kind", "What happened")
TIME, KIND, WHAT = range(len(TITLES))


class ActivityTable(QAbstractTableModel):
    """Rows in the order in which they are shown."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []

    @property
    def rows(self) -> Sequence[Row]:
        """All of them."""
        return self._rows

    def replace(self, rows: Sequence[Row]) -> None:
        """Show other rows; those at both ends that stay the same aren't touched."""
        old, new = self._rows, [*rows]
        shorter = min(len(old), len(new))
        head = next((n for n in range(shorter) if old[n] != new[n]), shorter)
        rest = shorter - head
        tail = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
        gone, come = len(old) - head - tail, len(new) - head - tail
        same = min(gone, come)
        if gone > same:
            self.beginRemoveRows(NO_INDEX, head + same, head + gone - 1)
            del self._rows[head + same : head + gone]
            self.endRemoveRows()
        if come > same:
            # New ones come on top: those that they are put before keep their selection.
            extra = come - same
            self.beginInsertRows(NO_INDEX, head, head + extra - 1)
            self._rows[head:head] = new[head : head + extra]
            self.endInsertRows()
        if come:
            self._rows[head : head + come] = new[head : head + come]
            self.dataChanged.emit(self.index(head, TIME), self.index(head + come - 1, WHAT))

    def row_at(self, row: int) -> Row | None:
        """One row; None where there is none."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def row_of(self, key: Key) -> int:
        """Where an entry stands, or -1."""
        return next((n for n, row in enumerate(self._rows) if row.entry.key == key), -1)

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        """One row a line."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        """Time, kind and sentence."""
        return 0 if parent.isValid() else len(TITLES)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A row in words."""
        row = self.row_at(index.row()) if index.isValid() else None
        if row is None:
            return None
        entry, column = row.entry, index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return (clock(entry.at), KIND_WORDS[entry.topic], entry.text)[column]
            case Qt.ItemDataRole.ToolTipRole:
                return words.tooltip((full_time(entry.at), "", entry.text)[column])
            case Qt.ItemDataRole.AccessibleTextRole if column == WHAT:
                return f"{entry.text}{_standing(row)}"
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """The columns' titles."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        return heading(role, TITLES[section], figures=False)


def _standing(row: Row) -> str:
    """How a row stands in its chain, for those who can't see it."""
    if row.folds:
        return " Unfolded." if row.open else f" Folded, {words.amount(row.hidden, 'more row')}."
    return f" It followed, step {row.depth}." if row.depth else ""
