"""Sending new prompts to another model when the active one answers badly."""

import logging
import time
from collections.abc import Callable, Iterable

from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError, ModelDegraded
from app.domain.events import AutoSwitched, NoticeRaised
from app.domain.health import Candidate, Health, HealthState, stand_in
from app.domain.models import ACTIVE, ModelId, ModelSpec
from app.domain.switching import By
from app.manager.aliases import Aliases
from app.manager.events import EventBus
from app.manager.switches import Switches
from app.tasks import TaskScope

log = logging.getLogger(__name__)

DWELL_SECONDS = 300.0
"""So long it stays with a choice, whatever that turns out to be worth."""


class AutoSwitch:
    """Switches the active alias once a degradation, and not again for a while."""

    def __init__(
        self,
        aliases: Aliases,
        switches: Switches,
        events: EventBus,
        candidates: Callable[[], Iterable[Candidate]],
        enabled: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wait for bad news.

        Args:
            aliases: know which model is active.
            switches: makes the switch.
            events: where a switch is told.
            candidates: the models to choose from, the active one among them.
            enabled: whether the person wants this.
            clock: seconds of any clock that only goes forward.
        """
        self._aliases = aliases
        self._switches = switches
        self._events = events
        self._candidates = candidates
        self._enabled = enabled
        self._clock = clock
        self._switched_at: float | None = None
        self._tasks = TaskScope("auto-switch")

    def health_changed(self, model_id: ModelId, health: Health) -> None:
        """Look for another model when it is the active one that got worse."""
        if health.state is HealthState.OK or not self._enabled():
            return
        if self._aliases.active() != model_id or self._dwells():
            return
        candidates = {item.spec.id: item for item in self._candidates()}
        leaving = candidates.get(model_id)
        target = stand_in(leaving.spec, candidates.values()) if leaving is not None else None
        if leaving is None or target is None:
            log.info("%s is %s and nothing can stand in for it", model_id, health.state)
            return
        self._switched_at = self._clock()
        work = self._switch(leaving.spec, candidates[target].spec, health.reason)
        self._tasks.start(f"switch to {target}", work)

    async def aclose(self) -> None:
        """Switch no more."""
        await self._tasks.aclose()

    def _dwells(self) -> bool:
        return self._switched_at is not None and self._clock() - self._switched_at < DWELL_SECONDS

    async def _switch(self, leaving: ModelSpec, target: ModelSpec, reason: str) -> None:
        try:
            await self._switches.switch(target.id, ACTIVE, by=By.AUTO_SWITCH, reason=reason)
        except AppError as error:
            log.warning("No switch from %s to %s: %s", leaving.id, target.id, error)
            self._events.publish(NoticeRaised(report=report_of(error)))
            return
        self._events.publish(
            AutoSwitched(name=ACTIVE, model_id=target.id, previous=leaving.id, reason=reason)
        )
        self._events.publish(NoticeRaised(report=_told(leaving, target, reason)))


def _told(leaving: ModelSpec, target: ModelSpec, reason: str) -> ErrorReport:
    return report_of(
        ModelDegraded(
            f"New prompts go to {target.name}: {leaving.name} answers badly.",
            "Roll back on the Loaded page to use it all the same.",
            f"{leaving.name}: {reason}",
        )
    )
