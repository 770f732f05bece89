"""How much memory there is, and whether a model fits into it."""

from enum import StrEnum

from app.domain.base import Frozen
from app.domain.load_settings import LoadSettings, RopeScaling
from app.domain.models import ModelSpec

BATCH = 2048
"""Tokens of a prompt that the engine takes at once."""
MICRO_BATCH = 512
"""Tokens that it computes at once; the scratch buffers are made for so many."""
DEFAULT_SLOTS = 4
"""Requests that the engine computes side by side; each has a context of its own."""
HEADROOM = 0.9
"""The share of the machine's memory that models may take together."""
DEFAULT_CONTEXT = 4096
LONGEST_CONTEXT = 2**31 - 1


class MemoryView(Frozen):
    """The machine's memory at one moment, in bytes, container limits applied."""

    total: int
    available: int


class Fit(StrEnum):
    """Whether a model's prediction fits into what is free now."""

    FITS = "fits"
    TIGHT = "tight"
    TOO_BIG = "too_big"


def context_for(spec: ModelSpec, settings: LoadSettings) -> int:
    """The context length to load with: what is wanted, within what the model can follow.

    That is the length it was trained for, or so many times as much as RoPE scaling stretches it.
    """
    trained = spec.context_length or DEFAULT_CONTEXT
    scale = settings.rope_scale or 1.0
    if 0 < scale < 1 and settings.rope_scaling is not RopeScaling.NONE:
        trained = round(min(trained / scale, LONGEST_CONTEXT))
    return min(settings.context_length or DEFAULT_CONTEXT, trained)


def budget(total: int, chosen: float | None = None) -> int:
    """The bytes that models may take together.

    Args:
        total: the machine's memory.
        chosen: what the user allows: up to 1 a share of it, beyond that bytes.
    """
    share = HEADROOM if chosen is None else chosen
    return int(total * share) if share <= 1 else min(total, int(share))


def room(memory: MemoryView, charged: int, arriving: int, allowed: int | None = None) -> int:
    """The bytes that one more model may take; below zero where models take too much already.

    Args:
        memory: the machine now.
        charged: what the ledger holds for all instances.
        arriving: the part of `charged` that is promised but not yet resident.
        allowed: what models may take together, where the user has said so.
    """
    by_budget = (budget(memory.total) if allowed is None else allowed) - charged
    by_free = memory.available - arriving
    return min(by_budget, by_free)


def fit(need: int, free: int) -> Fit:
    """Whether `need` bytes fit into `free` bytes; tight is within a fifth of the edge."""
    if need > free:
        return Fit.TOO_BIG
    return Fit.FITS if need <= free * 0.8 else Fit.TIGHT
