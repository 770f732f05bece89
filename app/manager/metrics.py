"""Every model's averages, moved by each request and load."""

import time
from collections.abc import Callable

from app.domain.events import MetricsChanged
from app.domain.generation import GenerationStats
from app.domain.models import ModelId
from app.domain.profiles import ModelMetrics, decayed, with_request
from app.manager.events import EventBus
from app.ports import ModelStore


class Metrics:
    """Owns the averages of ordinary use; profiling runs are kept apart."""

    def __init__(
        self, store: ModelStore, events: EventBus, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self._metrics: dict[ModelId, ModelMetrics] = {}

    async def start(self) -> None:
        """Read what is kept."""
        self._metrics = {item.model_id: item for item in await self._store.metrics()}

    def find(self, model_id: ModelId) -> ModelMetrics | None:
        """A model's averages, or None before its first use."""
        return self._metrics.get(model_id)

    async def record_request(self, model_id: ModelId, stats: GenerationStats) -> None:
        """Count one request, however it ended."""
        await self._keep(with_request(self._known(model_id), stats, self._clock()))

    async def record_load(self, model_id: ModelId, seconds: float) -> None:
        """Count one load to READY."""
        known = self._known(model_id)
        average = decayed(known.load_seconds, seconds, 0.0)
        await self._keep(known.model_copy(update={"load_seconds": average}))

    def _known(self, model_id: ModelId) -> ModelMetrics:
        return self._metrics.get(model_id) or ModelMetrics(model_id=model_id)

    async def _keep(self, metrics: ModelMetrics) -> None:
        self._metrics[metrics.model_id] = metrics
        await self._store.save_metrics(metrics)
        self._events.publish(MetricsChanged(model_id=metrics.model_id))
