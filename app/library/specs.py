"""From files to model specs."""

import platform
from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

from app.domain.capabilities import capabilities_of, projector_facts
from app.domain.models import ModelId, ModelShape, ModelSpec, ModelStatus
from app.gguf.checks import check_model
from app.gguf.header import Header, HeaderError, Tensor
from app.gguf.reader import read_header, read_open_header
from app.gguf.source import FIRST_WINDOW, open_file, read_at
from app.gguf.tensor_types import number_of, tensor_bytes
from app.library.fingerprint import ACCOUNT, open_content_id, path_id
from app.library.found import FoundModel, stem_of
from app.library.projectors import projector_of
from app.library.quantisation import WRITTEN, quantisation_of

NAME_LIMIT = 120
REPACKED = frozenset(number_of(name) for name in ("Q4_0", "Q4_K", "IQ4_NL", "MXFP4"))
"""Tensor types that llama.cpp lays out anew for any processor of these years."""
REPACKED_ON_ARM = frozenset(number_of(name) for name in ("Q8_0", "Q5_K", "Q6_K"))


class Reading(NamedTuple):
    """What a model's files say."""

    spec: ModelSpec | None
    """INVALID with its reason when they are broken, None when they hold something other than a
    model: a projector, an adapter."""
    template: str = ""
    """Its chat template; empty where it brings none."""
    lasting: bool = True
    """Whether the same files would be read alike again; a permission may come and go."""


def read_model(found: FoundModel) -> Reading:
    """Read a model's files.

    Raises:
        FileNotFoundError: a file has gone since it was found.
    """
    try:
        model_id, first = _read_first(found)
        headers = [first, *(_read_part(found, at) for at in range(1, len(found.parts)))]
        if not _is_model(headers[0]):
            return Reading(None)
        _check(found, headers)
        return Reading(_spec(found, model_id, headers), headers[0].chat_template or "")
    except HeaderError as error:
        return Reading(invalid_spec(found, str(error)))
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = f"This file can't be read ({error.strerror})."
        return Reading(invalid_spec(found, reason), lasting=False)


def invalid_spec(found: FoundModel, reason: str) -> ModelSpec:
    """A listing for files that no engine can load.

    Its id follows from where it lies: a download under way changes its content all the time, and
    all empty files would be copies of one another.
    """
    path = printable(found.path)
    return ModelSpec(
        id=path_id(found.path),
        provider=ACCOUNT,
        name=_display_name(found.name, path),
        status=ModelStatus.INVALID,
        reason=reason,
        path=path,
        shards=found.shards,
        size_bytes=found.size,
        modified_ns=found.modified_ns,
    )


def _read_first(found: FoundModel) -> tuple[ModelId, Header]:
    """The id and the header, while the file is open once."""
    try:
        with open_file(found.path) as (descriptor, size):
            start = read_at(descriptor, 0, min(size, FIRST_WINDOW))
            header = read_open_header(descriptor, size, start)
            return open_content_id(descriptor, size, start), header
    except HeaderError as error:
        if found.shards == 1:
            raise
        raise _about_part(found, 0, error) from error


def _read_part(found: FoundModel, at: int) -> Header:
    try:
        return read_header(found.parts[at].path)
    except HeaderError as error:
        raise _about_part(found, at, error) from error


def _about_part(found: FoundModel, at: int, error: HeaderError) -> HeaderError:
    """The error with the name of the shard that it is about."""
    return HeaderError(f"{PurePath(printable(found.parts[at].path)).name}: {error}")


def _is_model(header: Header) -> bool:
    kind = header.text("general.type") or "model"
    return kind == "model" and header.architecture not in ("clip", "controlvector")


def _check(found: FoundModel, headers: Sequence[Header]) -> None:
    if found.path != printable(found.path):
        raise HeaderError("This file's name or its folder's isn't valid text: rename it.")
    if found.gap:
        raise HeaderError(found.gap)
    parts = headers[0].integer("split.count") or 1
    if parts != found.shards:
        raise HeaderError(
            f"This file's header counts {parts} parts and its name {found.shards}, "
            "so they can't be put together."
        )
    check_model(headers[0])


def _spec(found: FoundModel, model_id: ModelId, headers: Sequence[Header]) -> ModelSpec:
    header = headers[0]
    tensors = [tensor for part in headers for tensor in part.tensors]
    names = {tensor.name for tensor in tensors if tensor.name.startswith("cls.")}
    capabilities = capabilities_of(header.architecture, header.keys, names)
    projector = projector_of(found, header) if found.projectors else None
    if projector is not None:
        capabilities += projector_facts(projector[1].keys)
    return ModelSpec(
        id=model_id,
        provider=ACCOUNT,
        name=_display_name(found.name or header.text("general.name"), found.path),
        path=found.path,
        projector=projector[0] if projector is not None else "",
        shards=found.shards,
        size_bytes=found.size,
        modified_ns=found.modified_ns,
        architecture=header.architecture,
        parameters=sum(tensor.elements for tensor in tensors),
        quantisation=quantisation_of(header.integer("general.file_type"), tensors),
        context_length=header.own_integer("context_length") or None,
        capabilities=capabilities,
        shape=shape_of(header, tensors),
    )


def shape_of(header: Header, tensors: Sequence[Tensor] = ()) -> ModelShape:
    """The figures that memory use follows from, of a header that passed its checks.

    Args:
        header: the first shard's.
        tensors: those of all shards.
    """
    blocks = header.own_integer("block_count") or 0
    embedding = header.own_integer("embedding_length") or 0
    heads = max(_per_layer(header, "attention.head_count", blocks, 0), default=0)
    key_length = header.own_integer("attention.key_length")
    value_length = header.own_integer("attention.value_length")
    head_length = embedding // heads if heads else 0
    # Compressed attention (MLA) caches keys alone; its values are computed from them.
    compressed = header.own("attention.value_length_mla") is not None
    return ModelShape(
        block_count=blocks,
        embedding_length=embedding,
        head_count=heads,
        kv_heads=_cached_heads(header, blocks, heads),
        key_length=head_length if key_length is None else key_length,
        value_length=0 if compressed else head_length if value_length is None else value_length,
        vocabulary=header.length("tokenizer.ggml.tokens") or header.own_integer("vocab_size") or 0,
        feed_forward_length=_feed_forward(header, blocks),
        sliding_window=header.own_integer("attention.sliding_window") or 0,
        repacked_bytes=repacked_bytes(tensors),
    )


def repacked_bytes(tensors: Sequence[Tensor], machine: str = "") -> int:
    """The weights that llama.cpp lays out anew for a processor, going by their types alone.

    Args:
        tensors: a model's.
        machine: the processor's family as `platform.machine` names it; empty for this one's.
    """
    arm = (machine or platform.machine()).lower() in {"arm64", "aarch64"}
    types = REPACKED | REPACKED_ON_ARM if arm else REPACKED
    tied = all(tensor.name != "output.weight" for tensor in tensors)
    return sum(
        tensor_bytes(tensor.type, tensor.elements) or 0
        for tensor in tensors
        if tensor.type in types
        and len(tensor.dimensions) > 1
        and (tied or tensor.name != "token_embd.weight")
    )


def _feed_forward(header: Header, blocks: int) -> int:
    """The widest layer; the experts that compute one token count together."""
    dense = max(_per_layer(header, "feed_forward_length", blocks, 0), default=0)
    used = header.own_integer("expert_used_count") or 0
    return max(dense, used * (header.own_integer("expert_feed_forward_length") or dense))


def _cached_heads(header: Header, blocks: int, heads: int) -> tuple[int, ...]:
    """Key-value heads by layer; 0 where a layer is recurrent or borrows another's cache."""
    counts = _per_layer(header, "attention.head_count_kv", blocks, heads)
    interval = header.own_integer("full_attention_interval")
    if interval:
        counts = [count if (at + 1) % interval == 0 else 0 for at, count in enumerate(counts)]
    borrowing = header.own_integer("attention.shared_kv_layers") or 0
    return tuple(count if at < blocks - borrowing else 0 for at, count in enumerate(counts))


def _per_layer(header: Header, key: str, blocks: int, default: int) -> list[int]:
    value = header.own(key)
    if isinstance(value, tuple):
        return [int(item) for item in value[:blocks]]
    return [value if isinstance(value, int) else default] * blocks


def _display_name(given: str | None, path: str) -> str:
    """The name in the header, else the file's, without quantisation and shard number."""
    name = _one_line((given or "")[: 4 * NAME_LIMIT])
    if not any(character.isalnum() for character in name):
        stem = stem_of(PurePath(path).name)
        name = _one_line(WRITTEN.sub("", stem).replace("_", " ")) or stem
    return name[:NAME_LIMIT]


def _one_line(text: str) -> str:
    if text.isprintable():
        return " ".join(text.split())
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())


def printable(path: str) -> str:
    """The path with a question mark for each byte that isn't text."""
    return path if path.isascii() else path.encode("utf-8", "replace").decode()
