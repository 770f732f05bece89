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


QUANTISATIONS = {
    kind.name: kind
    for kind in (
        Quantisation(name="Q2_K", file_type=10, bits=3.2),
        Quantisation(name="Q3_K_S", file_type=11, bits=3.6),
        Quantisation(name="Q3_K_M", file_type=12, bits=4.0),
        Quantisation(name="Q4_0", file_type=2, bits=4.7),
        Quantisation(name="Q4_K_S", file_type=14, bits=4.7),
        Quantisation(name="Q4_K_M", file_type=15, bits=4.9),
        Quantisation(name="Q5_K_S", file_type=16, bits=5.6),
        Quantisation(name="Q5_K_M", file_type=17, bits=5.7),
        Quantisation(name="Q6_K", file_type=18, bits=6.6),
        Quantisation(name="Q8_0", file_type=7, bits=8.5),
        Quantisation(name="F16", file_type=1, bits=16.0),
        Quantisation(name="BF16", file_type=32, bits=16.0),
    )
}
"""What is offered, the smallest first; the others need a file of importances."""

_UNSAFE = re.compile(r"[^\w.+-]+")
"""What some file system doesn't take in a name."""
HEADER_BYTES = 32 * 1024 * 1024
"""The most that a vocabulary and the rest of a header take."""
MARGIN = 1.1


def expected_size(spec: ModelSpec, kind: Quantisation) -> int:
    """Bytes that the new file takes at most, as far as can be told beforehand."""
    weights = (spec.parameters or 0) * kind.bits / 8
    # The header is copied, so that it takes no more than the whole file that it comes from.
    return int(weights * MARGIN) + min(HEADER_BYTES, spec.size_bytes or HEADER_BYTES)


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
