"""The table of the model browser: columns over frozen specs and what the manager knows of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.domain.errors import UnknownModel
from app.domain.instances import ENDED, InstanceState, InstanceView
from app.domain.memory import Fit
from app.domain.models import ModelId, ModelOrder, ModelQuery, ModelSpec, ModelStatus
from app.manager.memory import Memory
from app.manager.models import Models
from app.ui import words
from app.ui.viewmodels.headings import alignment, heading
from app.ui.viewmodels.needs import Needs

Index = QModelIndex | QPersistentModelIndex
UNUSABLE = (ModelStatus.MISSING, ModelStatus.INVALID)
NO_INDEX = QModelIndex()


class ShownModel(NamedTuple):
    """What a row is painted from."""

    spec: ModelSpec
    instance: InstanceView | None
    fit: Fit | None
    reason: str
    """Why the model can't be used; empty when it can."""
    active: bool


class ModelFacts:
    """What the manager knows of a model beside its spec; memory is read once until it moves."""

    def __init__(self, models: Models, memory: Memory) -> None:
        self._models = models
        self._memory = memory
        self._room: int | None = None

    def spec(self, model_id: ModelId) -> ModelSpec | None:
        """What is known of a model; None when it has just gone."""
        try:
            return self._models.get(model_id)
        except UnknownModel:
            return None

    def count(self, *statuses: ModelStatus) -> int:
        """How many models there are with one of these statuses."""
        return self._models.count(*statuses)

    def ids(self, query: ModelQuery) -> Sequence[ModelId]:
        """The models that match."""
        return self._models.query(query).ids

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
        return self._memory.predict(spec.id) if _can_be_loaded(spec) else None

    def fit(self, spec: ModelSpec) -> Fit | None:
        """Whether it fits into what is free or idle, or is there; None for one that can't be loaded."""
        if not _can_be_loaded(spec):
            return None
        view = self.instance(spec)
        if view is not None and view.state not in ENDED:
            return Fit.FITS
        if self._room is None:
            self._room = self._memory.room_without_idle()
        return self._memory.fit(spec.id, self._room)

    def states(self) -> dict[ModelId, int]:
        """What models with a state of their own are ordered by; the others are available."""
        return {
            **{
                i: len(InstanceState)
                for status in UNUSABLE
                for i in self.ids(ModelQuery(status=status, limit=None))
            },
            **{v.model_id: list(InstanceState).index(v.state) for v in self._models.instances()},
        }

    def speeds(self) -> dict[ModelId, float]:
        """The average tokens per second of models that have been used."""
        return {
            item.model_id: item.tokens_per_second
            for item in self._models.measured()
            if item.tokens_per_second is not None
        }

    def reason(self, spec: ModelSpec) -> str:
        """Why the model can't be used; empty when it can."""
        view = self.instance(spec)
        return view.error.what if view is not None and view.error is not None else spec.reason

    def shown(self, spec: ModelSpec) -> ShownModel:
        """All that the row of a model is painted from."""
        view = self.instance(spec)
        return ShownModel(spec, view, self.fit(spec), self.reason(spec), self.active(spec))

    def forget_room(self) -> None:
        """Memory has moved: read it again."""
        self._room = None


@dataclass(frozen=True)
class Column:
    """One column and its words."""

    id: str
    title: str
    text: Callable[[ModelFacts, ModelSpec], str]
    width: int
    order: ModelOrder | None = None
    """How the registry orders by it; None where only the window can."""
    figures: bool = False
    moves: bool = False
    """Whether its values change while the specs stay."""


def _can_be_loaded(spec: ModelSpec) -> bool:
    return spec.status is ModelStatus.AVAILABLE and bool(spec.path)


def _state(facts: ModelFacts, spec: ModelSpec) -> str:
    view = facts.instance(spec)
    return words.state(view) if view is not None else words.STATUS_WORDS[spec.status]


def _fit(facts: ModelFacts, spec: ModelSpec) -> str:
    fit = facts.fit(spec)
    return words.FIT_WORDS[fit] if fit is not None else ""


COLUMNS = (
    Column("name", "Name", lambda _, s: s.name, 180, ModelOrder.NAME),
    Column(
        "architecture",
        "Arch",
        lambda _, s: s.architecture or words.NOTHING,
        80,
        ModelOrder.ARCHITECTURE,
    ),
    Column("provider", "Provider", lambda _, s: s.provider, 72, ModelOrder.PROVIDER),
    Column(
        "parameters",
        "Params",
        lambda _, s: words.parameters(s.parameters),
        74,
        ModelOrder.PARAMETERS,
        figures=True,
    ),
    Column(
        "quantisation",
        "Quant",
        lambda _, s: s.quantisation or words.NOTHING,
        76,
        ModelOrder.QUANTISATION,
    ),
    Column(
        "size",
        "Size",
        lambda _, s: words.size(s.size_bytes or None),
        72,
        ModelOrder.SIZE,
        figures=True,
    ),
    Column(
        "context",
        "Ctx",
        lambda _, s: words.context(s.context_length),
        54,
        ModelOrder.CONTEXT,
        figures=True,
    ),
    Column("fit", "Fit", _fit, 94),
    Column("state", "State", _state, 146, moves=True),
    Column("speed", "Speed", lambda f, s: words.speed(f.speed(s)), 92, figures=True, moves=True),
)


class ModelTable(QAbstractTableModel):
    """Shows the models that match, in order; resets when the rows change.

    It holds ids only: a spec is asked for when its row is painted.
    """

    def __init__(self, facts: ModelFacts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._facts = facts
        self._needs = Needs(self._need, self)
        self._needs.completed.connect(self._show)
        self._words = ""
        self._column = COLUMNS[0]
        self._descending = False
        self._shown: Sequence[ModelId] = ()
        self.known = 0
        """How many models there are, shown or not."""
        self.unusable = 0
        """How many of them are broken or missing."""

    def refresh(self, ids: Collection[ModelId] | None = None) -> None:
        """Show what the registry knows now; `ids` are the models that changed, None for any."""
        self._needs.forget(ids)
        self.known = self._facts.count(*ModelStatus)
        self.unusable = self._facts.count(*UNUSABLE)
        self._show()
        if self._shown:
            self._announce(0, len(self._shown) - 1)

    def filter(self, text: str) -> None:
        """Show those that contain every word."""
        self._words = text
        self._show()

    def touch(self, ids: Collection[ModelId] | None = None) -> None:
        """What the manager knows of these models changed, or of all, as when memory moved."""
        if ids is not None:
            self._needs.forget(ids)
        if self._column.moves:
            self._show()
        if ids is not None:
            self.repaint(ids)
        elif self._shown:
            self._announce(0, len(self._shown) - 1)

    def repaint(self, ids: Collection[ModelId]) -> None:
        """Something changed about these models that no column sorts by."""
        for row in self._rows_of(ids):
            self._announce(row, row)

    def row_of(self, model_id: ModelId | None) -> int | None:
        """The row that shows a model, if one does."""
        try:
            return self._shown.index(model_id) if model_id is not None else None
        except ValueError:
            return None

    def spec_at(self, row: int) -> ModelSpec | None:
        """The model that a row shows; None when it has just gone."""
        return self._facts.spec(self._shown[row])

    def model_at(self, row: int) -> ShownModel | None:
        """What a row is painted from; None when its model has just gone."""
        spec = self.spec_at(row)
        return self._facts.shown(spec) if spec is not None else None

    def text(self, model: ShownModel, column: Column) -> str:
        """What a cell says."""
        return column.text(self._facts, model.spec)

    def shown(self) -> Sequence[ModelId]:
        """The models from top to bottom."""
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
        spec = self.spec_at(index.row())
        if spec is None:
            return None
        return _ANSWERS[role](self._facts, spec, COLUMNS[index.column()])

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
        wanted = COLUMNS[column], order is Qt.SortOrder.DescendingOrder
        # For one click on a heading, Qt asks twice.
        if wanted != (self._column, self._descending):
            self._column, self._descending = wanted
            self._show()

    def _announce(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(COLUMNS) - 1))

    def _rows_of(self, ids: Collection[ModelId]) -> list[int]:
        return [row for row, model_id in enumerate(self._shown) if model_id in ids] if ids else []

    def _need(self, model_id: ModelId) -> int | None:
        spec = self._facts.spec(model_id)
        return self._facts.need(spec) if spec is not None else None

    def _ordered(self) -> Sequence[ModelId]:
        order = self._column.order
        if order is not None:
            return self._facts.ids(
                ModelQuery(words=self._words, order=order, descending=self._descending, limit=None)
            )
        ids = self._facts.ids(ModelQuery(words=self._words, limit=None))
        match self._column.id:
            case "state":
                keys: Mapping[ModelId, float] = self._facts.states()
            case "speed":
                keys = self._facts.speeds()
            case _:
                keys = self._needs.of(ids)
        known = [model_id for model_id in ids if model_id in keys]
        known.sort(key=keys.__getitem__, reverse=self._descending)
        return (*known, *(model_id for model_id in ids if model_id not in keys))

    def _show(self) -> None:
        shown = self._ordered()
        if shown == self._shown:
            return
        self.beginResetModel()
        self._shown = shown
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
}
