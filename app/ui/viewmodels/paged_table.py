"""Tables of what a file holds, read a page at a time as they are scrolled."""

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from app.domain.inspection import KeyValue, TensorLine
from app.ui import words
from app.ui.viewmodels.row_table import NO_INDEX, Column, Index, R, RowTable


def shape(line: TensorLine) -> str:
    """A tensor's dimensions: 4096 by 151936, with a sign of multiplication between."""
    return " \N{MULTIPLICATION SIGN} ".join(map(str, line.shape))


def kind(line: KeyValue) -> str:
    """A key's type, and how many items a list has: "array of string, 151,936 items"."""
    return line.type if line.length is None else f"{line.type}, {words.amount(line.length, 'item')}"


def value(line: KeyValue) -> str:
    """A key's value on one line; how long it is for a list that is too long to show."""
    if not line.value and line.length:
        return words.amount(line.length, "item")
    return " ".join(line.value.split())


KEY_COLUMNS: tuple[Column[KeyValue], ...] = (
    Column("Key", lambda line: line.key, technical=True, tip=lambda line: line.key),
    Column("Value", value, tip=kind),
)
TENSOR_COLUMNS: tuple[Column[TensorLine], ...] = (
    Column("Tensor", lambda line: line.name, technical=True, tip=lambda line: line.name),
    Column("Shape", shape, figures=True),
    Column("Type", lambda line: line.type),
    Column("Size", lambda line: words.size(line.size), figures=True),
)


class PagedTable(RowTable[R]):
    """Rows that are there, and the number of those that there are."""

    wanted = Signal()
    """The rows from `rowCount` on are about to be seen."""

    def __init__(self, columns: Sequence[Column[R]], parent: QObject | None = None) -> None:
        super().__init__(columns, parent)
        self.total = 0
        """Rows that the file has; 0 until the first page is there."""

    def clear(self) -> None:
        """Show nothing."""
        if self._rows or self.total:
            self.total = 0
            self.replace(())

    def append(self, rows: Sequence[R], total: int) -> None:
        """Show more rows, of so many."""
        # A file that has lost rows meanwhile has no more of them.
        self.total = total if rows else len(self._rows)
        if rows:
            last = len(self._rows) + len(rows) - 1
            self.beginInsertRows(NO_INDEX, len(self._rows), last)
            self._rows += rows
            self.endInsertRows()

    def canFetchMore(self, parent: Index) -> bool:
        """Whether the file has rows that aren't here yet."""
        return not parent.isValid() and 0 < len(self._rows) < self.total

    def fetchMore(self, parent: Index) -> None:
        """Ask for the next page."""
        if self.canFetchMore(parent):
            self.wanted.emit()
