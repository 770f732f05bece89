"""Gestures as owned tasks: named, one at a time, reported when they fail."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.domain.error_reports import report_of
from app.domain.errors import AppError
from app.manager.events import command
from app.tasks import TaskScope

log = logging.getLogger(__name__)


class Intents(QObject):
    """Runs what a gesture asks for. A name that is busy refuses a second gesture."""

    failed = Signal(object)
    """An ErrorReport of a gesture that failed."""
    busy_changed = Signal(str, bool)
    """A name, and whether its gesture is under way."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._scope = TaskScope("intents")
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def run(self, name: str, work: Coroutine[Any, Any, Any]) -> bool:
        """Start a gesture's work.

        Args:
            name: what it is; the same name never runs twice at once.
            work: what to do; closed unrun when it is refused.

        Returns:
            Whether it was started.
        """
        if name in self._tasks or self._closed:
            work.close()
            return False
        task = self._scope.start(name, self._perform(name, work))
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._ended(name, work))
        self.busy_changed.emit(name, True)
        return True

    def refuse(self, error: AppError) -> None:
        """Tell of a gesture that can't even begin."""
        log.info("refused: %s", error)
        self.failed.emit(report_of(error))

    def cancel(self, name: str) -> None:
        """Cancel a gesture; one that isn't under way is ignored."""
        if name in self._tasks:
            self._tasks[name].cancel()

    def running(self, name: str) -> bool:
        """Whether a gesture of this name is under way."""
        return name in self._tasks

    async def aclose(self) -> None:
        """Cancel every gesture and wait for it to end; later ones are refused."""
        self._closed = True
        await self._scope.aclose()

    async def _perform(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        try:
            with command(name):
                await work
        except AppError as error:
            log.info("%s was refused: %s", name, error)
            self.failed.emit(report_of(error))
        except Exception as error:
            log.exception("%s failed", name)
            self.failed.emit(report_of(error))

    def _ended(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        # A task that is cancelled before its first step never awaits its work.
        work.close()
        del self._tasks[name]
        self.busy_changed.emit(name, False)
