"""What is taken away, and can be called back before it is gone for good."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from app.domain.error_reports import report_of
from app.domain.errors import AppError
from app.domain.events import NoticeRaised
from app.manager.events import EventBus
from app.tasks import TaskScope

UNDO_SECONDS = 10.0

log = logging.getLogger(__name__)


@dataclass
class _Reprieve:
    carry_out: Callable[[], Awaitable[None]]
    call_back: Callable[[], Awaitable[None]]
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    undone: bool = False
    over: bool = False
    """Nothing can be decided any more."""
    seen_out: asyncio.Task[None] | None = None


class Reprieves:
    """Holds back what can't be undone until the time for second thoughts is over."""

    def __init__(self, owner: str, events: EventBus, seconds: float = UNDO_SECONDS) -> None:
        self.seconds = seconds
        self._events = events
        self._held: dict[str, _Reprieve] = {}
        self._tasks = TaskScope(owner)

    def waiting(self) -> tuple[str, ...]:
        """The names of what can still be called back, oldest first."""
        return tuple(name for name, held in self._held.items() if not held.over)

    def hold(
        self,
        name: str,
        *,
        carry_out: Callable[[], Awaitable[None]],
        call_back: Callable[[], Awaitable[None]],
    ) -> float:
        """Hold something back from now on.

        Args:
            name: what it is; nothing else of that name may be held, see `settle`.
            carry_out: does what can't be undone. Where it fails, what was to go is called back,
                and the person is told why.
            call_back: makes it as if nothing had been asked.

        Returns:
            Until when it can be called back, in seconds since the epoch.
        """
        held = self._held[name] = _Reprieve(carry_out, call_back)
        held.seen_out = self._tasks.start(name, self._see_out(name, held))
        return time.time() + self.seconds

    async def undo(self, name: str) -> None:
        """Call something back; what is gone already, or going, is ignored."""
        held = self._held.get(name)
        if held is not None:
            held.undone = held.undone or not held.over
            await self._decide(held)

    async def settle(self, name: str) -> None:
        """Carry out at once what is held under a name: what was asked for stands."""
        held = self._held.get(name)
        if held is not None:
            await self._decide(held)

    async def aclose(self) -> None:
        """Carry out at once all that is held."""
        for name in [*self._held]:
            await self.settle(name)
        await self._tasks.aclose()

    async def _decide(self, held: _Reprieve) -> None:
        held.decided.set()
        if held.seen_out is not None:
            # Whoever waits for it may be cancelled; what has begun is brought to its end.
            await asyncio.shield(held.seen_out)

    async def _see_out(self, name: str, held: _Reprieve) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.seconds):
                await held.decided.wait()
        held.over = True
        try:
            if held.undone:
                await held.call_back()
            else:
                await self._carry_out(name, held)
        finally:
            del self._held[name]

    async def _carry_out(self, name: str, held: _Reprieve) -> None:
        try:
            await held.carry_out()
        except AppError as error:
            log.warning("%s stays: %s %s", name, error, error.detail)
            await held.call_back()
            self._events.publish(NoticeRaised(report=report_of(error)))
