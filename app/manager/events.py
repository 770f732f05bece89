"""The event bus: facts, numbered, kept for replay, never waiting for a slow subscriber."""

import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.domain.events import Cause, Event, Published

log = logging.getLogger(__name__)

KEPT = 2_000
QUEUE_LENGTH = 1_000

_cause: ContextVar[Cause | None] = ContextVar("cause", default=None)
_numbers = itertools.count(1)


@contextmanager
def caused_by(cause: Cause | None) -> Iterator[None]:
    """Name what leads to the events published meanwhile, also by tasks that are started here."""
    token = _cause.set(cause)
    try:
        yield
    finally:
        _cause.reset(token)


def forget_cause() -> None:
    """From here on this task publishes what nothing led to, whatever it was started by."""
    _cause.set(None)


@contextmanager
def command(name: str) -> Iterator[None]:
    """Let a command be the cause of what it publishes, unless something led to it itself."""
    cause = _cause.get()
    with caused_by(f"{name} #{next(_numbers)}" if cause is None else cause):
        yield


class Subscription:
    """One reader's queue. When it is full the oldest events are lost, and counted."""

    def __init__(self, wake: Callable[[], None], closed: Callable[["Subscription"], None]) -> None:
        self._wake = wake
        self._closed = closed
        self._queue: deque[Published] = deque()
        self._lost = 0
        self.lost = 0
        """Events lost before those that the last `take` returned."""

    def put(self, published: Published) -> None:
        """Queue an event; called by the bus."""
        if len(self._queue) >= QUEUE_LENGTH:
            self._queue.popleft()
            self._lost += 1
        self._queue.append(published)
        if len(self._queue) == 1:
            try:
                self._wake()
            except Exception:
                log.exception("A subscriber failed to wake")

    def take(self) -> list[Published]:
        """Everything queued, oldest first; empty when nothing waits."""
        taken = list(self._queue)
        self._queue.clear()
        self.lost, self._lost = self._lost, 0
        return taken

    def close(self) -> None:
        """End the subscription; safe to call twice."""
        self._queue.clear()
        self._closed(self)


class EventBus:
    """Numbers, dates and hands out events, on the loop's thread only."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._seq = 0
        self._kept: deque[Published] = deque(maxlen=KEPT)
        self._subscriptions: list[Subscription] = []

    def publish(self, event: Event) -> int:
        """Hand a fact to every subscriber's queue; give back its number, as a cause of others."""
        self._seq += 1
        published = Published(seq=self._seq, at=self._clock(), event=event, cause=_cause.get())
        if event.lasting:
            self._kept.append(published)
        for subscription in tuple(self._subscriptions):
            subscription.put(published)
        return published.seq

    def subscribe(self, wake: Callable[[], None], *, since: int | None = None) -> Subscription:
        """Start a queue; `wake` is called whenever it turns from empty to non-empty.

        Args:
            wake: called on the loop; it schedules a `take` and returns at once.
            since: replay the lasting events after this number first, as far as they are kept.
        """
        subscription = Subscription(wake, self._unsubscribe)
        self._subscriptions.append(subscription)
        if since is not None:
            for published in self._kept:
                if published.seq > since:
                    subscription.put(published)
        return subscription

    def kept(self) -> tuple[Published, ...]:
        """The latest events, oldest first."""
        return tuple(self._kept)

    def _unsubscribe(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
