"""What a model can be quantised to, and what that takes."""

import re

from app.domain.base import Frozen
from app.domain.models import ModelSpec


class Quantisation(Frozen):
    """One way to pack weights."""

    name: str
    file_type: int
    """llama.cpp's number for it (`llama_ftype`)."""
    bits: float
    """Of a weight, on average over the tensors of a usual model."""
    narrow: float
    """The same where rows fill no block of 256, so that llama.cpp takes a larger type for them."""


QUANTISATIONS = {
    kind.name: kind
    for kind in (
        Quantisation(name="Q2_K", file_type=10, bits=3.2, narrow=5.5),
        Quantisation(name="Q3_K_S", file_type=11, bits=3.6, narrow=5.5),
        Quantisation(name="Q3_K_M", file_type=12, bits=4.0, narrow=5.8),
        Quantisation(name="Q4_0", file_type=2, bits=4.7, narrow=5.4),
        Quantisation(name="Q4_K_S", file_type=14, bits=4.7, narrow=6.2),
        Quantisation(name="Q4_K_M", file_type=15, bits=4.9, narrow=6.5),
        Quantisation(name="Q5_K_S", file_type=16, bits=5.6, narrow=6.6),
        Quantisation(name="Q5_K_M", file_type=17, bits=5.7, narrow=6.8),
        Quantisation(name="Q6_K", file_type=18, bits=6.6, narrow=8.5),
        Quantisation(name="Q8_0", file_type=7, bits=8.5, narrow=8.5),
        Quantisation(name="F16", file_type=1, bits=16.0, narrow=16.0),
        Quantisation(name="BF16", file_type=32, bits=16.0, narrow=16.0),
    )
}
"""What is offered, the smallest first; the others need a file of importances."""

_UNSAFE = re.compile(r"[^\w.+-]+")
"""What some file system doesn't take in a name."""
HEADER_BYTES = 32 * 1024 * 1024
"""The most that a vocabulary and the rest of a header take."""
NARROW_PARAMETERS = 1_000_000_000
"""Models with fewer often have such narrow rows; larger ones hardly ever."""
MARGIN = 1.1
FULL_BITS = {"F16": 16.0, "BF16": 16.0, "F32": 32.0}


def expected_size(spec: ModelSpec, kind: Quantisation) -> int:
    """Bytes that the new file takes at most, as far as can be told beforehand."""
    return int(_weights(spec, _bits(spec, kind)) * MARGIN) + _header(spec)


def _bits(spec: ModelSpec, kind: Quantisation) -> float:
    narrow = (spec.parameters or 0) < NARROW_PARAMETERS
    return kind.narrow if narrow else kind.bits


def _weights(spec: ModelSpec, bits: float) -> float:
    return (spec.parameters or 0) * bits / 8


def _header(spec: ModelSpec) -> int:
    """What isn't weights, at most: it is copied, so that it lies in the file that is there."""
    if not spec.size_bytes:
        return HEADER_BYTES
    kind = QUANTISATIONS.get(spec.quantisation)
    bits = FULL_BITS.get(spec.quantisation) or (_bits(spec, kind) if kind is not None else 0.0)
    beside = spec.size_bytes - _weights(spec, bits) / MARGIN
    return min(HEADER_BYTES, max(0, int(beside)))


def file_name(source: str, kind: Quantisation) -> str:
    """The new file's name.

    Args:
        source: the name of the model, or of its file without suffix and shard number.
        kind: what it is quantised to.
    """
    plain = _UNSAFE.sub("-", source).strip("-.") or "model"
    stem, separator, last = plain.rpartition("-")
    known = separator and last.upper() in {*QUANTISATIONS, "F32"}
    return f"{stem if known else plain}-{kind.name}.gguf"
