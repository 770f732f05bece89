"""Tables whose rows are values, each column's words made of a row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

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
    """What is said of a cell."""
    tooltip: str = ""
    """What is said of the column."""


class RowTable(QAbstractTableModel, Generic[R]):
    """Shows rows in fixed columns."""

    def __init__(self, columns: Sequence[Column[R]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns = tuple(columns)
        self._rows: list[R] = []

    def replace(self, rows: Sequence[R]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._rows = [*rows]
        self.endResetModel()

    def row_at(self, row: int) -> R | None:
        """What a row shows."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def title(self, column: Column[R]) -> str:
        """What stands over a column."""
        return column.title

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
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The columns' titles."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = self._columns[section]
        return heading(role, self.title(column), figures=column.figures, tooltip=column.tooltip)
