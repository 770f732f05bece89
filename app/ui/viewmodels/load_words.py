"""How a model is loaded, in the words that people read."""

from pathlib import PurePath

from app.domain.instances import InstanceView
from app.domain.load_settings import LoadSettings
from app.ui import words

AMOUNTS = {
    "slots": ("conversation side by side", "conversations side by side"),
    "batch_threads": ("prompt thread", "prompt threads"),
    "gpu_layers": ("GPU layer", "GPU layers"),
}
NAMES = {
    "batch": "batch",
    "micro_batch": "micro-batch",
    "cache_type_k": "K",
    "cache_type_v": "V",
    "main_gpu": "main GPU",
    "rope_scaling": "RoPE",
    "rope_base": "RoPE base",
    "rope_scale": "RoPE scale",
    "pooling": "pooling",
    "seed": "seed",
}


def threads(view: InstanceView) -> str:
    """What an instance computes with: "2 threads (automatic)"; empty where nobody knows."""
    if not view.threads:
        return ""
    chosen = "automatic" if view.settings.threads is None else "fixed"
    return f"{words.amount(view.threads, 'thread')} ({chosen})"


def ways(settings: LoadSettings) -> str:
    """The choices that aren't the app's, but for those that have lines of their own."""
    parts = [
        words.amount(value, *AMOUNTS[name])
        for name in AMOUNTS
        if (value := getattr(settings, name)) is not None
    ]
    parts += [
        f"{title} {_figure(value)}"
        for name, title in NAMES.items()
        if (value := getattr(settings, name)) is not None
    ]
    if settings.flash_attention is not None:
        parts.append(f"flash attention {'on' if settings.flash_attention else 'off'}")
    if settings.tensor_split:
        parts.append(f"split {':'.join(map(_figure, settings.tensor_split))}")
    if settings.mmap is not None:
        parts.append("mapped" if settings.mmap else "not mapped")
    if settings.mlock:
        parts.append("locked in memory")
    parts += [
        f"{PurePath(adapter.path).name} at {_figure(adapter.scale)}"
        for adapter in settings.adapters
    ]
    return ", ".join(parts)


def next_load(settings: LoadSettings) -> str:
    """Everything that the next load doesn't leave to the app."""
    parts = []
    if settings.context_length is not None:
        parts.append(f"context {words.count(settings.context_length)}")
    if settings.threads is not None:
        parts.append(words.amount(settings.threads, "thread"))
    if others := ways(settings):
        parts.append(others)
    return ", ".join(parts) or "automatic"


def _figure(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return words.count(value) if isinstance(value, int) else str(value)
