"""Models that lie on the disk several times, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from PySide6.QtCore import QObject, Signal

from app.domain.duplicates import Duplicate
from app.domain.errors import UnknownModel
from app.domain.events import DeletionUndone, FoldersChanged, ModelDeleted, ScanFinished
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
        for kind in (ScanFinished, FoldersChanged, ModelDeleted, DeletionUndone):
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

    async def _look(self) -> None:
        found = await self._manager.library.duplicates()
        if found != self._found:
            self._found = found
            self.changed.emit()

    def _copies(self, found: Duplicate) -> Copies:
        try:
            name = self._manager.models.get(found.model_id).name
        except UnknownModel:
            name = PurePath(found.paths[0]).name
        return Copies(found.model_id, name, _summary(found), tuple(map(self._place, found.paths)))

    def _place(self, path: str) -> tuple[str, str]:
        place = self._manager.library.place_of(path)
        if place is None:
            return path, "added by itself"
        store = place.store
        return path, f"belongs to {words.STORE_WORDS[store]}" if store else "yours"


def _summary(found: Duplicate) -> str:
    files = words.amount(len(found.paths), "file")
    if not found.recoverable:
        return f"{files}, one on the disk: links take no room"
    copies = words.amount(found.places, "copy", "copies")
    told = copies if found.places == len(found.paths) else f"{files}, {copies} on the disk"
    return f"{told}, {words.size(found.recoverable)} recoverable"
