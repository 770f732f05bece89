"""The digests of a model's files, computed when they are asked for."""

from contextlib import aclosing
from pathlib import PurePath

from PySide6.QtCore import QObject, Signal

from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError
from app.domain.inspection import FileDigest
from app.domain.models import ModelSpec
from app.manager.manager import Manager
from app.ui import words
from app.ui.intents import Intents


class Digest(QObject):
    """The SHA-256 of each of one model's files; another model ends the reading."""

    changed = Signal()

    def __init__(self, manager: Manager, intents: Intents, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        self._spec: ModelSpec | None = None
        self._task = ""
        self._number = 0
        self.share: float | None = None
        """0 to 1 while the files are read."""
        self.found: list[FileDigest] = []
        """What is known so far, in the order of the shards."""
        self.failure: ErrorReport | None = None

    @property
    def can_start(self) -> bool:
        """Whether there is a file to read, and nobody reads it."""
        spec = self._spec
        here = spec is not None and bool(spec.path) and not spec.reason
        return here and self.share is None and not self.found

    def show(self, spec: ModelSpec | None) -> None:
        """Be about a model's file; what another one has is forgotten."""
        self._spec = spec
        self._leave()
        self.found, self.failure = [], None
        self.changed.emit()

    def start(self) -> None:
        """Read the files from beginning to end."""
        if self._spec is None or not self.can_start:
            return
        self._number += 1
        self._task = f"hash {self._number}"
        self.share, self.found, self.failure = 0.0, [], None
        self._intents.run(self._task, self._read(self._spec, self._number))
        self.changed.emit()

    def cancel(self) -> None:
        """Stop reading; the digest of some files alone says nothing of the model."""
        self._leave()
        self.found = []
        self.changed.emit()

    def step(self) -> str:
        """How far the reading has come, with the amount where it is known."""
        spec, share = self._spec, self.share
        if spec is None or share is None:
            return ""
        done = int(spec.size_bytes * share)
        return f"Reading {words.size(done)} of {words.size(spec.size_bytes)}"

    def name(self) -> str:
        """What the digest is of."""
        shards = self._spec.shards if self._spec is not None else 1
        return f"SHA-256 of each of {shards} files" if shards > 1 else "SHA-256"

    def lines(self) -> list[tuple[str, str]]:
        """The name of each file, empty where there is but one, with its digest."""
        several = self._spec is not None and self._spec.shards > 1
        return [(PurePath(f.path).name if several else "", f.digest) for f in self.found]

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
                self.failure, self.found = report_of(error), []
        finally:
            if number == self._number:
                self.share = None
                self.changed.emit()

    def _take(self, step: float | FileDigest) -> None:
        if isinstance(step, FileDigest):
            self.found.append(step)
        else:
            self.share = step
        self.changed.emit()
