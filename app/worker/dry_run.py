"""How much a load would take: llama.cpp lays everything out and allocates nothing.

Its C interface doesn't give the sizes; its log does.
"""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from app.gguf.header import HeaderError
from app.worker.llama_context import context_parameters
from app.worker.llama_model import LlamaError, LlamaModel
from app.worker.protocol import Load, Planned, Refusal
from app.worker.repacking import mapped_bytes

MEBIBYTE = 1024 * 1024
HOST = "CPU"
"""The processor, as llama.cpp names it."""

_COMPUTE = re.compile(r": +(\S+) +(?:compute|output) buffer size = +([\d.]+) MiB")
_CACHE = re.compile(r": (?:.*, )?size = +([\d.]+) MiB")
_CACHE_LAYER = re.compile(r"layer +\d+: dev = (\S+)")
_WEIGHT_LAYER = re.compile(r"layer +\d+ assigned to device (\S+?),")


def plan(load: Load) -> Planned:
    """Find out what a load would take.

    Raises:
        LlamaError: llama.cpp can't load the file or make the context.
    """
    lines: list[str] = []
    model = LlamaModel(load, lambda _: None, lines.append)
    placed = _shares(_WEIGHT_LAYER, lines)
    try:
        weights = _weights(model, load, placed)
    except (HeaderError, OSError) as error:
        raise LlamaError(Refusal.MODEL, str(error)) from error
    lines.clear()
    parameters = context_parameters(model.api, load, load.context_length)
    context = model.api.llama_init_from_model(model.handle, parameters)
    if not context:
        raise LlamaError(Refusal.CONTEXT, model.last_words())
    return Planned(weights, cache_sizes(lines), compute_sizes(lines))


def _weights(model: LlamaModel, load: Load, placed: dict[str, float]) -> dict[str, int]:
    """Bytes of the weights by device, LoRA adapters included."""
    mapped = load.mmap is not False and set(placed) == {HOST}
    weights = _spread(int(model.api.llama_model_size(model.handle)), placed)
    if mapped:
        weights = {HOST: mapped_bytes(load.path)}
    adapters = sum(Path(path).stat().st_size for path, _ in load.adapters)
    return weights | {HOST: weights.get(HOST, 0) + adapters}


def cache_sizes(lines: Iterable[str]) -> dict[str, int]:
    """Bytes of the caches by device, of the lines about a context."""
    lines = list(lines)
    total = sum(_bytes(found[1]) for line in lines if (found := _CACHE.search(line)))
    return _spread(total, _shares(_CACHE_LAYER, lines))


def compute_sizes(lines: Iterable[str]) -> dict[str, int]:
    """Bytes of the scratch and output buffers by device, of the lines about a context."""
    sizes: Counter[str] = Counter()
    for line in lines:
        if found := _COMPUTE.search(line):
            sizes[found[1]] += _bytes(found[2])
    return dict(sizes)


def _shares(layer: re.Pattern[str], lines: Iterable[str]) -> dict[str, float]:
    """Each device's share of the layers; the processor's where the log doesn't say."""
    devices = Counter(found[1] for line in lines if (found := layer.search(line)))
    if not devices:
        return {HOST: 1.0}
    return {device: count / devices.total() for device, count in devices.items()}


def _spread(size: int, shares: dict[str, float]) -> dict[str, int]:
    return {device: int(size * share) for device, share in shares.items()}


def _bytes(mebibytes: str) -> int:
    return round(float(mebibytes) * MEBIBYTE)
