"""How to point an alias at another model without losing an answer."""

from collections.abc import Iterable
from enum import StrEnum

from app.domain.base import Frozen
from app.domain.models import ModelId


class SwitchMethod(StrEnum):
    """The ways to switch."""

    READY = "ready"
    """The target is loaded: only the alias moves."""
    OVERLAP = "overlap"
    """Both fit: the target is loaded beside the old one."""
    DRAIN_FIRST = "drain_first"
    """Only one fits: the old one finishes its answers and is ejected first."""
    REFUSE = "refuse"
    """The target doesn't fit even alone."""


class SwitchPlan(Frozen):
    """What a switch would do, said before it acts; sizes in bytes."""

    target: ModelId
    leaving: ModelId | None
    method: SwitchMethod
    need: int
    free: int
    evicting: tuple[ModelId, ...] = ()
    """Idle models that leave so that both have room."""


def plan_switch(  # noqa: PLR0913 - what is known of the memory, each named
    target: ModelId,
    leaving: ModelId | None,
    *,
    need: int,
    free: int,
    freed_by_leaving: int,
    evicting: tuple[ModelId, ...] = (),
    beside: bool = True,
    waits: bool = False,
) -> SwitchPlan:
    """Choose the gentlest way that memory allows.

    Args:
        target: the model to switch to.
        leaving: the loaded model that the alias points at now, if any.
        need: bytes that the target will take; 0 when it is loaded already.
        free: bytes there are, those of idle models included.
        freed_by_leaving: bytes that ejecting the old model gives back.
        evicting: the idle models that would leave.
        beside: one more model may be loaded.
        waits: there will be room once others have finished their answers.
    """
    if need == 0:
        method = SwitchMethod.READY
    elif need <= free and beside:
        method = SwitchMethod.OVERLAP
    elif leaving is not None and need <= free + freed_by_leaving:
        method = SwitchMethod.DRAIN_FIRST
    elif waits:
        method = SwitchMethod.OVERLAP
    else:
        method = SwitchMethod.REFUSE
    return SwitchPlan(
        target=target,
        leaving=leaving,
        method=method,
        need=need,
        free=free,
        evicting=evicting if method is SwitchMethod.OVERLAP else (),
    )


class By(StrEnum):
    """Who changed an alias."""

    PERSON = "person"
    MANAGER = "manager"
    """It followed from something else, as when the model was ejected."""
    AUTO_SWITCH = "auto_switch"


class AliasChange(Frozen):
    """One change of where an alias points, kept as its history."""

    name: str
    model_id: ModelId | None
    """None when the alias was removed."""
    previous: ModelId | None
    at: float
    """Seconds since the epoch."""
    by: By
    reason: str
    """In a few words that a person reads: "rolled back"."""
    gap_seconds: float = 0.0
    """How long no model stood behind the alias."""


def earlier_targets(history: Iterable[AliasChange], current: ModelId | None) -> tuple[ModelId, ...]:
    """Where an alias pointed before, each once and without where it points now.

    Args:
        history: its changes, the newest first.
        current: where it points now.
    """
    targets = (change.previous for change in history)
    return tuple(dict.fromkeys(item for item in targets if item is not None and item != current))
