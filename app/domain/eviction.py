"""Which models leave so that another one can be loaded, and when it is worth waiting instead."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import chain, combinations

from app.domain.base import Frozen
from app.domain.models import ModelId

UNLIMITED = 2**31
"""Places where the number of loaded models isn't bounded."""
COMPARED = 10
"""So many models are weighed against one another in every combination; beyond, one by one."""
BUSY_COST = 1e6
"""Seconds; cutting a queue off from a busy model is dearer than any reload."""
FAIRNESS_SECONDS = 30.0
"""How long a model waits for room before busy ones take no more prompts."""
PATIENCE_SECONDS = 300.0
"""How long a model waits for room before it is refused."""


class Room(Frozen):
    """Bytes and places, either of which may be overdrawn."""

    size: int = 0
    places: int = UNLIMITED

    def __add__(self, other: "Room") -> "Room":
        return Room(size=self.size + other.size, places=self.places + other.places)

    def __sub__(self, other: "Room") -> "Room":
        return Room(size=self.size - other.size, places=self.places - other.places)

    def holds(self, other: "Room") -> bool:
        """Whether there is as much of both."""
        return other.size <= self.size and other.places <= self.places


NOTHING = Room(size=0, places=0)


class Holding(Frozen):
    """A model that takes memory, as far as eviction cares."""

    model_id: ModelId
    size: int
    """Bytes that it gives back."""
    ready: bool = True
    """Neither coming nor going."""
    going: bool = False
    """It is on its way out."""
    busy: bool = False
    """Somebody uses it or will once it is loaded."""
    kept: bool = False
    """It isn't to be evicted: pinned, or spared by the one who asks."""
    used_at: float = 0.0
    """When its last use ended, in seconds of the snapshot's clock."""
    reload_seconds: float | None = None
    """What loading it has taken."""

    @property
    def room(self) -> Room:
        """What it takes."""
        return Room(size=self.size, places=1)


class Want(Frozen):
    """A model that is to be loaded."""

    size: int
    """Bytes that it needs."""
    overdue: bool = False
    """It has waited so long that busy models make room too."""

    @property
    def room(self) -> Room:
        """What it takes."""
        return Room(size=self.size, places=1)


class Verdict(StrEnum):
    """What a model that wants room does."""

    LOAD = "load"
    EVICT = "evict"
    """Others leave first."""
    WAIT = "wait"
    """Others will leave, or could leave once their answers are complete."""
    REFUSE = "refuse"
    """There is no room even when everybody leaves who may."""


class Decision(Frozen):
    """The verdict, and who leaves or is waited for."""

    verdict: Verdict
    models: tuple[ModelId, ...] = ()
    claims: bool = False
    """What leaves is for this model: nobody who comes later may take it."""


def decide(
    want: Want, holdings: Sequence[Holding], free: Room, now: float, claimed: Room = NOTHING
) -> Decision:
    """What a model that wants room does, and who leaves for it.

    Idle models leave at once, but only where that is enough; busy ones only for a model that has
    waited its time, and they finish their answers. A model that can never fit evicts nobody.

    Args:
        want: the model.
        holdings: the models that take memory.
        free: the room that nobody takes.
        now: the time by the clock of `Holding.used_at`.
        claimed: what those who asked before will take of it and of what is on its way out.
    """
    going = [item for item in holdings if item.going]
    others = [item for item in holdings if not item.going and not item.kept]
    idle = [item for item in others if item.ready and not item.busy]
    occupied = [item for item in others if item not in idle]
    if not (free + total(going) + total(others)).holds(want.room):
        return Decision(verdict=Verdict.REFUSE)
    left = free + total(going) - claimed
    if free.holds(want.room) and left.holds(want.room):
        return Decision(verdict=Verdict.LOAD)
    if left.holds(want.room):
        return Decision(verdict=Verdict.WAIT, models=_ids(going), claims=True)
    lacking = want.room - left
    leaving = choose(idle, lacking, now)
    if leaving is None and want.overdue:
        leaving = choose([*idle, *(item for item in occupied if item.ready)], lacking, now)
    if leaving is not None:
        return Decision(verdict=Verdict.EVICT, models=_ids(leaving), claims=True)
    return Decision(verdict=Verdict.WAIT, models=_ids(occupied or going), claims=want.overdue)


def excess(holdings: Iterable[Holding], allowed: Room) -> Room:
    """What models take beyond a limit; those on their way out don't count."""
    taken = total(item for item in holdings if not item.going)
    return Room(
        size=max(0, taken.size - allowed.size), places=max(0, taken.places - allowed.places)
    )


def shed(holdings: Iterable[Holding], over: Room, now: float) -> tuple[ModelId, ...]:
    """Who leaves at once so that a limit holds again, or comes as near as idle models allow."""
    idle = [i for i in holdings if i.ready and not (i.going or i.busy or i.kept)]
    leaving = choose(idle, over, now)
    return _ids(idle if leaving is None else leaving)


def choose(candidates: Sequence[Holding], lacking: Room, now: float) -> tuple[Holding, ...] | None:
    """Those who make enough room at the least expected cost of loading them again.

    What was used lately is likely to be used soon, so a model is expected to cost its reload time
    over the time since its last use. Among models that are reloaded equally fast, or of which that
    isn't known, the one that is unused for the longest leaves first; a large model that was used
    before a small one stays when the small one is enough and no dearer.

    Returns:
        None when all together don't make enough room.
    """
    if not total(candidates).holds(lacking):
        return None
    known = all(item.reload_seconds is not None for item in candidates)

    def cost(item: Holding) -> float:
        seconds = item.reload_seconds if known and item.reload_seconds is not None else 1.0
        return max(seconds, 0.01) / max(now - item.used_at, 1.0) + BUSY_COST * item.busy

    def rank(items: Sequence[Holding]) -> tuple[float, int, float]:
        return sum(map(cost, items)), len(items), sum(item.used_at for item in items)

    if len(candidates) <= COMPARED:
        every = chain.from_iterable(
            combinations(candidates, count) for count in range(1, len(candidates) + 1)
        )
        return min((items for items in every if total(items).holds(lacking)), key=rank)
    chosen: list[Holding] = []
    for item in sorted(candidates, key=lambda item: (cost(item) / max(item.size, 1), item.used_at)):
        if total(chosen).holds(lacking):
            break
        chosen.append(item)
    for item in sorted(chosen, key=cost, reverse=True):
        rest = [other for other in chosen if other is not item]
        if total(rest).holds(lacking):
            chosen = rest
    return tuple(chosen)


def total(holdings: Iterable[Holding]) -> Room:
    """What models take together."""
    items = tuple(holdings)
    return Room(size=sum(item.size for item in items), places=len(items))


def _ids(holdings: Iterable[Holding]) -> tuple[ModelId, ...]:
    return tuple(item.model_id for item in holdings)
