"""Everything that a model's files say of themselves, a page at a time."""

import hashlib
import os
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from functools import lru_cache
from itertools import islice

from app.domain.errors import InvalidFile, MissingFile
from app.domain.inspection import (
    FileDigest,
    KeyPage,
    KeyValue,
    TensorLine,
    TensorPage,
    TypeShare,
    ValuePage,
)
from app.gguf.header import Header, HeaderError, LargeArray, Value
from app.gguf.reader import read_header, read_items, read_special_tokens
from app.gguf.source import open_file, read_at
from app.gguf.tensor_types import TENSOR_TYPES, tensor_bytes
from app.library.found import shard_paths
from app.tasks import in_daemon_thread

TEXT_SHOWN = 2_000
"""Characters of a value in a list; a chat template has more."""
CHUNK = 8 * 1024 * 1024
"""Bytes that are hashed between two words on the progress."""


class FileInspection:
    """Reads headers anew for whoever looks into them; the last one stays in memory."""

    async def keys(self, path: str, offset: int, limit: int) -> KeyPage:
        """Some of a header's keys, as the file has them.

        Raises:
            MissingFile: the file is gone.
            InvalidFile: it is broken.
        """
        return await in_daemon_thread(_keys, path, offset, limit)

    async def values(self, path: str, key: str, offset: int, limit: int) -> ValuePage:
        """Some items of a key that holds a list; a single value is a list of one.

        Raises:
            MissingFile: the file is gone.
            InvalidFile: it is broken, or has no such key.
        """
        return await in_daemon_thread(_values, path, key, offset, limit)

    async def tensors(self, path: str, shards: int, offset: int, limit: int) -> TensorPage:
        """Some of the tensors of all shards, and the quantisation mix of all of them.

        Raises:
            MissingFile: a file is gone.
            InvalidFile: one is broken.
        """
        return await in_daemon_thread(_tensors, shard_paths(path, shards), offset, limit)

    async def chat_template(self, path: str) -> tuple[str, dict[str, str]]:
        """The source of the chat template, empty where there is none, and its special tokens.

        Raises:
            MissingFile: the file is gone.
            InvalidFile: it is broken.
        """
        return await in_daemon_thread(_template, path)

    async def sha256(self, path: str, shards: int) -> AsyncGenerator[float | FileDigest, None]:
        """The share of all shards that is hashed so far, 0 to 1, and each one's digest in order.

        Closing the generator ends the reading.

        Raises:
            MissingFile: a file is gone.
            InvalidFile: one isn't a regular file.
        """
        paths = shard_paths(path, shards)
        whole, before = await in_daemon_thread(_size, paths), 0
        for part in paths:
            digest, done = hashlib.sha256(), 0
            while chunk := await in_daemon_thread(_chunk, part, done):
                await in_daemon_thread(digest.update, chunk)
                done += len(chunk)
                yield min(1.0, (before + done) / max(1, whole))
            before += done
            yield FileDigest(path=part, digest=digest.hexdigest())


def _header(path: str) -> Header:
    try:
        status = os.stat(path)  # noqa: PTH116 - the path is a text that may be no valid one
        return _read(path, status.st_size, status.st_mtime_ns)
    except HeaderError as error:
        raise InvalidFile(str(error), "Download the file again, or choose another.") from error
    except OSError as error:
        raise _missing(path, error) from error


@lru_cache(maxsize=2)
def _read(path: str, size: int, modified_ns: int) -> Header:
    return read_header(path)


def _template(path: str) -> tuple[str, dict[str, str]]:
    header = _header(path)
    try:
        return header.chat_template or "", read_special_tokens(path, header)
    except HeaderError as error:
        raise InvalidFile(str(error), "Look at it again.") from error
    except OSError as error:
        raise _missing(path, error) from error


def _keys(path: str, offset: int, limit: int) -> KeyPage:
    header = _header(path)
    lines = [
        KeyValue(key=key, type=_type_name(value), value=_shown(value), length=_length(value))
        for key, value in islice(header.keys.items(), offset, offset + limit)
    ]
    return KeyPage(keys=tuple(lines), total=len(header.keys))


def _values(path: str, key: str, offset: int, limit: int) -> ValuePage:
    header = _header(path)
    value = header.keys.get(key)
    if value is None:
        raise InvalidFile(f"This file has no key {key}.", "Look at its keys again.")
    if isinstance(value, LargeArray):
        try:
            items = read_items(path, value, offset, limit)
        except HeaderError as error:
            raise InvalidFile(str(error), "Look at its keys again.") from error
        except OSError as error:
            raise _missing(path, error) from error
        return ValuePage(values=tuple(map(str, items)), total=value.length)
    listed = value if isinstance(value, tuple) else (value,)
    return ValuePage(values=tuple(map(str, listed[offset : offset + limit])), total=len(listed))


def _tensors(paths: Sequence[str], offset: int, limit: int) -> TensorPage:
    tensors = [tensor for path in paths for tensor in _header(path).tensors]
    counts: Counter[int] = Counter(tensor.type for tensor in tensors)
    elements: Counter[int] = Counter()
    for tensor in tensors:
        elements[tensor.type] += tensor.elements
    mix = [
        TypeShare(
            type=_name(kind),
            tensors=counts[kind],
            elements=count,
            size=tensor_bytes(kind, count),
        )
        for kind, count in elements.most_common()
    ]
    lines = [
        TensorLine(
            name=tensor.name,
            shape=tensor.dimensions,
            type=_name(tensor.type),
            size=tensor_bytes(tensor.type, tensor.elements),
        )
        for tensor in tensors[offset : offset + limit]
    ]
    return TensorPage(tensors=tuple(lines), total=len(tensors), mix=tuple(mix))


def _size(paths: Sequence[str]) -> int:
    try:
        return sum(os.stat(path).st_size for path in paths)  # noqa: PTH116 - as in _header
    except OSError as error:
        raise _missing(paths[0], error) from error


def _chunk(path: str, offset: int) -> bytes:
    try:
        with open_file(path) as (descriptor, _):
            return read_at(descriptor, offset, CHUNK)
    except HeaderError as error:
        raise InvalidFile(str(error), "Choose another file.") from error
    except OSError as error:
        raise _missing(path, error) from error


def _missing(path: str, error: OSError) -> MissingFile:
    return MissingFile(
        f"The file {path} can't be read.",
        "Connect its drive, or scan its folder again.",
        str(error),
    )


def _name(kind: int) -> str:
    known = TENSOR_TYPES.get(kind)
    return known.name if known else f"type {kind}"


def _length(value: Value) -> int | None:
    if isinstance(value, LargeArray):
        return value.length
    return len(value) if isinstance(value, tuple) else None


def _shown(value: Value) -> str:
    if isinstance(value, LargeArray):
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= TEXT_SHOWN else text[:TEXT_SHOWN] + "…"


_TYPE_NAMES = {bool: "bool", int: "integer", float: "float", str: "text"}


def _type_name(value: Value) -> str:
    if isinstance(value, LargeArray):
        return "list"
    if isinstance(value, tuple):
        return f"list of {_TYPE_NAMES[type(value[0])]}" if value else "list"
    return _TYPE_NAMES[type(value)]
