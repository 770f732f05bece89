"""How often things happened, counted from the facts on the bus and kept."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping

from app.domain.errors import AppError
from app.domain.events import Event, InstanceChanged, ModelEvicted, ModelSwitched
from app.domain.instances import InstanceState
from app.domain.models import ModelId
from app.manager.events import EventBus, Subscription
from app.ports.stores import ModelStore
from app.tasks import TaskScope

log = logging.getLogger(__name__)

_STATES = {
    InstanceState.READY: "loads",
    InstanceState.FAILED: "failed_loads",
    InstanceState.CRASHED: "crashes",
}


class Counters:
    """Owns the counters. What comes at once is kept at once, as one change."""

    def __init__(self, store: ModelStore, events: EventBus) -> None:
        self._store = store
        self._events = events
        self._counts: Counter[str] = Counter()
        self._states: dict[ModelId, tuple[int, InstanceState]] = {}
        """The state that each instance was last seen in, with its generation."""
        self._subscription: Subscription | None = None
        self._changed: set[str] = set()
        self._tasks = TaskScope("counters")
        self._saving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read what is kept and count from now on."""
        self._counts.update(await self._store.counters())
        self._subscription = self._events.subscribe(self._woken)

    async def aclose(self) -> None:
        """Keep the last counts."""
        self._take()
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        await self._tasks.join()

    def counts(self) -> Mapping[str, int]:
        """Every counter by name."""
        self._take()
        return dict(self._counts)

    def _woken(self) -> None:
        asyncio.get_running_loop().call_soon(self._take)

    def _take(self) -> None:
        if self._subscription is None:
            return
        names = [
            name
            for published in self._subscription.take()
            if (name := self._name_of(published.event)) is not None
        ]
        self._counts.update(names)
        self._changed.update(names)
        if self._changed and (self._saving is None or self._saving.done()):
            self._saving = self._tasks.start("save counters", self._save())

    def _name_of(self, event: Event) -> str | None:
        if isinstance(event, ModelSwitched):
            return "switches"
        if isinstance(event, ModelEvicted):
            return "evictions"
        if not isinstance(event, InstanceChanged):
            return None
        view = event.instance
        seen = (view.generation, view.state)
        if self._states.get(view.model_id) == seen:
            return None
        self._states[view.model_id] = seen
        return _STATES.get(view.state)

    async def _save(self) -> None:
        while self._changed:
            counts = {name: self._counts[name] for name in self._changed}
            self._changed.clear()
            try:
                await self._store.save_counters(counts)
            except AppError as error:
                log.warning("The counters can't be kept: %s", error)
