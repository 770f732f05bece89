"""What a model will take of memory: by a formula, by a dry run, or as measured before."""

import math
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from app.domain.base import Frozen
from app.domain.load_settings import CacheType, LoadSettings
from app.domain.memory import BATCH, DEFAULT_SLOTS, MICRO_BATCH, context_for
from app.domain.models import ModelShape, ModelSpec

HOST = "host"
"""The machine's own memory, as a device beside its GPUs."""
PROCESS_BYTES = 60 * 1024 * 1024
"""A worker's interpreter and libraries before it loads anything."""
TOKEN_BYTES = 320
"""What the tables of a vocabulary take for each of its tokens."""

BLOCK_VALUES = 32
BLOCK_BYTES = {
    CacheType.F32: 128,
    CacheType.F16: 64,
    CacheType.BF16: 64,
    CacheType.Q8_0: 34,
    CacheType.Q5_1: 24,
    CacheType.Q5_0: 22,
    CacheType.Q4_1: 20,
    CacheType.Q4_0: 18,
    CacheType.IQ4_NL: 18,
}
"""Bytes of `BLOCK_VALUES` values in the key-value cache."""


class PlanSource(StrEnum):
    """Where a plan comes from."""

    FORMULA = "formula"
    """Computed from the file's header."""
    DRY_RUN = "dry_run"
    """Said by llama.cpp itself, which allocated nothing."""
    MEASURED = "measured"
    """What the model took when it was last used."""


class MemoryPart(StrEnum):
    """What memory is for."""

    WEIGHTS = "weights"
    CACHE = "cache"
    """The conversations: the key-value cache of all slots."""
    COMPUTE = "compute"
    """Scratch buffers of the computation and its output."""
    PROCESS = "process"
    """The worker itself and the vocabulary's tables."""


OFFLOADED = frozenset({MemoryPart.WEIGHTS, MemoryPart.CACHE})
"""What goes with the layers that a GPU holds."""


class MemoryLine(Frozen):
    """Bytes of one part on one device."""

    part: MemoryPart
    size: int
    device: str = HOST


class MemoryPlan(Frozen):
    """What a model will take. One-sided: seldom less than it then uses, often more."""

    source: PlanSource
    lines: tuple[MemoryLine, ...]
    """By part and device, as estimated."""
    measured: int | None = None
    """Bytes on the host that were seen in use, and what scratch may add to them."""

    @property
    def host(self) -> int:
        """Bytes of the machine's own memory."""
        return self.measured if self.measured is not None else self.estimated

    @property
    def estimated(self) -> int:
        """The same as the parts make it."""
        return sum(line.size for line in self.lines if line.device == HOST)

    def part(self, part: MemoryPart) -> int:
        """Bytes of one part on the host."""
        return sum(line.size for line in self.lines if line.part is part and line.device == HOST)

    def devices(self) -> dict[str, int]:
        """Bytes on each device but the host."""
        sizes: dict[str, int] = {}
        for line in self.lines:
            if line.device != HOST:
                sizes[line.device] = sizes.get(line.device, 0) + line.size
        return sizes


class MeasuredUse(Frozen):
    """The most that a model has been seen to take when loaded in one way."""

    footprint: LoadSettings
    size: int
    """Resident bytes."""


def footprint(spec: ModelSpec, settings: LoadSettings) -> LoadSettings:
    """The settings that memory follows from, the app's choices filled in: equal ones take alike."""
    return LoadSettings(
        context_length=context_for(spec, settings),
        slots=slots_of(spec, settings),
        batch=settings.batch or BATCH,
        micro_batch=settings.micro_batch or MICRO_BATCH,
        flash_attention=settings.flash_attention,
        cache_type_k=settings.cache_type_k or CacheType.F16,
        cache_type_v=settings.cache_type_v or CacheType.F16,
        gpu_layers=settings.gpu_layers,
        main_gpu=settings.main_gpu,
        tensor_split=settings.tensor_split,
        mmap=settings.mmap is not False,
        mlock=settings.mlock,
        adapters=settings.adapters,
    )


def slots_of(spec: ModelSpec, settings: LoadSettings) -> int:
    """Requests that are computed side by side, each with a cache of its own."""
    return 1 if spec.embeds_only else settings.slots or DEFAULT_SLOTS


def predict(spec: ModelSpec, settings: LoadSettings) -> int:
    """The bytes of host memory by the header alone: the whole of `formula`, for many models."""
    share = _gpu_share(spec.shape, settings)
    return sum(_on_host(part, size, share) for part, size in _formula(spec, settings))


def formula(spec: ModelSpec, settings: LoadSettings) -> MemoryPlan:
    """A plan from the header alone."""
    lines = [
        line
        for part, size in _formula(spec, settings)
        for line in _spread(part, size, spec.shape, settings)
    ]
    return MemoryPlan(source=PlanSource.FORMULA, lines=tuple(lines))


def measured(estimate: MemoryPlan, seen: int) -> MemoryPlan:
    """A plan from what was seen.

    What was seen may be less than what the next use takes: a short prompt leaves most of the
    scratch buffers untouched, and the system drops pages of a mapped file when it is short of
    memory. So untouched scratch comes on top as far as the estimate goes, and what the model is
    made of counts in any case.
    """
    touched = min(estimate.estimated, seen + estimate.part(MemoryPart.COMPUTE))
    made_of = estimate.estimated - estimate.part(MemoryPart.PROCESS)
    host = max(seen, touched, made_of)
    return estimate.model_copy(update={"source": PlanSource.MEASURED, "measured": host})


def cache_bytes(
    shape: ModelShape,
    context: int,
    kind_k: CacheType = CacheType.F16,
    kind_v: CacheType = CacheType.F16,
) -> int:
    """The key-value cache of one conversation of `context` tokens over all layers.

    Layers with a sliding window keep the whole conversation too, so that its beginning can be
    found again.
    """
    cells = -(-context // 256) * 256
    values = cells * sum(shape.kv_heads)
    return (
        values
        * (shape.key_length * BLOCK_BYTES[kind_k] + shape.value_length * BLOCK_BYTES[kind_v])
        // BLOCK_VALUES
    )


def compute_bytes(
    shape: ModelShape,
    context: int,
    micro_batch: int = MICRO_BATCH,
    *,
    outputs: int = DEFAULT_SLOTS,
    flash_attention: bool = True,
) -> int:
    """The scratch buffers of one micro-batch; a heuristic that errs upwards.

    Args:
        shape: the model.
        context: tokens of one conversation.
        micro_batch: tokens that are computed at once.
        outputs: tokens whose logits are asked for at once.
        flash_attention: without it every score of every head lies in memory.
    """
    feed_forward = shape.feed_forward_length or 4 * shape.embedding_length
    hidden = 4 * micro_batch * (3 * feed_forward + 6 * shape.embedding_length)
    logits = 2 * 4 * outputs * shape.vocabulary
    cells = -(-context // 256) * 256
    mask = 2 * cells * micro_batch * (2 if shape.sliding_window else 1)
    scores = 0 if flash_attention else 2 * mask + 4 * cells * micro_batch * shape.head_count
    return int(1.1 * hidden) + logits + mask + scores


def _formula(spec: ModelSpec, settings: LoadSettings) -> Iterator[tuple[MemoryPart, int]]:
    if spec.remote is not None:
        return
    shape = spec.shape
    mapped = settings.mmap is not False
    # What llama.cpp lays out anew for the processor stays mapped beside the copy.
    copies = shape.repacked_bytes if shape is not None and mapped else 0
    yield MemoryPart.WEIGHTS, spec.size_bytes + copies
    if shape is None:
        yield MemoryPart.PROCESS, PROCESS_BYTES
        return
    context, slots = context_for(spec, settings), slots_of(spec, settings)
    kinds = settings.cache_type_k or CacheType.F16, settings.cache_type_v or CacheType.F16
    yield MemoryPart.CACHE, slots * cache_bytes(shape, context, *kinds)
    batch = min(settings.batch or BATCH, context)
    # Pooling needs the whole text at once.
    micro_batch = batch if spec.embeds_only else min(settings.micro_batch or MICRO_BATCH, batch)
    yield (
        MemoryPart.COMPUTE,
        compute_bytes(
            shape,
            context,
            micro_batch,
            outputs=0 if spec.embeds_only else slots,
            flash_attention=settings.flash_attention is not False,
        ),
    )
    yield MemoryPart.PROCESS, PROCESS_BYTES + TOKEN_BYTES * shape.vocabulary


def _gpu_share(shape: ModelShape | None, settings: LoadSettings) -> float:
    """The share of the layers that GPUs are asked to hold; the output counts as a layer."""
    if shape is None or not settings.gpu_layers:
        return 0.0
    return min(1.0, settings.gpu_layers / (shape.block_count + 1))


def _on_host(part: MemoryPart, size: int, share: float) -> int:
    return size - int(size * share) if part in OFFLOADED else size


def _spread(
    part: MemoryPart, size: int, shape: ModelShape | None, settings: LoadSettings
) -> Iterator[MemoryLine]:
    """A part on the devices that it lies on: by layers, as llama.cpp places them.

    Every device that computes has scratch buffers of its own.
    """
    share = _gpu_share(shape, settings)
    host = _on_host(part, size, share)
    yield MemoryLine(part=part, size=host)
    if not share or part is MemoryPart.PROCESS:
        return
    for gpu, portion in _portions(settings):
        held = size if part is MemoryPart.COMPUTE else int((size - host) * portion)
        yield MemoryLine(part=part, size=held, device=f"GPU {gpu}")


def _portions(settings: LoadSettings) -> Iterable[tuple[int, float]]:
    """Each GPU that takes part, with its share of what the GPUs hold."""
    split: Sequence[float] = settings.tensor_split
    if not split:
        return [(settings.main_gpu or 0, 1.0)]
    whole = math.fsum(split)
    return [(gpu, share / whole) for gpu, share in enumerate(split) if share]
