"""Every model's averages, moved by each request and load."""

import time
from collections.abc import Callable

from app.domain.events import MetricsChanged
from app.domain.generation import FinishReason, GenerationStats
from app.domain.models import ModelId
from app.domain.profiles import ModelMetrics, with_load, with_request, with_use
from app.manager.events import EventBus
from app.ports.stores import ModelStore


class Metrics:
    """Owns the averages of ordinary use. Profiling counts as use; its figures are kept apart."""

    def __init__(
        self,
        store: ModelStore,
        events: EventBus,
        tracking: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Know nothing yet.

        Args:
            store: where the averages are kept.
            events: where it is told that they moved.
            tracking: whether anything is to be measured now.
            clock: seconds since the epoch.
        """
        self._store = store
        self._events = events
        self._tracking = tracking
        self._clock = clock
        self._metrics: dict[ModelId, ModelMetrics] = {}
        self._unused: set[ModelId] = set()
        """Models that nothing was asked since they were loaded."""
        self.recorded: Callable[[ModelId, GenerationStats], None] = lambda model_id, stats: None
        """Told of each request."""

    async def start(self) -> None:
        """Read what is kept."""
        self._metrics = {item.model_id: item for item in await self._store.metrics()}

    def find(self, model_id: ModelId) -> ModelMetrics | None:
        """A model's averages, or None before its first use."""
        return self._metrics.get(model_id)

    def all(self) -> tuple[ModelMetrics, ...]:
        """The metrics of every model that was used."""
        return tuple(self._metrics.values())

    async def record_request(self, model_id: ModelId, stats: GenerationStats) -> None:
        """Count one request, however it ended."""
        first = model_id in self._unused
        self._unused.discard(model_id)
        self.recorded(model_id, stats)
        await self._keep(with_request(self._known(model_id), stats, self._clock(), first=first))

    async def record_use(self, model_id: ModelId, finish: FinishReason) -> None:
        """Count one request that is no answer: an embedding, or one of a profiling run."""
        await self._keep(with_use(self._known(model_id), finish, self._clock()))

    async def record_load(self, model_id: ModelId, seconds: float) -> None:
        """Count one load to READY."""
        self._unused.add(model_id)
        await self._keep(with_load(self._known(model_id), seconds, self._clock()))

    def _known(self, model_id: ModelId) -> ModelMetrics:
        return self._metrics.get(model_id) or ModelMetrics(model_id=model_id)

    async def _keep(self, metrics: ModelMetrics) -> None:
        if not self._tracking():
            return
        self._metrics[metrics.model_id] = metrics
        await self._store.save_metrics(metrics)
        self._events.publish(MetricsChanged(model_id=metrics.model_id))
