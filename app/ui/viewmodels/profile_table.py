"""The table of kept profiling runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.domain.profiles import ProfileRun, ProfileRunId
from app.ui import theme, words
from app.ui.viewmodels.headings import alignment, heading
from app.ui.viewmodels.profile_series import latency_percentiles

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()


@dataclass(frozen=True)
class Column:
    """One column: its title and its words for a run."""

    title: str
    text: Callable[[ProfileRun], str]
    figures: bool = True
    tooltip: str = ""


def _p95(run: ProfileRun) -> str:
    return words.duration(latency_percentiles(run.token_seconds).get(95))


COLUMNS = (
    Column("When", lambda run: words.moment(run.started_at), figures=False),
    Column("Model", lambda run: run.model_name, figures=False),
    Column("Speed", lambda run: words.speed(run.tokens_per_second), tooltip="Median of requests"),
    Column(
        "First token",
        lambda run: words.duration(run.time_to_first_token),
        tooltip="Median time to first token",
    ),
    Column("Token p95", _p95, tooltip="95 % of the tokens after the first came within this time"),
    Column("Requests", lambda run: words.count(len(run.requests))),
    Column("Context", lambda run: words.context(run.context_length)),
)


class ProfileTable(QAbstractTableModel):
    """Kept runs, the newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runs: tuple[ProfileRun, ...] = ()

    def replace(self, runs: Sequence[ProfileRun]) -> None:
        """Show other runs."""
        self.beginResetModel()
        self._runs = tuple(runs)
        self.endResetModel()

    def run_at(self, row: int) -> ProfileRun | None:
        """The run in a row."""
        return self._runs[row] if 0 <= row < len(self._runs) else None

    def row_of(self, run_id: ProfileRunId) -> int:
        """The row of a run, or -1."""
        return next((n for n, run in enumerate(self._runs) if run.id == run_id), -1)

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        """One row a run."""
        return 0 if parent.isValid() else len(self._runs)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        """The fixed columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A run's figure in words."""
        if not index.isValid():
            return None
        column = COLUMNS[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.text(self._runs[index.row()])
            case Qt.ItemDataRole.TextAlignmentRole:
                return alignment(figures=column.figures)
            case Qt.ItemDataRole.FontRole:
                return theme.figures() if column.figures else None
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
        column = COLUMNS[section]
        return heading(role, column.title, figures=column.figures, tooltip=column.tooltip)
