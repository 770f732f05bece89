"""Which load settings a file can take, as far as its header tells."""

import math

from app.domain.errors import SettingError
from app.domain.load_settings import CacheType, LoadSettings
from app.domain.memory import DEFAULT_SLOTS, context_for
from app.domain.models import ModelSpec

SLOT_LIMIT = 16
CONTEXT_LIMIT = 2**31 - 2**16
"""Tokens of all conversations together; llama.cpp counts them, rounded up, in 32 bits."""
THREAD_LIMIT = 512
BLOCK_VALUES = 32
"""Values that a quantised cache packs together."""
PLAIN = frozenset({CacheType.F32, CacheType.F16, CacheType.BF16})


def check_settings(spec: ModelSpec, settings: LoadSettings, cores: int) -> None:
    """Check what can be checked before anything is started.

    Args:
        spec: the model.
        settings: what is asked for.
        cores: the processor cores of this machine.

    Raises:
        SettingError: a value can't be taken.
    """
    _check_counts(settings, cores)
    _check_context(spec, settings)
    _check_numbers(settings)
    _check_cache(spec, settings)


def _check_counts(settings: LoadSettings, cores: int) -> None:
    threads = min(THREAD_LIMIT, 4 * cores)
    for name, value, low, high in (
        ("number of threads", settings.threads, 1, threads),
        ("number of threads for prompts", settings.batch_threads, 1, threads),
        ("context length", settings.context_length, 1, 2**31 - 1),
        ("number of requests side by side", settings.slots, 1, SLOT_LIMIT),
        ("batch size", settings.batch, 1, 2**20),
        ("micro-batch size", settings.micro_batch, 1, 2**16),
        ("number of GPU layers", settings.gpu_layers, 0, 2**16),
        ("number of the main GPU", settings.main_gpu, 0, 15),
    ):
        if value is not None and not low <= value <= high:
            raise SettingError(
                f"The {name} can't be {value:,}.", f"Choose one from {low:,} to {high:,}."
            )


def _check_context(spec: ModelSpec, settings: LoadSettings) -> None:
    slots = 1 if spec.embeds_only else settings.slots or DEFAULT_SLOTS
    longest = CONTEXT_LIMIT // slots
    context = context_for(spec, settings)
    if context > longest:
        raise SettingError(
            f"{slots} conversations side by side can't have a context of {context:,} each.",
            f"Choose a context of {longest:,} at most, or fewer conversations.",
        )


def _check_numbers(settings: LoadSettings) -> None:
    for name, value in (
        ("RoPE base", settings.rope_base),
        ("RoPE scale", settings.rope_scale),
    ):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise SettingError(f"The {name} can't be {value:g}.", "Choose a number above 0.")
    shares = settings.tensor_split
    if shares and not (
        all(math.isfinite(share) and share >= 0 for share in shares) and any(shares)
    ):
        raise SettingError(
            "The tensor split can't be used.", "Give each GPU a share of 0 or more, one above 0."
        )
    for adapter in settings.adapters:
        if not adapter.path or not math.isfinite(adapter.scale):
            raise SettingError(
                "The scale or file of a LoRA adapter can't be used.",
                "Choose a file, and a plain number such as 1 for its scale.",
            )


def _check_cache(spec: ModelSpec, settings: LoadSettings) -> None:
    value_type = settings.cache_type_v or CacheType.F16
    if value_type not in PLAIN and settings.flash_attention is False:
        raise SettingError(
            f"The V cache can't be {value_type.value.upper()} without flash attention.",
            "Turn flash attention on, or choose F16 for the V cache.",
        )
    if spec.shape is None:
        return
    for letter, kind, length in (
        ("K", settings.cache_type_k, spec.shape.key_length),
        ("V", settings.cache_type_v, spec.shape.value_length),
    ):
        if kind is not None and kind not in PLAIN and length % BLOCK_VALUES:
            raise SettingError(
                f"The {letter} cache of {spec.name} can't be {kind.value.upper()}: its heads have "
                f"{length:,} values, which {BLOCK_VALUES} doesn't divide.",
                f"Choose F16 for the {letter} cache.",
            )
