"""The digest of a model's file, computed when it is asked for."""

from contextlib import aclosing

from PySide6.QtCore import QObject, Signal

from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError
from app.domain.models import ModelSpec
from app.manager.manager import Manager
from app.ui import words
from app.ui.intents import Intents


class Digest(QObject):
    """The SHA-256 of one model's first file; another model ends the reading."""

    changed = Signal()

    def __init__(self, manager: Manager, intents: Intents, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        self._spec: ModelSpec | None = None
        self._task = ""
        self._number = 0
        self.share: float | None = None
        """0 to 1 while the file is read."""
        self.text = ""
        """The digest in hexadecimal digits; empty until it is known."""
        self.failure: ErrorReport | None = None

    @property
    def can_start(self) -> bool:
        """Whether there is a file to read, and nobody reads it."""
        spec = self._spec
        here = spec is not None and bool(spec.path) and not spec.reason
        return here and self.share is None and not self.text

    def show(self, spec: ModelSpec | None) -> None:
        """Be about a model's file; what another one has is forgotten."""
        self._spec = spec
        self._leave()
        self.text, self.failure = "", None
        self.changed.emit()

    def start(self) -> None:
        """Read the file from its beginning to its end."""
        if self._spec is None or not self.can_start:
            return
        self._number += 1
        self._task = f"hash {self._number}"
        self.share, self.failure = 0.0, None
        self._intents.run(self._task, self._read(self._spec, self._number))
        self.changed.emit()

    def cancel(self) -> None:
        """Stop reading."""
        self._leave()
        self.changed.emit()

    def step(self) -> str:
        """How far the reading has come, with the amount where it is known."""
        spec, share = self._spec, self.share
        if spec is None or share is None:
            return ""
        if spec.shards > 1 or not spec.size_bytes:
            return f"Reading the first file, {words.percent(share)}"
        done = int(spec.size_bytes * share)
        return f"Reading {words.size(done)} of {words.size(spec.size_bytes)}"

    def name(self) -> str:
        """What the digest is of."""
        several = self._spec is not None and self._spec.shards > 1
        return "SHA-256 of the first shard" if several else "SHA-256"

    def _leave(self) -> None:
        self._intents.cancel(self._task)
        self._number += 1
        self.share = None

    async def _read(self, spec: ModelSpec, number: int) -> None:
        try:
            async with aclosing(self._manager.inspection.sha256(spec.id)) as steps:
                async for step in steps:
                    if number == self._number:
                        self._take(step)
        except AppError as error:
            if number == self._number:
                self.failure = report_of(error)
        finally:
            if number == self._number:
                self.share = None
                self.changed.emit()

    def _take(self, step: float | str) -> None:
        if isinstance(step, str):
            self.text = step
        else:
            self.share = step
        self.changed.emit()
