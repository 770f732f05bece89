"""Bringing up again what crashed, after a pause and not for ever."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from app.domain.error_reports import report_of
from app.domain.errors import AppError, LoadCancelled
from app.domain.events import InstanceChanged, ModelRecovered, NoticeRaised
from app.domain.instances import ENDED, InstanceState, InstanceView
from app.domain.models import ModelId
from app.domain.recovery import restart_at
from app.manager.coordinator import Coordinator
from app.manager.events import EventBus
from app.manager.instances import Lease
from app.tasks import TaskScope

log = logging.getLogger(__name__)


class Recovery:
    """Plans at most one restart a model; a person may cancel it, and any load replaces it."""

    def __init__(
        self,
        coordinator: Coordinator,
        events: EventBus,
        bring_up: Callable[[InstanceView], Awaitable[Lease]],
        wanted: Callable[[ModelId], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Plan nothing yet.

        Args:
            coordinator: knows how often a model has failed.
            events: where restarts are told.
            bring_up: loads a model as it was loaded.
            wanted: whether a model that crashed is to be brought up again by itself.
            clock: seconds since the epoch.
        """
        self._coordinator = coordinator
        self._events = events
        self._bring_up = bring_up
        self._wanted = wanted
        self._clock = clock
        self._tasks = TaskScope("recovery")
        self._planned: dict[ModelId, tuple[float, asyncio.Task[None]]] = {}
        self._down_since: dict[ModelId, float] = {}
        """Models that crashed and are being brought up again, until that has worked or ended."""

    def restarts_at(self, model_id: ModelId) -> float | None:
        """When a model is brought up again by itself, in seconds since the epoch; None for never."""
        planned = self._planned.get(model_id)
        return planned[0] if planned is not None else None

    def expected_at(self, view: InstanceView) -> float | None:
        """When `moved` would bring up again what has just crashed or failed; None for never."""
        crashed = view.state is InstanceState.CRASHED and self._wanted(view.model_id)
        tried = view.state is InstanceState.FAILED and view.model_id in self._down_since
        if not crashed and not tried:
            return None
        return restart_at(self._coordinator.setback(view.model_id), view.error)

    def moved(self, view: InstanceView) -> None:
        """Follow an instance to its new state."""
        if view.state in ENDED:
            at = self.expected_at(view)
            if at is None:
                self._end(view.model_id)
            else:
                self._plan(view, at)
        elif view.state is InstanceState.READY:
            self._unplan(view.model_id)
            since = self._down_since.pop(view.model_id, None)
            if since is not None:
                down = self._clock() - since
                self._events.publish(ModelRecovered(model_id=view.model_id, down_seconds=down))
        elif view.model_id in self._planned:
            self._unplan(view.model_id)

    def cancel(self, model_id: ModelId) -> None:
        """Leave a model that crashed as it is; harmless where no restart is planned."""
        if model_id in self._planned:
            self._end(model_id)
            view = self._coordinator.view(model_id)
            if view is not None:
                self._events.publish(InstanceChanged(instance=view))

    async def aclose(self) -> None:
        """Plan no more restarts."""
        self._planned.clear()
        await self._tasks.aclose()

    def _plan(self, view: InstanceView, at: float) -> None:
        self._down_since.setdefault(view.model_id, self._clock())
        self._unplan(view.model_id)
        restart = self._tasks.start(f"restart {view.model_id}", self._restart(view, at))
        self._planned[view.model_id] = (at, restart)

    async def _restart(self, view: InstanceView, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self._clock()))
        # From here on the load tells of itself, and isn't ended with the plan.
        self._planned.pop(view.model_id, None)
        try:
            with await self._bring_up(view):
                pass
        except LoadCancelled:
            return
        except AppError as error:
            log.warning("%s couldn't be brought up again: %s", view.model_id, error)
            if self.restarts_at(view.model_id) is None:
                self._end(view.model_id)
                self._events.publish(NoticeRaised(report=report_of(error)))

    def _unplan(self, model_id: ModelId) -> None:
        planned = self._planned.pop(model_id, None)
        if planned is not None:
            planned[1].cancel()

    def _end(self, model_id: ModelId) -> None:
        self._unplan(model_id)
        self._down_since.pop(model_id, None)
