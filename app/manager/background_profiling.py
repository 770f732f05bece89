"""Measures models that were never measured, while nobody asks anything."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Protocol

from app.domain.errors import AppError
from app.domain.events import InstanceChanged
from app.domain.instances import COMING, InstanceState
from app.domain.models import ModelId
from app.domain.profiles import ProfileRun
from app.domain.settings import Settings
from app.manager.events import EventBus, Subscription
from app.manager.models import Models
from app.tasks import TaskScope

log = logging.getLogger(__name__)

OWNER = "Profile in the background"
IDLE_SECONDS = 2.0
"""So long nobody may have asked anything before a model is measured."""


class Profiler(Protocol):
    """What measures models."""

    def runs(self) -> tuple[ProfileRun, ...]:
        """All kept runs."""
        ...

    async def profile(self, model_id: ModelId, count: int = 10, *, owner: str = "") -> ProfileRun:
        """Measure a model."""
        ...


class BackgroundProfiling:
    """A queue of models; the run under way ends at once when somebody else wants anything."""

    def __init__(
        self,
        profiles: Profiler,
        models: Models,
        events: EventBus,
        settings: Callable[[], Settings],
    ) -> None:
        self._profiles = profiles
        self._models = models
        self._events = events
        self._settings = settings
        self._subscription: Subscription | None = None
        self._queue: list[ModelId] = []
        self._run: asyncio.Task[ProfileRun] | None = None
        self._moved = asyncio.Event()
        """Set by whatever happens to an instance."""
        self._tasks = TaskScope("background profiling")
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch for first loads."""
        self._subscription = self._events.subscribe(self._woken)

    async def aclose(self) -> None:
        """End the run under way; nothing is kept of it."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        await self._tasks.aclose()

    def _woken(self) -> None:
        asyncio.get_running_loop().call_soon(self._take)

    def _take(self) -> None:
        if self._subscription is None:
            return
        views = [
            published.event.instance
            for published in self._subscription.take()
            if isinstance(published.event, InstanceChanged)
        ]
        if not views:
            return
        self._moved.set()
        if self._run is not None and not self._alone():
            self._run.cancel()
        if not self._settings().profile_after_first_load:
            return
        measured = {run.model_id for run in self._profiles.runs()}
        for view in views:
            known = view.model_id in measured or view.model_id in self._queue
            if view.state is InstanceState.READY and not known and self._writes(view.model_id):
                self._queue.append(view.model_id)
        if self._queue and (self._serving is None or self._serving.done()):
            self._serving = self._tasks.start("measure new models", self._serve())

    def _writes(self, model_id: ModelId) -> bool:
        return not self._models.get(model_id).embeds_only

    async def _serve(self) -> None:
        while self._queue:
            await self._idle()
            model_id = self._queue[0]
            view = self._models.instance(model_id)
            if view is None or view.state is not InstanceState.READY:
                # It is measured after its next load; nothing is loaded for this alone.
                self._queue.pop(0)
                continue
            self._run = self._tasks.start(
                f"measure {model_id}", self._profiles.profile(model_id, owner=OWNER)
            )
            # Whoever ends the task itself ends the run with it.
            try:
                await asyncio.wait([self._run])
                if self._run.cancelled():
                    continue
                error = self._run.exception()
                if isinstance(error, AppError):
                    log.info("%s couldn't be measured: %s", model_id, error)
                self._queue.pop(0)
            finally:
                self._run = None

    async def _idle(self) -> None:
        """Wait until nobody has asked anything for a while."""
        while True:
            self._moved.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._moved.wait()
                continue
            if self._alone():
                return
            await self._moved.wait()

    def _alone(self) -> bool:
        """Whether nothing loads, goes or is used but by the run under way."""
        for view in self._models.instances():
            busy = view.state in COMING or view.state is InstanceState.DRAINING
            if busy or any(lease.owner != OWNER for lease in view.leases):
                return False
        return True
