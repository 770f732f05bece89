"""What models would take of memory, worked out once for all that are alike."""

from array import array
from collections.abc import Callable, Sequence
from operator import add, mul

from app.domain import memory_plans
from app.domain.load_settings import LoadSettings
from app.domain.model_kinds import Kind
from app.domain.models import ModelId, ModelSpec
from app.domain.settings import Settings
from app.manager.load_settings import LoadSettingsKeeper
from app.manager.memory_plans import MemoryPlans
from app.manager.model_rows import ModelRows
from app.manager.orders import Standing, by_value
from app.manager.registry import Registry


class Needs:
    """Adds a model's size to what its kind takes beside; others are asked for one by one.

    Those are models that have settings of their own, or of which more is known than the header.
    """

    def __init__(
        self,
        registry: Registry,
        plans: MemoryPlans,
        load_settings: LoadSettingsKeeper,
        settings: Callable[[], Settings],
    ) -> None:
        self._registry = registry
        self._plans = plans
        self._load_settings = load_settings
        self._settings = settings
        self._beside: list[int] = []
        """What each kind takes beside its size; 0 where nothing can be loaded."""
        self._beside_for: tuple[object, ...] = ()
        self._all: array[int] = array("q")
        self._all_for: tuple[object, ...] = ()
        self._standings: dict[bool, Standing] = {}

    def settings_at(self, model_id: ModelId, context_length: int | None) -> LoadSettings:
        """How a model would be loaded at a context length, its own longest at most.

        Args:
            model_id: the model.
            context_length: tokens; None takes the settings in force.
        """
        longest = self._registry.get(model_id).context_length
        return _at(self._load_settings.in_force(model_id), context_length, longest)

    def of(self, spec: ModelSpec, context_length: int | None = None) -> int:
        """Bytes of host memory that a model would take at a context length."""
        row = self._registry.rows.row(spec.id)
        if row is None or self._apart(spec.id):
            return self._plans.need(spec, self.settings_at(spec.id, context_length))
        return spec.size_bytes + self._kinds(context_length)[self._registry.rows.kinds.number(row)]

    def all(self, context_length: int | None = None) -> Sequence[int]:
        """The same of each row; 0 of one that can't be loaded."""
        self._keep_up(context_length)
        return self._all

    def standing(self, context_length: int | None, *, descending: bool) -> Standing:
        """Every model by what it would take; those that can't be loaded come last."""
        self._keep_up(context_length)
        if descending not in self._standings:
            rows = self._registry.rows
            order = by_value(rows.by_name(), self._all, descending=descending)
            self._standings[descending] = Standing(order, rows)
        return self._standings[descending]

    def _apart(self, model_id: ModelId) -> bool:
        return model_id in self._plans.known() or model_id in self._load_settings.known()

    def _keep_up(self, context_length: int | None) -> None:
        rows = self._registry.rows
        now = (
            *(rows, rows.changes, self._plans.changes, self._load_settings.changes),
            *(self._settings(), context_length),
        )
        if now == self._all_for:
            return
        self._all_for, self._standings = now, {}
        beside, numbers = self._kinds(context_length), rows.kinds.numbers()
        whole = map(add, rows.sizes(), map(beside.__getitem__, numbers))
        marks = rows.alike(_loadable)
        self._all = array("q", map(mul, whole, marks) if 0 in marks else whole)
        for model_id in {*self._plans.known(), *self._load_settings.known()}:
            row = rows.row(model_id)
            if row is not None and self._all[row]:
                self._all[row] = self.of(self._registry.get(model_id), context_length)

    def _kinds(self, context_length: int | None) -> Sequence[int]:
        rows: ModelRows = self._registry.rows
        now = rows, self._settings(), context_length
        if now != self._beside_for:
            self._beside, self._beside_for = [], now
        new = rows.kinds.values()[len(self._beside) :]
        if new:
            general = self._load_settings.general()
            for kind in new:
                settings = _at(general, context_length, kind.context_length)
                taken = memory_plans.predict(kind.example(), settings) if kind.loadable else 0
                self._beside.append(taken)
        return self._beside


def _loadable(kind: Kind) -> bool:
    return kind.loadable


def _at(settings: LoadSettings, context_length: int | None, longest: int | None) -> LoadSettings:
    if context_length is None:
        return settings
    length = min(context_length, longest or context_length)
    return settings.model_copy(update={"context_length": length})
