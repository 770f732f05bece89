"""How a file's weights are packed, as people call it."""

import re
from collections import Counter
from collections.abc import Iterable

from app.gguf.header import Tensor
from app.gguf.tensor_types import TENSOR_TYPES

GUESSED = 1024
"""llama.cpp adds this to a file type that it inferred."""

WRITTEN = re.compile(r"[-._ ](?:I?Q\d\w*|TQ\d\w*|B?F16|F32|MXFP4\w*)", re.IGNORECASE)
"""A quantisation as file names have it."""

_FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4",
    39: "NVFP4",
    40: "Q1_0",
}


def quantisation_of(file_type: int | None, tensors: Iterable[Tensor]) -> str:
    """The file's own word for its quantisation, else the type that most of its weights have."""
    if file_type is not None and (name := _FILE_TYPES.get(file_type & ~GUESSED)):
        return name
    weights: Counter[int] = Counter()
    for tensor in tensors:
        weights[tensor.type] += tensor.elements
    if not weights:
        return ""
    number, _ = weights.most_common(1)[0]
    known = TENSOR_TYPES.get(number)
    return known.name if known else f"type {number}"
