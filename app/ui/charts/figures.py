"""A chart's figures as a table of words."""

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.ui import theme
from app.ui.viewmodels.headings import alignment, heading

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()


class Figures(QAbstractTableModel):
    """Read-only cells under their titles."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns: tuple[str, ...] = ()
        self._rows: tuple[tuple[str, ...], ...] = ()

    def replace(self, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> None:
        """Show other figures."""
        if (columns, rows) == (self._columns, self._rows):
            return
        self.beginResetModel()
        self._columns, self._rows = columns, rows
        self.endResetModel()

    def text(self) -> str:
        """Everything with tabs between cells, as spreadsheets take it."""
        return "\n".join("\t".join(row) for row in (self._columns, *self._rows))

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        """The figures' rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        """The figures' columns."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A figure."""
        if not index.isValid():
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._rows[index.row()][index.column()]
            case Qt.ItemDataRole.FontRole:
                return theme.figures()
            case Qt.ItemDataRole.TextAlignmentRole:
                return alignment(figures=index.column() > 0)
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
        return heading(role, self._columns[section], figures=section > 0)
