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
        """Show other rows; what stays keeps its place, its selection and its glyphs."""
        new = [*rows]
        kept = {row.entry.key for row in new}
        end = len(self._rows)
        while end and self._rows[end - 1].entry.key not in kept:
            end -= 1
        # The oldest leave at the end, while new ones come on top.
        self._remove(end, len(self._rows))
        known = {row.entry.key for row in self._rows}
        fresh = next((n for n, row in enumerate(new) if row.entry.key in known), len(new))
        self._insert(0, new[:fresh])
        old = self._rows
        shorter = min(len(old), len(new))
        head = next((n for n in range(shorter) if not _same(old[n], new[n])), shorter)
        rest = shorter - head
        tail = next((n for n in range(rest) if not _same(old[-1 - n], new[-1 - n])), rest)
        gone, come = len(old) - head - tail, len(new) - head - tail
        both = min(gone, come)
        self._remove(head + both, head + gone)
        self._insert(head + both, new[head + both : head + come])
        if both:
            self._rows[head : head + both] = new[head : head + both]
            self.dataChanged.emit(self.index(head, TIME), self.index(head + both - 1, WHAT))

    def _remove(self, first: int, end: int) -> None:
        if first < end:
            self.beginRemoveRows(NO_INDEX, first, end - 1)
            del self._rows[first:end]
            self.endRemoveRows()

    def _insert(self, at: int, rows: Sequence[Row]) -> None:
        if rows:
            self.beginInsertRows(NO_INDEX, at, at + len(rows) - 1)
            self._rows[at:at] = rows
            self.endInsertRows()

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


def _same(one: Row, other: Row) -> bool:
    return one is other or one == other


def _standing(row: Row) -> str:
    """How a row stands in its chain, for those who can't see it."""
    if row.folds:
        return " Unfolded." if row.open else f" Folded, {words.amount(row.hidden, 'more row')}."
    return f" It followed, step {row.depth}." if row.depth else ""
