"""GGUF headers byte by byte, for files that no writer would make."""

import struct
from pathlib import Path

UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64 = 4, 5, 6, 7, 8, 9, 10
_FORMS = {UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?", UINT64: "<Q"}

F16 = 1


def string(text: str | bytes) -> bytes:
    """A string with its length."""
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def key(name: str | bytes, kind: int, value: object) -> bytes:
    """One key; `value` is the number, the text, or a list's encoded body."""
    return string(name) + struct.pack("<I", kind) + _payload(kind, value)


def array(item_kind: int, items: list[object], claimed: int | None = None) -> bytes:
    """A list's body; `claimed` lies about its length."""
    head = struct.pack("<IQ", item_kind, len(items) if claimed is None else claimed)
    return head + b"".join(_payload(item_kind, item) for item in items)


def tensor(name: str, dimensions: tuple[int, ...], kind: int = F16, offset: int = 0) -> bytes:
    """One tensor's entry."""
    form = f"<I{len(dimensions)}QIQ"
    return string(name) + struct.pack(form, len(dimensions), *dimensions, kind, offset)


def header(
    keys: list[bytes],
    tensors: list[bytes],
    *,
    version: int = 3,
    key_count: int | None = None,
    tensor_count: int | None = None,
) -> bytes:
    """A whole header; the counts may lie."""
    counts = (
        len(tensors) if tensor_count is None else tensor_count,
        len(keys) if key_count is None else key_count,
    )
    return b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join((*keys, *tensors))


def model_keys(**changes: bytes | None) -> list[bytes]:
    """The keys of a llama model that passes every check, some replaced or (None) left out.

    A change is named by the last part of its key.
    """
    keys: dict[str, bytes | None] = {
        "architecture": key("general.architecture", STRING, "llama"),
        "block_count": key("llama.block_count", UINT32, 2),
        "embedding_length": key("llama.embedding_length", UINT32, 64),
        "context_length": key("llama.context_length", UINT32, 2048),
        "head_count": key("llama.attention.head_count", UINT32, 4),
        "epsilon": key("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5),
    }
    keys.update(changes)
    return [value for value in keys.values() if value is not None]


def write(path: Path, keys: list[bytes], tensors: list[bytes] | None = None) -> Path:
    """Write a header with 4 KiB of data behind it; one small tensor unless told otherwise."""
    entries = [tensor("output.weight", (8, 8))] if tensors is None else tensors
    path.write_bytes(header(keys, entries) + bytes(4096))
    return path


def write_large_vocabulary(path: Path, tokens: int) -> Path:
    """Write a header whose vocabulary has so many tokens, `token 0` and on."""
    words: list[object] = [f"token {number}" for number in range(tokens)]
    vocabulary = key("tokenizer.ggml.tokens", ARRAY, array(STRING, words))
    ends = [
        key("tokenizer.ggml.bos_token_id", UINT32, 1),
        key("tokenizer.ggml.eos_token_id", UINT32, tokens - 1),
    ]
    return write(path, [*model_keys(), vocabulary, *ends])


def _payload(kind: int, value: object) -> bytes:
    if isinstance(value, bytes) and kind != STRING:
        return value
    if kind == STRING:
        assert isinstance(value, str | bytes)
        return string(value)
    return struct.pack(_FORMS[kind], value)
