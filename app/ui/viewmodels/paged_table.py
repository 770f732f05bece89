"""Tables of what a file holds, read a page at a time as they are scrolled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from app.domain.inspection import KeyValue, TensorLine
from app.ui import theme, words
from app.ui.viewmodels.headings import alignment, heading

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
R = TypeVar("R")


@dataclass(frozen=True)
class Column(Generic[R]):
    """One column: its title and its words for a row."""

    title: str
    text: Callable[[R], str]
    figures: bool = False
    technical: bool = False
    tip: Callable[[R], str] | None = None


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


class PagedTable(QAbstractTableModel, Generic[R]):
    """Rows that are there, and the number of those that there are."""

    wanted = Signal()
    """The rows from `rowCount` on are about to be seen."""

    def __init__(self, columns: Sequence[Column[R]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns = tuple(columns)
        self._rows: list[R] = []
        self.total = 0
        """Rows that the file has; 0 until the first page is there."""

    def clear(self) -> None:
        """Show nothing."""
        if self._rows or self.total:
            self.beginResetModel()
            self._rows, self.total = [], 0
            self.endResetModel()

    def append(self, rows: Sequence[R], total: int) -> None:
        """Show more rows, of so many."""
        # A file that has lost rows meanwhile has no more of them.
        self.total = total if rows else len(self._rows)
        if rows:
            last = len(self._rows) + len(rows) - 1
            self.beginInsertRows(NO_INDEX, len(self._rows), last)
            self._rows += rows
            self.endInsertRows()

    def row_at(self, row: int) -> R | None:
        """What a row shows."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def canFetchMore(self, parent: Index) -> bool:
        """Whether the file has rows that aren't here yet."""
        return not parent.isValid() and 0 < len(self._rows) < self.total

    def fetchMore(self, parent: Index) -> None:
        """Ask for the next page."""
        if self.canFetchMore(parent):
            self.wanted.emit()

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        """The rows that are there."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        """The fixed columns."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell in words."""
        if not index.isValid():
            return None
        column, row = self._columns[index.column()], self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.text(row)
            case Qt.ItemDataRole.ToolTipRole:
                return words.tooltip(column.tip(row)) if column.tip else None
            case Qt.ItemDataRole.TextAlignmentRole:
                return alignment(figures=column.figures)
            case Qt.ItemDataRole.FontRole if column.technical or column.figures:
                return theme.mono(theme.CAPTION_PX) if column.technical else theme.figures()
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
        column = self._columns[section]
        return heading(role, column.title, figures=column.figures)
