"""Who answers in a model's place, in the order that a person has set for an alias."""

import time
from collections.abc import Callable, Collection

from app.domain.error_reports import report_of
from app.domain.errors import AppError, ErrorKind, UnknownModel
from app.domain.events import FellBack
from app.domain.generation import FinishReason, GenerationStats
from app.domain.health import HealthState
from app.domain.models import ModelId
from app.domain.settings import Settings
from app.manager.events import EventBus
from app.manager.models import Models

PROBE_SECONDS = 60.0
"""So long the one request that tries a model after its pause has the model to itself."""
_STAYS = frozenset(
    {
        ErrorKind.REQUEST,
        ErrorKind.CONTENT,
        ErrorKind.CONTEXT_OVERFLOW,
        ErrorKind.HISTORY_OVERFLOW,
        ErrorKind.TEMPLATE,
        ErrorKind.CANCELLED,
        ErrorKind.STORAGE,
        ErrorKind.INTERNAL,
    }
)
"""Failures that another model would meet as well, or that it shouldn't hide."""


class Fallbacks:
    """Chooses among the models behind an alias; nobody stands in unless the settings say so."""

    def __init__(
        self,
        models: Models,
        events: EventBus,
        settings: Callable[[], Settings],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin without knowing of any failure.

        Args:
            models: knows aliases and health.
            events: where it is told that another model answers.
            settings: the order.
            clock: seconds since the epoch.
        """
        self._models = models
        self._events = events
        self._settings = settings
        self._clock = clock
        self._probes: dict[ModelId, float] = {}

    def choose(self, to: str, tried: Collection[ModelId]) -> str | None:
        """Whom to ask next; None when everybody was tried.

        Args:
            to: whom the prompt is for, by id or alias.
            tried: those that have failed already.
        """
        order = self._settings().fallbacks.get(to, ())
        if not order:
            return None if tried else to
        first = self.target(to)
        models = [item for item in dict.fromkeys((first, *order)) if item not in tried]
        # Better one that rests than nobody.
        rested = [item for item in models if not self._rests(item)] or models
        if not rested:
            return None
        # The alias itself waits for a switch that is under way.
        return to if rested[0] == first else rested[0]

    def target(self, to: str) -> ModelId:
        """The model that a name stands for now."""
        pointed = (item.model_id for item in self._models.aliases() if item.name == to)
        return next(pointed, ModelId(to))

    def name_of(self, model_id: ModelId) -> str:
        """What people call a model, whether or not it is still known."""
        try:
            return self._models.get(model_id).name
        except UnknownModel:
            return model_id

    def falls_back(self, error: AppError) -> bool:
        """Whether another model may do better."""
        return error.kind not in _STAYS

    def failed(self, to: str, model_id: ModelId, error: AppError) -> None:
        """Another model is asked instead of this one: let that count and be known."""
        if self._settings().performance_tracking:
            stats = GenerationStats(finish=FinishReason.FAILED)
            self._models.health.answered(model_id, stats, report_of(error))
        self._events.publish(FellBack(name=to, model_id=model_id, error=report_of(error)))

    def _rests(self, model_id: ModelId) -> bool:
        """Whether a model is left alone for now; after its pause a single request tries it."""
        health = self._models.health.of(model_id)
        if health.state is not HealthState.COOLING_DOWN or health.until is None:
            self._probes.pop(model_id, None)
            return False
        now = self._clock()
        if now < health.until or now < self._probes.get(model_id, 0.0) + PROBE_SECONDS:
            return True
        self._probes[model_id] = now
        return False
