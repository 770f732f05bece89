"""Reads the header of a GGUF file within fixed limits, whatever its bytes are."""

import math
from collections.abc import Collection
from pathlib import Path
from struct import Struct

from app.domain.file_faults import FileFault
from app.gguf.header import Header, HeaderError, LargeArray, Scalar, Tensor, Value
from app.gguf.source import Source, open_file
from app.gguf.tensor_types import tensor_bytes

MAGIC = b"GGUF"
VERSIONS = (2, 3)
KEY_LIMIT = 4096
TENSOR_LIMIT = 65_536
DIMENSIONS_LIMIT = 4
ELEMENTS_LIMIT = 2**44
ALIGNMENT_LIMIT = 1024 * 1024
KEPT_ITEMS = 512
"""Longer arrays stay in the file: per-layer figures are wanted, vocabularies aren't."""

_STRING, _ARRAY = 8, 9
_SCALARS = {
    number: Struct("<" + code)
    for number, code in enumerate(("B", "b", "H", "h", "I", "i", "f", "?", "", "", "Q", "q", "d"))
    if code
}
_COUNTS = Struct("<QQ")
_NUMBER = Struct("<I")
_ARRAY_HEAD = Struct("<IQ")
_LENGTH = Struct("<Q")
_ENTRIES = [Struct(f"<{count}QIQ") for count in range(DIMENSIONS_LIMIT + 1)]
"""What follows the number of a tensor's dimensions: these, its type and its place."""


def read_header(path: str | Path) -> Header:
    """Read everything before the weights and check that the weights are all there.

    Raises:
        HeaderError: this isn't a whole GGUF file.
        OSError: the file can't be read.
    """
    with open_file(path) as (descriptor, size):
        return read_open_header(descriptor, size)


def read_open_header(descriptor: int, size: int, start: bytes = b"") -> Header:
    """The same of a file that is open already, and whose first bytes may be known.

    Raises:
        HeaderError: this isn't a whole GGUF file.
        OSError: the file can't be read.
    """
    source = Source(descriptor, size, start)
    version, tensor_count, key_count = _read_start(source)
    keys = _read_keys(source, key_count)
    tensors, data_length = _read_tensors(source, tensor_count)
    expected = _aligned(source.position, _alignment(keys)) + data_length
    if tensors and expected > size:
        raise _too_short(expected, size)
    return Header(version, keys, tensors)


def read_tokens(path: str | Path, header: Header, ids: Collection[int]) -> dict[int, str]:
    """The texts of some tokens of the vocabulary; ids that it doesn't hold are left out.

    Raises:
        HeaderError: the file has changed since its header was read.
        OSError: the file can't be read.
    """
    place = header.keys.get("tokenizer.ggml.tokens")
    if isinstance(place, tuple):
        return {id_: str(place[id_]) for id_ in ids if 0 <= id_ < len(place)}
    if not isinstance(place, LargeArray) or place.item_type != _STRING:
        return {}
    texts: dict[int, str] = {}
    with open_file(path) as (descriptor, size):
        source = Source(descriptor, size)
        source.skip(place.offset)
        passed = 0
        for id_ in sorted(id_ for id_ in set(ids) if 0 <= id_ < place.length):
            source.skip_strings(id_ - passed)
            texts[id_] = _decoded(source.string())
            passed = id_ + 1
    return texts


def read_items(path: str | Path, place: LargeArray, offset: int, count: int) -> list[Scalar]:
    """Some items of an array that stayed in the file.

    Raises:
        HeaderError: the file has changed since its header was read.
        OSError: the file can't be read.
    """
    with open_file(path) as (descriptor, size):
        source = Source(descriptor, size)
        source.skip(place.offset)
        first, last = min(offset, place.length), min(offset + count, place.length)
        if place.item_type == _STRING:
            source.skip_strings(first)
        else:
            source.skip(first * _form(place.item_type).size)
        return [_read_scalar(source, place.item_type) for _ in range(last - first)]


def read_special_tokens(path: str | Path, header: Header) -> dict[str, str]:
    """What chat templates know as `bos_token` and `eos_token`; empty texts where there are none.

    Raises:
        HeaderError: the file has changed since its header was read.
        OSError: the file can't be read.
    """
    ids = {name: header.integer(f"tokenizer.ggml.{name}_id") for name in ("bos_token", "eos_token")}
    texts = read_tokens(path, header, [id_ for id_ in ids.values() if id_ is not None])
    return {name: texts.get(-1 if id_ is None else id_, "") for name, id_ in ids.items()}


def _read_start(source: Source) -> tuple[int, int, int]:
    if source.size == 0:
        raise HeaderError(FileFault.EMPTY)
    if source.size < len(MAGIC) or source.take(len(MAGIC)) != MAGIC:
        raise HeaderError(FileFault.NOT_GGUF)
    (version,) = source.unpack(_NUMBER)
    if version not in VERSIONS:
        if version and version & 0xFFFF == 0:
            raise HeaderError(FileFault.BYTE_ORDER)
        raise HeaderError(FileFault.VERSION, version=version)
    tensor_count, key_count = source.unpack(_COUNTS)
    if tensor_count > TENSOR_LIMIT or key_count > KEY_LIMIT:
        raise HeaderError(FileFault.ENTRIES)
    return version, tensor_count, key_count


def _read_keys(source: Source, count: int) -> dict[str, Value]:
    keys: dict[str, Value] = {}
    for _ in range(count):
        text, kind = source.named()
        name = text.decode("utf-8", "replace")
        if name in keys:
            raise HeaderError(FileFault.KEY_TWICE, name=name[:64])
        form = _SCALARS.get(kind)
        if form is not None:
            keys[name] = source.unpack(form)[0]
        else:
            keys[name] = _read_array(source) if kind == _ARRAY else _read_scalar(source, kind)
    return keys


def _read_scalar(source: Source, kind: int) -> Scalar:
    if kind == _STRING:
        return _decoded(source.string())
    value: Scalar = source.unpack(_form(kind))[0]
    return value


def _read_array(source: Source) -> Value:
    kind, length = source.unpack(_ARRAY_HEAD)
    if kind == _ARRAY:
        raise HeaderError(FileFault.NESTED_LIST)
    item_size = _LENGTH.size if kind == _STRING else _form(kind).size
    if length * item_size > source.size - source.position:
        raise HeaderError(FileFault.HEADER_CUT)
    if length <= KEPT_ITEMS:
        return tuple(_read_scalar(source, kind) for _ in range(length))
    place = LargeArray(kind, length, source.position)
    if kind == _STRING:
        source.skip_strings(length)
    else:
        source.skip(length * item_size)
    return place


def _form(kind: int) -> Struct:
    form = _SCALARS.get(kind)
    if form is None:
        raise HeaderError(FileFault.VALUE_TYPE, type=kind)
    return form


def _read_tensors(source: Source, count: int) -> tuple[tuple[Tensor, ...], int]:
    """The tensors, and where the last byte of their data lies within the data."""
    tensors = []
    names = set()
    data_length = 0
    for _ in range(count):
        name, dimension_count = source.named()
        if name in names:
            raise HeaderError(FileFault.TENSOR_TWICE, name=_decoded(name[:64]))
        names.add(name)
        if dimension_count > DIMENSIONS_LIMIT:
            raise HeaderError(FileFault.TENSOR_DIMENSIONS)
        *dimensions, kind, offset = source.unpack(_ENTRIES[dimension_count])
        elements = math.prod(dimensions)
        if elements > ELEMENTS_LIMIT:
            raise HeaderError(FileFault.TENSOR_SIZE)
        data_length = max(data_length, offset + (tensor_bytes(kind, elements) or 0))
        tensors.append(Tensor(_decoded(name), tuple(dimensions), kind, elements))
    return tuple(tensors), data_length


def _alignment(keys: dict[str, Value]) -> int:
    value = keys.get("general.alignment", 32)
    if not isinstance(value, int) or not 0 < value <= ALIGNMENT_LIMIT or value & (value - 1):
        raise HeaderError(FileFault.ALIGNMENT)
    return value


def _aligned(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", errors="replace")


def _too_short(expected: int, found: int) -> HeaderError:
    texts = _in_words(expected), _in_words(found)
    if texts[0] == texts[1]:
        texts = f"{expected:,} bytes", f"{found:,} bytes"
    return HeaderError(FileFault.WEIGHTS_CUT, expected=texts[0], found=texts[1])


def _in_words(size: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"
