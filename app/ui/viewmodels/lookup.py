"""An answer that is waited for beside the loop, and dropped when nobody wants it any more."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, Signal

from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError
from app.ui.intents import Intents

T = TypeVar("T")


class Lookup(QObject, Generic[T]):
    """At most one question under way; another one takes its place."""

    changed = Signal()

    def __init__(self, intents: Intents, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._intents = intents
        self._name = name
        self._number = 0
        self.waiting = False
        self.failure: ErrorReport | None = None
        self.answer: T | None = None

    def start(self, ask: Callable[[], Awaitable[T]]) -> None:
        """Ask, in place of what was asked before; the last answer stays until there is another."""
        self._leave()
        self.failure = None
        self.waiting = self._intents.run(self._task(), self._ask(self._number, ask))
        self.changed.emit()

    def clear(self) -> None:
        """Forget the answer, and the question that is under way."""
        self._leave()
        self.waiting, self.failure, self.answer = False, None, None
        self.changed.emit()

    def _leave(self) -> None:
        self._intents.cancel(self._task())
        self._number += 1

    def _task(self) -> str:
        return f"{self._name} {self._number}"

    async def _ask(self, number: int, ask: Callable[[], Awaitable[T]]) -> None:
        answer: T | None = None
        failure: ErrorReport | None = None
        try:
            answer = await ask()
        except AppError as error:
            failure = report_of(error)
        except Exception as error:
            failure = report_of(error)
            raise
        finally:
            if number == self._number:
                self.waiting, self.failure = False, failure
                self.answer = self.answer if answer is None else answer
                self.changed.emit()
