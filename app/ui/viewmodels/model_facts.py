"""What the model browser shows of a model beside its spec."""

from collections.abc import Sequence
from typing import NamedTuple

from app.domain import memory as rules
from app.domain.errors import UnknownModel
from app.domain.instances import ENDED, InstanceState, InstanceView
from app.domain.memory import Fit
from app.domain.models import ACTIVE, ModelId, ModelQuery, ModelSpec, ModelStatus
from app.manager.manager import Manager
from app.manager.searches import Order

UNUSABLE = (ModelStatus.MISSING, ModelStatus.INVALID)


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

    def __init__(self, manager: Manager) -> None:
        self._models = manager.models
        self._accounts = manager.accounts
        self._memory = manager.memory
        self._annotations = manager.annotations
        self._searches = manager.searches
        self._needs = manager.searches.needs
        self._room: int | None = None
        self.context_length: int | None = None
        """Tokens that needs and fits are told at; None for each model's own settings."""

    def spec(self, model_id: ModelId) -> ModelSpec | None:
        """What is known of a model; None when it has just gone."""
        try:
            return self._models.get(model_id)
        except UnknownModel:
            return None

    def count(self, *statuses: ModelStatus) -> int:
        """How many models there are with one of these statuses."""
        return self._models.count(*statuses)

    def find(self, line: str, order: Order, *, descending: bool) -> Sequence[ModelId]:
        """Every model that a query line asks for, in an order."""
        return self._searches.ordered(
            line, order, descending=descending, context_length=self.context_length
        )

    def provider(self, spec: ModelSpec) -> str:
        """The account's name; that of files on this machine is "local"."""
        account = self._accounts.find(spec.provider)
        return account.name if account is not None else spec.provider

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
        return self._needs.of(spec, self.context_length) if _can_be_loaded(spec) else None

    def fit(self, spec: ModelSpec) -> Fit | None:
        """Whether it fits into what is free or idle, or is there; None for one that can't be loaded."""
        if not _can_be_loaded(spec):
            return None
        view = self.instance(spec)
        if view is not None and view.state not in ENDED:
            return Fit.FITS
        if self._room is None:
            self._room = self._memory.room_without_idle()
        # What is loaded is there already, so that nothing of the model counts as taken.
        return rules.fit(self._needs.of(spec, self.context_length), self._room)

    def favourite(self, spec: ModelSpec) -> bool:
        """Whether the person has marked the model."""
        return self._annotations.get(spec.id).favourite

    def favourites(self) -> dict[ModelId, int]:
        """What marked models are ordered by."""
        return dict.fromkeys(self._annotations.favourites(), 0)

    def tags(self, spec: ModelSpec) -> tuple[str, ...]:
        """The model's tags."""
        return self._annotations.get(spec.id).tags

    def aliases(self, spec: ModelSpec) -> tuple[str, ...]:
        """The names that the person gave the model."""
        return tuple(
            alias.name
            for alias in self._models.aliases()
            if alias.model_id == spec.id and alias.name != ACTIVE
        )

    def last_used(self, spec: ModelSpec) -> float | None:
        """When it last answered, in seconds since the epoch."""
        metrics = self._models.metrics(spec.id)
        return metrics.last_used_at if metrics is not None else None

    def last_uses(self) -> dict[ModelId, float]:
        """When models last answered that have."""
        return {
            item.model_id: item.last_used_at
            for item in self._models.measured()
            if item.last_used_at is not None
        }

    def states(self) -> dict[ModelId, int]:
        """What models with a state of their own are ordered by; the others are available."""
        return {
            **{
                i: len(InstanceState)
                for status in UNUSABLE
                for i in self._models.query(ModelQuery(status=status, limit=None)).ids
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


def _can_be_loaded(spec: ModelSpec) -> bool:
    return spec.status is ModelStatus.AVAILABLE and bool(spec.path)
