"""Models that lie on the disk several times, in words."""

import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import PurePath

from PySide6.QtCore import QObject, QTimer, Signal

from app.domain.duplicates import Comparison, Duplicate
from app.domain.errors import UnknownModel
from app.domain.events import (
    CopiesDeleted,
    DeletionUndone,
    FoldersChanged,
    ModelDeleted,
    ScanFinished,
)
from app.domain.models import ModelId
from app.manager.manager import Manager
from app.ui import words
from app.ui.bridge import Bridge
from app.ui.intents import Intents


@dataclass(frozen=True)
class Copies:
    """One model with the files that hold it."""

    model_id: ModelId
    name: str
    summary: str
    """How often it is there and what that costs."""
    paths: tuple[tuple[str, str], ...]
    """Each file, and whose it is."""
    compared: str
    """How it is known that they are copies, or that they aren't."""
    comparable: bool
    """Whether reading all of them would tell more."""
    share: float | None
    """0 to 1 while they are read."""
    deletable: frozenset[str]
    """The files that can go to the trash: the user's own, of which another one stays."""


@dataclass(frozen=True)
class Leaving:
    """Copies on their way to the trash."""

    model_id: ModelId
    words: str


class Duplicates(QObject):
    """Looks for copies once scans are over."""

    changed = Signal()

    def __init__(
        self, manager: Manager, intents: Intents, bridge: Bridge, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        self._found: tuple[Duplicate, ...] = ()
        self._compared: dict[ModelId, Comparison] = {}
        self._shares: dict[ModelId, float] = {}
        self._leaving: dict[ModelId, Leaving] = {}
        bridge.on(CopiesDeleted, self._say_leaving)
        for kind in (ScanFinished, FoldersChanged, ModelDeleted, CopiesDeleted, DeletionUndone):
            bridge.on(kind, lambda _: self.look())
        bridge.lost.connect(self.look)
        self.look()

    def look(self) -> None:
        """Ask again what lies where."""
        self._intents.run("find duplicates", self._look())

    def summary(self) -> str:
        """What could be had back, such as "3 copies of 1 model"; empty when nothing could."""
        wasteful = [found for found in self._found if found.recoverable]
        if not wasteful:
            return ""
        copies = words.amount(sum(found.places for found in wasteful), "copy", "copies")
        models = words.amount(len(wasteful), "model")
        size = words.size(sum(found.recoverable for found in wasteful))
        return f"{copies} of {models}, {size} recoverable"

    def copies(self) -> Sequence[Copies]:
        """Every model that several files hold, the most wasteful first."""
        return [self._copies(found) for found in self._found]

    def leaving(self) -> Sequence[Leaving]:
        """The copies that can still be called back."""
        there = self._manager.deletions.leaving()
        return [leaving for model_id, leaving in self._leaving.items() if model_id in there]

    # What the person does

    def compare(self, model_id: ModelId) -> None:
        """Read the files of a model from end to end, to know whether they are copies."""
        if model_id not in self._shares:
            self._shares[model_id] = 0.0
            self._intents.run(f"compare {model_id}", self._compare(model_id))
            self.changed.emit()

    def stop(self, model_id: ModelId) -> None:
        """Read no further."""
        self._intents.cancel(f"compare {model_id}")
        # One that is cancelled before its first step doesn't clean up after itself.
        self._shares.pop(model_id, None)
        self.changed.emit()

    def delete(self, model_id: ModelId, path: str) -> None:
        """Move one copy to the trash; it can be called back for a while."""
        work = self._manager.deletions.delete_copies(model_id, (path,))
        self._intents.run(f"delete copy {path}", work)

    def undo(self, model_id: ModelId) -> None:
        """Call copies back."""
        self._intents.run(f"undo delete {model_id}", self._manager.deletions.undo(model_id))

    def _say_leaving(self, events: list[CopiesDeleted]) -> None:
        for event in events:
            text = words.leaving(event.name, event.count)
            self._leaving[event.model_id] = Leaving(event.model_id, text)
            left = max(0.0, event.undo_until - time.time())
            QTimer.singleShot(int(left * 1000) + 100, self, self.changed.emit)
        self.changed.emit()

    async def _look(self) -> None:
        found = await self._manager.library.duplicates()
        for model_id in [*self._compared]:
            comparison = await self._manager.duplicates.known(model_id)
            if comparison is None:
                del self._compared[model_id]
        if found != self._found or self._leaving:
            self._found = found
            self.changed.emit()

    async def _compare(self, model_id: ModelId) -> None:
        try:
            async with aclosing(self._manager.duplicates.compare(model_id)) as steps:
                async for step in steps:
                    if isinstance(step, Comparison):
                        self._compared[model_id] = step
                    else:
                        self._shares[model_id] = step
                    self.changed.emit()
        finally:
            self._shares.pop(model_id, None)
            self.changed.emit()

    def _copies(self, found: Duplicate) -> Copies:
        try:
            name = self._manager.models.get(found.model_id).name
        except UnknownModel:
            name = PurePath(found.paths[0]).name
        comparison = self._compared.get(found.model_id)
        owned = filter(self._manager.library.owned, found.paths)
        return Copies(
            found.model_id,
            name,
            _summary(found),
            tuple(map(self._place, found.paths)),
            _said(found, comparison),
            comparable=found.places > 1 and comparison is None,
            share=self._shares.get(found.model_id),
            deletable=frozenset(path for path in owned if _spare(path, found, comparison)),
        )

    def _place(self, path: str) -> tuple[str, str]:
        place = self._manager.library.place_of(path)
        if place is None:
            return path, "added by itself"
        store = place.store
        return path, f"belongs to {words.STORE_WORDS[store]}" if store else "yours"


def _said(found: Duplicate, comparison: Comparison | None) -> str:
    if found.places == 1:
        return ""
    if comparison is None:
        return "Alike in size, first and last MiB; not read in full yet."
    if comparison.same:
        return "Read in full: every byte is the same."
    return "Read in full: they differ, so not all of them are copies."


def _spare(path: str, found: Duplicate, comparison: Comparison | None) -> bool:
    """Whether the same bytes are known to be somewhere else, too."""
    if found.places == 1:
        return True
    return comparison is not None and any(
        path in group and len(group) > 1 for group in comparison.groups
    )


def _summary(found: Duplicate) -> str:
    files = words.amount(len(found.paths), "file")
    if not found.recoverable:
        return f"{files}, one on the disk: links take no room"
    copies = words.amount(found.places, "copy", "copies")
    told = copies if found.places == len(found.paths) else f"{files}, {copies} on the disk"
    return f"{told}, {words.size(found.recoverable)} recoverable"
