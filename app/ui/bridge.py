"""Hands the manager's events to the window, coalesced per frame."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.domain.events import Event
from app.manager.manager import Manager

log = logging.getLogger(__name__)

FRAME_MS = 16

E = TypeVar("E", bound=Event)


class Bridge(QObject):
    """Drains the event bus at most once a frame; while nothing happens no timer runs."""

    lost = Signal()
    """Events were dropped because the window was too slow: ask the manager for everything."""

    def __init__(self, manager: Manager, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._handlers: list[tuple[type[Event], Callable[[list[Any]], None]]] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self.drain)
        self._subscription = manager.events.subscribe(self._timer.start)

    def on(self, kind: type[E], handler: Callable[[list[E]], None]) -> None:
        """Call `handler` with each frame's events of one class, when there are any."""
        self._handlers.append((kind, handler))

    def drain(self) -> None:
        """Hand over everything that waits, now."""
        self._timer.stop()
        events = [published.event for published in self._subscription.take()]
        if self._subscription.lost:
            self.lost.emit()
        for kind, handler in self._handlers:
            wanted = [event for event in events if isinstance(event, kind)]
            if wanted:
                handler(wanted)

    def close(self) -> None:
        """Stop listening."""
        self._timer.stop()
        self._subscription.close()
