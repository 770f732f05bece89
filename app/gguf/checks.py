"""Whether a whole header describes a model that can be: what makes llama.cpp abort is refused."""

import math
from collections.abc import Mapping

from app.domain.file_faults import FileFault
from app.gguf.header import Header, HeaderError, Value

BLOCK_LIMIT = 512
NUMBER_LIMIT = 2**32 - 1
ARCHITECTURE_LENGTH = 64
_SIZES = (
    "context_length",
    "vocab_size",
    "attention.key_length",
    "attention.value_length",
    "attention.shared_kv_layers",
    "full_attention_interval",
)
_RECURRENT_KEYS = ("ssm.state_size", "wkv.head_size", "kda.head_dim")


def check_model(header: Header) -> None:
    """Check the figures that the engine builds a model from.

    Raises:
        HeaderError: one of them is missing or can't be.
    """
    architecture = header.architecture
    if not 0 < len(architecture) <= ARCHITECTURE_LENGTH or not architecture.isprintable():
        raise HeaderError(FileFault.ARCHITECTURE)
    if not header.tensors:
        raise HeaderError(FileFault.NO_WEIGHTS)
    blocks = header.own_integer("block_count")
    if blocks is None or not 1 <= blocks <= BLOCK_LIMIT:
        raise HeaderError(FileFault.LAYERS, count=_count(blocks))
    embedding = header.own_integer("embedding_length")
    if embedding is None or not 1 <= embedding <= NUMBER_LIMIT:
        raise HeaderError(FileFault.EMBEDDING_LENGTH, count=_count(embedding))
    for key in _SIZES:
        value = header.own(key)
        if value is not None and not _whole(value):
            raise HeaderError(FileFault.FIGURE, figure=_words(key))
    _check_heads(header, blocks, embedding)
    _check_epsilon(header.keys)


def _check_heads(header: Header, blocks: int, embedding: int) -> None:
    heads = header.own("attention.head_count")
    key_heads = header.own("attention.head_count_kv")
    for value in (heads, key_heads):
        if isinstance(value, tuple):
            if len(value) < blocks or not all(_whole(item) for item in value):
                raise HeaderError(FileFault.HEAD_LIST)
        elif value is not None and not _whole(value):
            raise HeaderError(FileFault.HEADS)
    if not isinstance(heads, int):
        return
    recurrent = any(header.own(key) is not None for key in _RECURRENT_KEYS)
    if heads == 0 and not recurrent:
        raise HeaderError(FileFault.NO_HEADS)
    if heads and header.own("attention.key_length") is None and embedding % heads:
        raise HeaderError(FileFault.HEAD_SPLIT)


def _check_epsilon(keys: Mapping[str, Value]) -> None:
    for key, value in keys.items():
        if key.endswith((".layer_norm_epsilon", ".layer_norm_rms_epsilon")) and not (
            isinstance(value, float) and math.isfinite(value) and value > 0
        ):
            raise HeaderError(FileFault.EPSILON)


def _whole(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= NUMBER_LIMIT


def _words(key: str) -> str:
    return key.rpartition(".")[2].replace("_", " ")


def _count(value: int | None) -> str:
    return "no" if value is None else f"{value:,}"
