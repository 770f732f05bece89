"""What the settings allow models together, and who has to go when they allow less."""

from collections.abc import Callable, Sequence

from app.domain import memory as rules
from app.domain.eviction import NOTHING, UNLIMITED, Holding, Room, excess, shed
from app.domain.memory import MemoryView
from app.domain.models import ModelId
from app.domain.settings import Settings

UNLIMITED_SIZE = 2**63
"""Bytes where no smaller budget was chosen."""


class Limits:
    """A limit that is lowered holds for what was loaded before, too, until it is kept.

    Nobody leaves for a limit that wasn't lowered: a model that a person loads although it is too
    big is over the limit, and stays.
    """

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._fewer = False
        self._smaller = False
        self._newest = 0
        """The generation of the last instance that a lowered limit applies to."""

    @property
    def places(self) -> int:
        """How many models may be loaded at once."""
        return _places(self._settings())

    def budget(self, memory: MemoryView) -> int:
        """Bytes that models may take together."""
        return rules.budget(memory.total, self._settings().memory_budget)

    @property
    def lowered(self) -> bool:
        """Whether somebody may have to go."""
        return self._fewer or self._smaller

    def changed(self, before: Settings, memory: MemoryView, newest: int) -> None:
        """Compare the settings in force with those before them.

        Args:
            before: the settings until now.
            memory: the machine's.
            newest: the generation of the instance that was begun last.
        """
        fewer = self.places < _places(before)
        smaller = self.budget(memory) < rules.budget(memory.total, before.memory_budget)
        if fewer or smaller:
            self._fewer, self._smaller = self._fewer or fewer, self._smaller or smaller
            self._newest = newest

    def applies(self, generation: int) -> bool:
        """Whether an instance may have to go for it."""
        return generation <= self._newest

    def leaving(
        self, holdings: Sequence[Holding], memory: MemoryView, now: float
    ) -> tuple[tuple[ModelId, ...], str]:
        """The idle models that go now so that a lowered limit holds, and why in words.

        Those that are busy go when they come idle: ask again then.
        """
        size = self.budget(memory) if self._smaller else UNLIMITED_SIZE
        over = excess(holdings, Room(size=size, places=self.places if self._fewer else UNLIMITED))
        if over == NOTHING:
            self._fewer = self._smaller = False
            return (), ""
        if over.places:
            most = self.places
            models = "1 model" if most == 1 else f"{most} models"
            words = f"the settings now allow {models} at once"
        else:
            words = f"the settings now allow models {self.budget(memory) / 1e9:.1f} GB in all"
        return shed(holdings, over, now), words


def _places(settings: Settings) -> int:
    return UNLIMITED if settings.max_loaded is None else settings.max_loaded
