"""Which load settings a file can take, as far as its header tells."""

import math
from collections.abc import Iterator

from app.domain.errors import SettingError
from app.domain.load_settings import CacheType, LoadSettings
from app.domain.memory import DEFAULT_SLOTS, context_for
from app.domain.models import ModelSpec

SLOT_LIMIT = 16
CONTEXT_LIMIT = 2**31 - 2**16
"""Tokens of all conversations together; llama.cpp counts them, rounded up, in 32 bits."""
THREAD_LIMIT = 512
SEED_LIMIT = 2**32 - 2
"""The next number asks llama.cpp for a seed of its own."""
BLOCK_VALUES = 32
"""Values that a quantised cache packs together."""
PLAIN = frozenset({CacheType.F32, CacheType.F16, CacheType.BF16})

Refusal = tuple[str, SettingError]
"""The name of a setting, and why its value can't be taken."""


def check_settings(spec: ModelSpec, settings: LoadSettings, cores: int) -> None:
    """Check what can be checked before anything is started.

    Args:
        spec: the model.
        settings: what is asked for.
        cores: the processor cores of this machine.

    Raises:
        SettingError: a value can't be taken.
    """
    for _, error in refusals(spec, settings, cores):
        raise error


def refusals(spec: ModelSpec, settings: LoadSettings, cores: int) -> Iterator[Refusal]:
    """Everything that `check_settings` would refuse."""
    yield from _counts(settings, cores)
    yield from _contexts(spec, settings)
    yield from _numbers(settings)
    yield from _caches(spec, settings)


def _counts(settings: LoadSettings, cores: int) -> Iterator[Refusal]:
    threads = min(THREAD_LIMIT, 4 * cores)
    for name, words, low, high in (
        ("threads", "number of threads", 1, threads),
        ("batch_threads", "number of threads for prompts", 1, threads),
        ("context_length", "context length", 1, 2**31 - 1),
        ("slots", "number of requests side by side", 1, SLOT_LIMIT),
        ("batch", "batch size", 1, 2**20),
        ("micro_batch", "micro-batch size", 1, 2**16),
        ("gpu_layers", "number of GPU layers", 0, 2**16),
        ("main_gpu", "number of the main GPU", 0, 15),
        ("seed", "seed", 0, SEED_LIMIT),
    ):
        value = getattr(settings, name)
        if value is not None and not low <= value <= high:
            yield (
                name,
                SettingError(
                    f"The {words} can't be {value:,}.", f"Choose one from {low:,} to {high:,}."
                ),
            )


def _contexts(spec: ModelSpec, settings: LoadSettings) -> Iterator[Refusal]:
    slots = 1 if spec.embeds_only else settings.slots or DEFAULT_SLOTS
    longest = CONTEXT_LIMIT // max(1, slots)
    context = context_for(spec, settings)
    if context > longest:
        yield (
            "context_length",
            SettingError(
                f"{slots} conversations side by side can't have a context of {context:,} each.",
                f"Choose a context of {longest:,} at most, or fewer conversations.",
            ),
        )


def _numbers(settings: LoadSettings) -> Iterator[Refusal]:
    for name, words, value in (
        ("rope_base", "RoPE base", settings.rope_base),
        ("rope_scale", "RoPE scale", settings.rope_scale),
    ):
        if value is not None and not (math.isfinite(value) and value > 0):
            yield (
                name,
                SettingError(f"The {words} can't be {value:g}.", "Choose a number above 0."),
            )
    shares = settings.tensor_split
    if shares and not (
        all(math.isfinite(share) and share >= 0 for share in shares) and any(shares)
    ):
        yield (
            "tensor_split",
            SettingError(
                "The tensor split can't be used.",
                "Give each GPU a share of 0 or more, one above 0.",
            ),
        )
    for adapter in settings.adapters:
        if not adapter.path or not math.isfinite(adapter.scale):
            yield (
                "adapters",
                SettingError(
                    "The scale or file of a LoRA adapter can't be used.",
                    "Choose a file, and a plain number such as 1 for its scale.",
                ),
            )


def _caches(spec: ModelSpec, settings: LoadSettings) -> Iterator[Refusal]:
    value_type = settings.cache_type_v or CacheType.F16
    if value_type not in PLAIN and settings.flash_attention is False:
        yield (
            "cache_type_v",
            SettingError(
                f"The V cache can't be {value_type.value.upper()} without flash attention.",
                "Turn flash attention on, or choose F16 for the V cache.",
            ),
        )
    if spec.shape is None:
        return
    for name, letter, length in (
        ("cache_type_k", "K", spec.shape.key_length),
        ("cache_type_v", "V", spec.shape.value_length),
    ):
        kind = getattr(settings, name)
        if kind is not None and kind not in PLAIN and length % BLOCK_VALUES:
            yield (
                name,
                SettingError(
                    f"The {letter} cache of {spec.name} can't be {kind.value.upper()}: its heads "
                    f"have {length:,} values, which {BLOCK_VALUES} doesn't divide.",
                    f"Choose F16 for the {letter} cache.",
                ),
            )
