"""The support bundle: what goes in, how far the writing has come, and where it is."""

from collections.abc import Awaitable, Callable

from PySide6.QtCore import QObject, Signal

from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError
from app.domain.support import BundlePart
from app.manager.manager import Manager
from app.ui import words
from app.ui.intents import Intents

Choose = Callable[[], Awaitable[str | None]]
WRITING = "write support bundle"


class SupportForm(QObject):
    """Lists what a bundle would hold, and writes one where the person says."""

    changed = Signal()

    def __init__(
        self,
        manager: Manager,
        intents: Intents,
        parts: tuple[BundlePart, ...],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        self.parts = parts
        self.progress: float | None = None
        """0 to 1; None while nothing is written."""
        self.failure: ErrorReport | None = None
        self.written = ""
        """The path of the bundle, once it is there."""
        self._size = 0

    def save(self, choose: Choose) -> None:
        """Let the person choose a file and write the bundle into it."""
        self._intents.run(WRITING, self._save(choose))

    def cancel(self) -> None:
        """Give it up; nothing of it stays."""
        self._intents.cancel(WRITING)

    def step(self) -> str:
        """What is being done, or is done, in a few words; empty before."""
        if self.progress is not None:
            return f"Writing the bundle, {words.percent(self.progress)}"
        return f"Written, {words.size(self._size)}." if self.written else ""

    async def _save(self, choose: Choose) -> None:
        path = await choose()
        if path is None:
            return
        self.failure, self.written = None, ""
        self._came_to(0)
        try:
            self._size = await self._manager.support.write(path, self._came_to)
            self.written = path
        except AppError as error:
            self.failure = report_of(error)
        except Exception as error:
            self.failure = report_of(error)
            raise
        finally:
            self.progress = None
            self.changed.emit()

    def _came_to(self, share: float) -> None:
        self.progress = share
        self.changed.emit()
