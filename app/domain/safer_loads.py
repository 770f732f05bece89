"""How to load a model that failed with less to go wrong, step by step until nothing is left."""

from typing import Any

from app.domain.base import Frozen
from app.domain.crashes import CrashCause
from app.domain.load_settings import CacheType, LoadSettings
from app.domain.memory import DEFAULT_SLOTS, MICRO_BATCH, context_for
from app.domain.models import ModelSpec

SHORTEST_CONTEXT = 512
"""Tokens; a conversation in less isn't worth a try."""
SMALL_MICRO_BATCH = 128

Change = tuple[dict[str, Any], str]
"""Fields of the settings, and what to say of them."""


class SaferLoad(Frozen):
    """Another try."""

    settings: LoadSettings
    words: str
    """What is different, to follow "load it": "with a context of 2,048, in smaller batches"."""


def safer_load(spec: ModelSpec, failed: LoadSettings, cause: CrashCause) -> SaferLoad | None:
    """The next step down from settings that a model failed with; None when there is none.

    Applied to its own answers it comes to an end.
    """
    match cause:
        case CrashCause.ILLEGAL_INSTRUCTION:
            steps: tuple[list[Change], ...] = ()
        case CrashCause.DISK:
            steps = (_read_whole(failed),)
        case CrashCause.OUT_OF_MEMORY | CrashCause.KILLED:
            steps = (_use_less(spec, failed), _leave_graphics(failed))
        case CrashCause.ASSERTION | CrashCause.FAULT | CrashCause.UNKNOWN:
            steps = (_go_plain(failed), [*_one_at_a_time(spec, failed), *_read_whole(failed)])
    changes = next((step for step in steps if step), None)
    if changes is None:
        return None
    fields = {name: value for change, _ in changes for name, value in change.items()}
    words = list(dict.fromkeys(text for _, text in changes))
    return SaferLoad(settings=failed.model_copy(update=fields), words=", ".join(words))


def _use_less(spec: ModelSpec, failed: LoadSettings) -> list[Change]:
    changes: list[Change] = []
    context = context_for(spec, failed)
    shorter = max(SHORTEST_CONTEXT, context // 2)
    if shorter < context:
        changes.append(({"context_length": shorter}, f"with a context of {shorter:,}"))
    changes += _one_at_a_time(spec, failed)
    for field in ("cache_type_k", "cache_type_v"):
        if getattr(failed, field) is CacheType.F32:
            changes.append(({field: CacheType.F16}, "with a cache of half the size"))
    if failed.mlock or failed.mmap is False:
        lazy = {"mlock": False, "mmap": None}
        changes.append((lazy, "reading its file as it is needed"))
    return changes


def _one_at_a_time(spec: ModelSpec, failed: LoadSettings) -> list[Change]:
    changes: list[Change] = []
    if (failed.slots or DEFAULT_SLOTS) > 1 and not spec.embeds_only:
        changes.append(({"slots": 1}, "one conversation at a time"))
    if (failed.micro_batch or MICRO_BATCH) > SMALL_MICRO_BATCH and not spec.embeds_only:
        changes.append(({"micro_batch": SMALL_MICRO_BATCH}, "in smaller batches"))
    return changes


def _go_plain(failed: LoadSettings) -> list[Change]:
    """Leave out what a file or a driver may not be made for."""
    changes: list[Change] = []
    if failed.flash_attention is not False:
        changes.append(({"flash_attention": False}, "without flash attention"))
    if {failed.cache_type_k, failed.cache_type_v} - {None, CacheType.F16}:
        plain = {"cache_type_k": None, "cache_type_v": None}
        changes.append((plain, "with the usual cache"))
    if failed.adapters:
        changes.append(({"adapters": ()}, "without LoRA adapters"))
    return changes + _leave_graphics(failed)


def _leave_graphics(failed: LoadSettings) -> list[Change]:
    if not failed.gpu_layers and failed.main_gpu is None and not failed.tensor_split:
        return []
    alone = {"gpu_layers": 0, "main_gpu": None, "tensor_split": ()}
    return [(alone, "on the processor alone")]


def _read_whole(failed: LoadSettings) -> list[Change]:
    if failed.mmap is False:
        return []
    whole = {"mmap": False, "mlock": False}
    return [(whole, "reading its whole file first")]
