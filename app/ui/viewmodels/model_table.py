"""The table of the model browser: columns over frozen specs and what the manager knows of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.domain.instances import ENDED, InstanceState, InstanceView
from app.domain.memory import Fit
from app.domain.models import ModelId, ModelSpec, ModelStatus
from app.manager.memory import Memory
from app.manager.models import Models
from app.ui import words
from app.ui.viewmodels.headings import alignment, heading
from app.ui.viewmodels.model_index import ModelIndex

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()


class Role(IntEnum):
    """What a delegate asks of a cell beyond Qt's own roles."""

    SPEC = Qt.ItemDataRole.UserRole
    INSTANCE = Qt.ItemDataRole.UserRole + 1
    FIT = Qt.ItemDataRole.UserRole + 2
    ACTIVE = Qt.ItemDataRole.UserRole + 3
    REASON = Qt.ItemDataRole.UserRole + 4


class ModelFacts:
    """What the manager knows of a model beside its spec; memory is read once until it moves."""

    def __init__(self, models: Models, memory: Memory) -> None:
        self._models = models
        self._memory = memory
        self._room: int | None = None

    def instance(self, spec: ModelSpec) -> InstanceView | None:
        """The model's instance."""
        return self._models.instance(spec.id)

    def active(self, spec: ModelSpec) -> bool:
        """Whether new prompts go to this model."""
        return self._models.active() == spec.id

    def speed(self, spec: ModelSpec) -> float | None:
        """Its average tokens per second."""
        metrics = self._models.metrics(spec.id)
        return metrics.tokens_per_second if metrics is not None else None

    def need(self, spec: ModelSpec) -> int | None:
        """Bytes it would take; None where that can't be said."""
        available = spec.status is ModelStatus.AVAILABLE and spec.path
        return self._memory.predict(spec.id) if available else None

    def fit(self, spec: ModelSpec) -> Fit | None:
        """Whether it fits into what is free or idle, or is there; None for one that can't be loaded."""
        view = self.instance(spec)
        if self.need(spec) is None:
            return None
        if view is not None and view.state not in ENDED:
            return Fit.FITS
        if self._room is None:
            self._room = self._memory.room_without_idle()
        return self._memory.fit(spec.id, self._room)

    def failures(self) -> dict[ModelId, str]:
        """Why models failed or crashed that weren't dismissed, by id."""
        views = self._models.instances()
        return {view.model_id: view.error.what for view in views if view.error is not None}

    def reason(self, spec: ModelSpec) -> str:
        """Why the model can't be used; empty when it can."""
        view = self.instance(spec)
        return view.error.what if view is not None and view.error is not None else spec.reason

    def forget_room(self) -> None:
        """Memory has moved: read it again."""
        self._room = None


@dataclass(frozen=True)
class Column:
    """One column: its words, and the value it sorts by (None last)."""

    id: str
    title: str
    text: Callable[[ModelFacts, ModelSpec], str]
    key: Callable[[ModelFacts, ModelSpec], Any]
    width: int
    figures: bool = False
    moves: bool = False
    """Whether its values change while the specs stay."""


def _state(facts: ModelFacts, spec: ModelSpec) -> str:
    view = facts.instance(spec)
    return words.state(view) if view is not None else words.STATUS_WORDS[spec.status]


def _state_key(facts: ModelFacts, spec: ModelSpec) -> int | None:
    view = facts.instance(spec)
    if view is not None:
        return list(InstanceState).index(view.state)
    return None if spec.status is ModelStatus.AVAILABLE else len(InstanceState)


def _fit(facts: ModelFacts, spec: ModelSpec) -> str:
    fit = facts.fit(spec)
    return words.FIT_WORDS[fit] if fit is not None else ""


COLUMNS = (
    Column("name", "Name", lambda _, s: s.name, lambda _, s: s.name.casefold(), 180),
    Column(
        "architecture",
        "Arch",
        lambda _, s: s.architecture or words.NOTHING,
        lambda _, s: s.architecture or None,
        80,
    ),
    Column("provider", "Provider", lambda _, s: s.provider, lambda _, s: s.provider, 72),
    Column(
        "parameters",
        "Params",
        lambda _, s: words.parameters(s.parameters),
        lambda _, s: s.parameters,
        74,
        figures=True,
    ),
    Column(
        "quantisation",
        "Quant",
        lambda _, s: s.quantisation or words.NOTHING,
        lambda _, s: s.quantisation or None,
        76,
    ),
    Column(
        "size",
        "Size",
        lambda _, s: words.size(s.size_bytes or None),
        lambda _, s: s.size_bytes or None,
        72,
        figures=True,
    ),
    Column(
        "context",
        "Ctx",
        lambda _, s: words.context(s.context_length),
        lambda _, s: s.context_length,
        54,
        figures=True,
    ),
    Column("fit", "Fit", _fit, lambda f, s: f.need(s), 94),
    Column("state", "State", _state, _state_key, 146, moves=True),
    Column(
        "speed",
        "Speed",
        lambda f, s: words.speed(f.speed(s)),
        lambda f, s: f.speed(s),
        92,
        figures=True,
        moves=True,
    ),
)


class ModelTable(QAbstractTableModel):
    """Shows specs, filtered and sorted by its own index; resets when the set of rows changes."""

    def __init__(self, facts: ModelFacts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._facts = facts
        self._index = ModelIndex()
        self._words = ""
        self._column = COLUMNS[0]
        self._descending = False
        self._shown: list[ModelSpec] = []
        self._rows: dict[ModelId, int] = {}

    @property
    def known(self) -> int:
        """How many models there are, shown or not."""
        return len(self._index)

    def replace(self, specs: Sequence[ModelSpec]) -> None:
        """Show other specs under the same search and order."""
        self._index.replace(specs, self._key, descending=self._descending)
        self._show()

    def filter(self, text: str) -> None:
        """Show those that contain every word."""
        self._words = text
        self._show()

    def touch(self, ids: Iterable[ModelId] | None = None) -> None:
        """What the manager knows of these models changed, or of all, as when memory moved."""
        if self._column.moves:
            self._index.sort(self._key, descending=self._descending)
            self._show()
        if ids is not None:
            self.repaint(ids)
        elif self._shown:
            self._announce(0, len(self._shown) - 1)

    def repaint(self, ids: Iterable[ModelId]) -> None:
        """Something changed about these models that no column sorts by."""
        for row in sorted(self._rows[model_id] for model_id in ids if model_id in self._rows):
            self._announce(row, row)

    def row_of(self, model_id: ModelId | None) -> int | None:
        """The row that shows a model, if one does."""
        return self._rows.get(model_id) if model_id is not None else None

    def spec_at(self, row: int) -> ModelSpec:
        """The model that a row shows."""
        return self._shown[row]

    def reasoned_rows(self) -> frozenset[int]:
        """The rows whose model says why it can't be used."""
        failed = (self._rows.get(model_id) for model_id in self._facts.failures())
        own = (row for row, spec in enumerate(self._shown) if spec.reason)
        return frozenset(own) | frozenset(row for row in failed if row is not None)

    def shown(self) -> Sequence[ModelSpec]:
        """The rows from top to bottom."""
        return self._shown

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        """Rows below the root; cells have none."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        """Columns below the root."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's words, or the value that its delegate paints."""
        if not index.isValid() or role not in _ANSWERS:
            return None
        answer = _ANSWERS[role]
        return answer(self._facts, self._shown[index.row()], COLUMNS[index.column()])

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """A column's title."""
        if orientation is Qt.Orientation.Vertical or not 0 <= section < len(COLUMNS):
            return None
        return heading(role, COLUMNS[section].title, figures=COLUMNS[section].figures)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order by a column."""
        if not 0 <= column < len(COLUMNS):
            return
        self._column = COLUMNS[column]
        self._descending = order is Qt.SortOrder.DescendingOrder
        self._index.sort(self._key, descending=self._descending)
        self._show()

    def _announce(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(COLUMNS) - 1))

    def _key(self, spec: ModelSpec) -> Any:
        return self._column.key(self._facts, spec)

    def _show(self) -> None:
        shown = self._index.search(self._words)
        same_rows = [spec.id for spec in shown] == [spec.id for spec in self._shown]
        if same_rows:
            changed = [
                new.id for new, old in zip(shown, self._shown, strict=True) if new is not old
            ]
            self._shown = shown
            for model_id in changed:
                self._announce(self._rows[model_id], self._rows[model_id])
            return
        self.beginResetModel()
        self._shown = shown
        self._rows = {spec.id: row for row, spec in enumerate(shown)}
        self.endResetModel()


def _tooltip(facts: ModelFacts, spec: ModelSpec, column: Column) -> str:
    reason = facts.reason(spec)
    if reason:
        return reason
    need = facts.need(spec) if column.id == "fit" else None
    if need is not None:
        return f"Would take {words.size(need)} of memory"
    return spec.path if column.id == "name" else ""


_ANSWERS: dict[int, Callable[[ModelFacts, ModelSpec, Column], Any]] = {
    Qt.ItemDataRole.DisplayRole: lambda facts, spec, column: column.text(facts, spec),
    Qt.ItemDataRole.ToolTipRole: lambda *cell: words.tooltip(_tooltip(*cell)),
    Qt.ItemDataRole.TextAlignmentRole: lambda _facts, _spec, column: alignment(
        figures=column.figures
    ),
    Role.SPEC: lambda _facts, spec, _column: spec,
    Role.INSTANCE: lambda facts, spec, _column: facts.instance(spec),
    Role.FIT: lambda facts, spec, _column: facts.fit(spec),
    Role.REASON: lambda facts, spec, _column: facts.reason(spec),
    Role.ACTIVE: lambda facts, spec, _column: facts.active(spec),
}
