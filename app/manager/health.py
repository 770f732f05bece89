"""The owner of what is known of every model's health."""

import time
from collections.abc import Callable

from app.domain.error_reports import ErrorReport
from app.domain.errors import ErrorKind
from app.domain.events import HealthChanged
from app.domain.generation import GenerationStats
from app.domain.health import (
    SAMPLES,
    Health,
    HealthRecord,
    after_answer,
    after_down,
    after_ready,
    outcome_of,
)
from app.domain.instances import InstanceState, InstanceView
from app.domain.load_settings import LoadSettings
from app.domain.models import ModelId
from app.manager.events import EventBus, caused_by
from app.manager.metrics import Metrics

_NO_FAULT = frozenset(
    {
        ErrorKind.DOES_NOT_FIT,
        ErrorKind.TOO_MANY,
        ErrorKind.CANCELLED,
        ErrorKind.MISSING_FILE,
    }
)
"""Loads that failed for what is around the model."""


class HealthKeeper:
    """Hears of every answer and every state, and tells when a model's health changes."""

    def __init__(
        self,
        metrics: Metrics,
        events: EventBus,
        share: Callable[[], float],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin with every model OK.

        Args:
            metrics: knows how fast a model was in earlier runs.
            events: where changes are told.
            share: of its usual speed; a model that falls below it is degraded.
            clock: seconds since the epoch.
        """
        self._metrics = metrics
        self._events = events
        self._share = share
        self._clock = clock
        self._records: dict[ModelId, HealthRecord] = {}
        self._settings: dict[ModelId, LoadSettings] = {}
        self._cold: set[ModelId] = set()
        self.changed: Callable[[ModelId, Health], None] = lambda model_id, health: None
        """Told of each change, within its cause."""

    def of(self, model_id: ModelId) -> Health:
        """A model's health; one that nothing is known of is OK."""
        record = self._records.get(model_id)
        return record.health if record is not None else Health()

    def answered(
        self, model_id: ModelId, stats: GenerationStats, error: ErrorReport | None
    ) -> None:
        """Judge one answer, however it ended; before it moves the model's averages."""
        outcome = outcome_of(stats, error, self._clock(), cold=model_id in self._cold)
        if outcome is None:
            return
        self._cold.discard(model_id)
        self._keep(model_id, after_answer(self._record(model_id), outcome, self._share()))

    def moved(self, view: InstanceView) -> None:
        """Judge an instance's new state."""
        model_id, error = view.model_id, view.error
        if view.state is InstanceState.READY:
            self._cold.add(model_id)
            if self._settings.get(model_id, view.settings) != view.settings:
                # Loaded in another way, another speed is usual.
                self._keep(model_id, HealthRecord())
            self._settings[model_id] = view.settings
            self._keep(model_id, after_ready(self._record(model_id)))
        elif view.state is InstanceState.CRASHED and error is not None:
            self._keep(model_id, after_down(self._record(model_id), error.what))
        elif view.state is InstanceState.FAILED and error is not None:
            if error.kind not in _NO_FAULT or error.crash is not None:
                self._keep(model_id, after_down(self._record(model_id), error.what))
        elif view.state is InstanceState.STOPPED:
            self.forget(model_id)

    def forget(self, model_id: ModelId) -> None:
        """A model that isn't loaded any more starts afresh; what is usual for it stays known."""
        if model_id in self._records:
            self._keep(model_id, after_ready(self._records[model_id]))

    def _record(self, model_id: ModelId) -> HealthRecord:
        known = self._records.get(model_id)
        if known is not None:
            return known
        metrics = self._metrics.find(model_id)
        if metrics is None or len(metrics.speed.recent) < SAMPLES:
            return HealthRecord()
        return HealthRecord(usual_speed=metrics.tokens_per_second, answers=SAMPLES)

    def _keep(self, model_id: ModelId, record: HealthRecord) -> None:
        previous = self.of(model_id)
        self._records[model_id] = record
        if record.health != previous:
            changed = HealthChanged(model_id=model_id, health=record.health, previous=previous)
            with caused_by(self._events.publish(changed)):
                self.changed(model_id, record.health)
