"""The table of kept profiling runs."""

from PySide6.QtCore import QObject

from app.domain.profiles import ProfileRun, ProfileRunId
from app.ui import words
from app.ui.viewmodels.profile_series import latency_percentiles
from app.ui.viewmodels.row_table import Column, RowTable


def _p95(run: ProfileRun) -> str:
    return words.duration(latency_percentiles(run.token_seconds).get(95))


COLUMNS: tuple[Column[ProfileRun], ...] = (
    Column("When", lambda run: words.moment(run.started_at)),
    Column("Model", lambda run: run.model_name),
    Column(
        "Speed",
        lambda run: words.speed(run.tokens_per_second),
        figures=True,
        tooltip="Median of requests",
    ),
    Column(
        "First token",
        lambda run: words.duration(run.time_to_first_token),
        figures=True,
        tooltip="Median time to first token",
    ),
    Column(
        "Token p95",
        _p95,
        figures=True,
        tooltip="95 % of the tokens after the first came within this time",
    ),
    Column("Requests", lambda run: words.count(len(run.requests)), figures=True),
    Column("Context", lambda run: words.context(run.context_length), figures=True),
)


class ProfileTable(RowTable[ProfileRun]):
    """Kept runs, the newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(COLUMNS, parent)

    def row_of(self, run_id: ProfileRunId) -> int:
        """The row of a run, or -1."""
        return next((n for n, run in enumerate(self._rows) if run.id == run_id), -1)
