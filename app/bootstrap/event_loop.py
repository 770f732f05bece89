"""The one event loop: Qt's, with asyncio on top."""

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import qasync
from PySide6.QtCore import QCoreApplication, QEvent, QObject
from PySide6.QtWidgets import QApplication

TURN_SECONDS = 0.004
"""How long callbacks may follow one another before Qt gets its turn: a fraction of a frame."""


class WindowLoop(qasync.QEventLoop):  # type: ignore[misc] # it comes without types
    """qasync's loop with a cheaper `call_soon`.

    There every callback is a timer of Qt's. Here those that follow one another, as the steps of
    tasks that wake each other do, share one event. A token on its way through the app is five
    callbacks, and its way costs the computation beside it half as much.
    """

    def __init__(self, application: QApplication) -> None:
        """Wrap an application's loop."""
        self._soon: deque[asyncio.Handle] = deque()
        self._turn = _Turn(self._run_soon)
        super().__init__(application)

    def call_soon(
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Call it in the next turn, after what waits by now."""
        handle = asyncio.Handle(callback, args, self, context)
        self._soon.append(handle)
        self._turn.ask()
        return handle

    def _run_soon(self) -> None:
        end = time.perf_counter() + TURN_SECONDS
        soon = self._soon
        while soon:
            handle = soon.popleft()
            if not handle.cancelled():
                handle._run()  # noqa: SLF001 - as every loop does
            if time.perf_counter() >= end:
                break
        if soon:
            self._turn.ask()


class _Turn(QObject):
    """Asks Qt for a turn, once at a time."""

    def __init__(self, run: Callable[[], None]) -> None:
        super().__init__()
        self._run = run
        self._asked = False

    def ask(self) -> None:
        """Have the callbacks run when Qt has done what it has to."""
        if not self._asked:
            self._asked = True
            QCoreApplication.postEvent(self, QEvent(QEvent.Type.User))

    def event(self, event: QEvent) -> bool:
        """Qt's turn for this object."""
        if event.type() != QEvent.Type.User:
            return super().event(event)
        self._asked = False
        self._run()
        return True
