"""Which weights llama.cpp lays out anew for this processor, asked of ggml itself.

A dry run's log tells that there are such weights and not how much they take, and which types they
are differs from processor to processor.
"""

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.gguf.header import Tensor
from app.gguf.reader import read_header
from app.gguf.tensor_types import tensor_bytes
from app.worker.binding import load_submodule

CPU = 0
F32, I32 = 0, 26
BUFFER_OFFSET = 8
"""Where `ggml_tensor` keeps its buffer, after its type."""
COLUMNS = 512
"""Of the matrix that a weight is tried with, as llama.cpp itself does."""
ARENA_BYTES = 1 << 16
ALIGNMENT = 32
"""Bytes, where a file doesn't say."""
EMBEDDING, OUTPUT = "token_embd.weight", "output.weight"
MATRIX, EXPERTS = 2, 3
"""Dimensions of a weight, and of one that several experts share."""

_FIRST_SHARD = re.compile(r"(?P<stem>.*-)00001(?P<of>-of-)(?P<count>\d{5})(?P<end>\.gguf)")


class _Arena(ctypes.Structure):
    _fields_ = (
        ("mem_size", ctypes.c_size_t),
        ("mem_buffer", ctypes.c_void_p),
        ("no_alloc", ctypes.c_bool),
    )


def mapped_bytes(path: str) -> int:
    """What a mapped model's weights take on a processor, all shards together.

    Each file stays mapped from the first to the last weight that is used as it lies there. Those
    that get a layout of their own are copied, whether or not they lie in between.

    Raises:
        HeaderError: a file is broken.
        OSError: it can't be read.
    """
    headers = [read_header(part) for part in shards(path)]
    names = {tensor.name for header in headers for tensor in header.tensors}
    layouts, total = _Layouts(), 0
    for header in headers:
        alignment = header.integer("general.alignment") or ALIGNMENT
        at, used = 0, []
        for tensor in header.tensors:
            size = tensor_bytes(tensor.type, tensor.elements) or 0
            # The embedding is looked up and never multiplied, unless it is the output as well.
            looked_up = tensor.name == EMBEDDING
            copied = layouts.takes(tensor) and not (looked_up and OUTPUT in names)
            total += size if copied else 0
            if looked_up or not copied:
                used += [at, at + size]
            at += -(-size // alignment) * alignment
        total += max(used, default=0) - min(used, default=0)
    return total


def shards(path: str) -> Iterator[Path]:
    """The files of a model whose first one is `path`."""
    named = _FIRST_SHARD.fullmatch(path)
    if named is None:
        yield Path(path)
        return
    for number in range(1, int(named["count"]) + 1):
        yield Path(f"{named['stem']}{number:05}{named['of']}{named['count']}{named['end']}")


class _Layouts:
    """The processor's own layouts for weights."""

    def __init__(self) -> None:
        self._asked: dict[tuple[int, tuple[int, ...]], bool] = {}
        ggml = load_submodule("_ggml")
        self._load = load_submodule("_ctypes_extensions").load_shared_library
        self._base: Any = self._load("ggml-base", ggml.libggml_base_path)
        pointer = ctypes.c_void_p
        find = _function(ggml.libggml, "ggml_backend_dev_by_type", pointer, ctypes.c_int)
        registry = _function(self._base, "ggml_backend_dev_backend_reg", pointer, pointer)
        address = _function(
            self._base, "ggml_backend_reg_get_proc_address", pointer, pointer, ctypes.c_char_p
        )
        self._processor = find(CPU)
        extra = address(registry(self._processor), b"ggml_backend_dev_get_extra_bufts")
        self._buffers = list(self._extra_buffers(extra)) if extra else []

    def takes(self, tensor: Tensor) -> bool:
        """Whether a weight of this type and shape gets such a layout."""
        key = tensor.type, tensor.dimensions
        if key not in self._asked:
            weight = len(tensor.dimensions) in (MATRIX, EXPERTS)
            self._asked[key] = weight and any(
                self._supported(tensor, buffer) for buffer in self._buffers
            )
        return self._asked[key]

    def _extra_buffers(self, address: int) -> Iterator[int]:
        signature = ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)
        make = _function(
            self._base, "ggml_backend_buft_alloc_buffer", ctypes.c_void_p, *(_POINTER, _SIZE)
        )
        for kind in signature(address)(self._processor) or ():
            if kind is None:
                return
            # An empty buffer stands for its type; the process ends before it is worth freeing.
            yield make(kind, 0)

    def _supported(self, tensor: Tensor, buffer: int) -> bool:
        base, pointer, number = self._base, ctypes.c_void_p, ctypes.c_int64
        arena = _function(base, "ggml_init", pointer, _Arena)(_Arena(ARENA_BYTES, None, True))
        flat = _function(base, "ggml_new_tensor_2d", pointer, pointer, ctypes.c_int, number, number)
        deep = _function(
            base, "ggml_new_tensor_3d", pointer, pointer, ctypes.c_int, number, number, number
        )
        try:
            if len(tensor.dimensions) == MATRIX:
                weight = flat(arena, tensor.type, *tensor.dimensions)
                other = flat(arena, F32, tensor.dimensions[0], COLUMNS)
                multiply = _function(base, "ggml_mul_mat", pointer, *[pointer] * 3)
                product = multiply(arena, weight, other)
            else:
                weight = deep(arena, tensor.type, *tensor.dimensions)
                other = deep(arena, F32, tensor.dimensions[0], 1, COLUMNS)
                chosen = flat(arena, I32, 1, COLUMNS)
                multiply = _function(base, "ggml_mul_mat_id", pointer, *[pointer] * 4)
                product = multiply(arena, weight, other, chosen)
            ctypes.c_void_p.from_address(weight + BUFFER_OFFSET).value = buffer
            supports = _function(
                base, "ggml_backend_dev_supports_op", ctypes.c_bool, pointer, pointer
            )
            return bool(supports(self._processor, product))
        finally:
            _function(base, "ggml_free", None, pointer)(arena)


_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_size_t


def _function(library: Any, name: str, result: Any, *arguments: Any) -> Any:
    found = library[name]
    found.restype, found.argtypes = result, arguments
    return found
