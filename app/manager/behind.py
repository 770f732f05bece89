"""What is kept after the fact, so that nobody waits for a disk."""

import logging
from collections.abc import Coroutine
from typing import Any

from app.domain.error_reports import report_of
from app.domain.errors import AppError
from app.domain.events import NoticeRaised
from app.manager.events import EventBus
from app.tasks import TaskScope

log = logging.getLogger(__name__)


class Behind:
    """Runs work that follows a fact; a failure is told, since nobody awaits it."""

    def __init__(self, owner: str, events: EventBus) -> None:
        self._events = events
        self._tasks = TaskScope(owner)

    def run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Start it; what is started first reaches the disk first."""
        self._tasks.start(name, self._run(name, work))

    async def settled(self) -> None:
        """Wait until everything that was started has ended."""
        await self._tasks.join()

    async def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except AppError as error:
            log.warning("%s failed: %s", name, error)
            self._events.publish(NoticeRaised(report=report_of(error)))
