"""How much memory a model will take, from its header, and whether that fits."""

from enum import StrEnum

from app.domain.base import Frozen
from app.domain.load_settings import LoadSettings
from app.domain.models import ModelShape, ModelSpec

CACHE_BYTES = 2
"""Bytes of one value in the key-value cache (F16)."""
BATCH = 2048
"""Tokens of a prompt that the engine takes at once."""
MICRO_BATCH = 512
"""Tokens that it computes at once; the scratch buffers are made for so many."""
DEFAULT_SLOTS = 4
"""Requests that the engine computes side by side; each has a context of its own."""
PROCESS_BYTES = 60 * 1024 * 1024
"""A worker's interpreter and libraries before it loads anything."""
HEADROOM = 0.9
"""The share of the machine's memory that models may take together."""
DEFAULT_CONTEXT = 4096


class MemoryView(Frozen):
    """The machine's memory at one moment, in bytes, container limits applied."""

    total: int
    available: int


class Fit(StrEnum):
    """Whether a model's prediction fits into what is free now."""

    FITS = "fits"
    TIGHT = "tight"
    TOO_BIG = "too_big"


def context_for(spec: ModelSpec, wanted: int | None) -> int:
    """The context length to load with: what is wanted, within what the model was trained for."""
    trained = spec.context_length or DEFAULT_CONTEXT
    return min(wanted or DEFAULT_CONTEXT, trained)


def cache_bytes(shape: ModelShape, context: int) -> int:
    """The key-value cache of `context` tokens over all layers."""
    cells = -(-context // 256) * 256
    return sum(
        cells * heads * (shape.key_length + shape.value_length) * CACHE_BYTES
        for heads in shape.kv_heads
    )


def compute_bytes(shape: ModelShape, context: int) -> int:
    """The scratch buffers of one micro-batch; a heuristic that errs upwards."""
    micro_batch = min(MICRO_BATCH, context)
    logits = 4 * micro_batch * (shape.vocabulary + 4 * shape.embedding_length)
    mask = 2 * context * micro_batch
    return int(1.1 * logits) + mask


def predict(spec: ModelSpec, settings: LoadSettings) -> int:
    """The bytes that a worker with this model will take, weights included."""
    context = context_for(spec, settings.context_length)
    caches = 1 if spec.embeds_only else settings.slots or DEFAULT_SLOTS
    if spec.shape is None:
        return spec.size_bytes + PROCESS_BYTES
    return (
        spec.size_bytes
        + caches * cache_bytes(spec.shape, context)
        + compute_bytes(spec.shape, context)
        + PROCESS_BYTES
    )


def room(memory: MemoryView, charged: int, arriving: int) -> int:
    """The bytes that one more model may take.

    Args:
        memory: the machine now.
        charged: what the ledger holds for all instances.
        arriving: the part of `charged` that is promised but not yet resident.
    """
    by_budget = int(memory.total * HEADROOM) - charged
    by_free = memory.available - arriving
    return max(0, min(by_budget, by_free))


def fit(need: int, free: int) -> Fit:
    """Whether `need` bytes fit into `free` bytes; tight is within a fifth of the edge."""
    if need > free:
        return Fit.TOO_BIG
    return Fit.FITS if need <= free * 0.8 else Fit.TIGHT
