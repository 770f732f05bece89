"""From files to model specs."""

import os
import platform
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import PurePath
from typing import Any, NamedTuple

from app.domain.capabilities import (
    Evidence,
    adapter_facts,
    evidence_in,
    facts_of,
    name_facts,
    projector_facts,
)
from app.domain.file_faults import FileFault
from app.domain.models import (
    CapabilityFact,
    ModelId,
    ModelShape,
    ModelSpec,
    ModelStatus,
    ModelType,
)
from app.gguf.checks import check_model
from app.gguf.header import Header, HeaderError, Tensor
from app.gguf.reader import read_header, read_open_header
from app.gguf.source import FIRST_WINDOW, open_file, read_at
from app.gguf.tensor_types import number_of, tensor_bytes
from app.library.fingerprint import ACCOUNT, open_content_id, path_id
from app.library.found import FoundModel, shard_path, stem_of
from app.library.projectors import projector_of
from app.library.quantisation import WRITTEN, quantisation_of

NAME_LIMIT = 120
ALIKE = 4096
"""So many different models are told apart; in a large library most are like another one."""
REPACKED = frozenset(number_of(name) for name in ("Q4_0", "Q4_K", "IQ4_NL", "MXFP4"))
"""Tensor types that llama.cpp lays out anew for any processor of these years."""
REPACKED_ON_ARM = frozenset(number_of(name) for name in ("Q8_0", "Q5_K", "Q6_K"))


class Own(NamedTuple):
    """What a model doesn't share with those like it."""

    id: ModelId
    name: str
    path: str
    projector: str
    size_bytes: int
    modified_ns: int


class Reading(NamedTuple):
    """What a model's files say."""

    alike: ModelSpec | None
    """A spec with all that the model has in common with others like it: INVALID with its reason
    when the files are broken, None when they hold something other than a model or an adapter."""
    own: Own | None = None
    template: str = ""
    """Its chat template; empty where it brings none."""
    lasting: bool = True
    """Whether the same files would be read alike again; a permission may come and go."""

    def spec(self) -> ModelSpec | None:
        """The model's spec; it takes a fraction of the time that validating one does."""
        if self.alike is None or self.own is None:
            return None
        return self.alike.model_copy(update=self.own._asdict())


def read_model(found: FoundModel) -> Reading:
    """Read a model's files.

    Raises:
        FileNotFoundError: a file has gone since it was found.
    """
    try:
        model_id, first = _read_first(found)
        headers = [first, *(_read_part(found, at) for at in range(1, len(found.parts)))]
        kind = _type_of(first)
        if kind is None:
            return Reading(None)
        _check(found, first, kind)
        return _reading(found, model_id, kind, headers)
    except HeaderError as error:
        return refused(found, error)
    except FileNotFoundError:
        raise
    except OSError as error:
        said = HeaderError(FileFault.UNREADABLE, error=error.strerror)
        return refused(found, said)._replace(lasting=False)
    except MemoryError:
        return refused(found, HeaderError(FileFault.TOO_COSTLY))


def read_or_gone(found: FoundModel) -> Reading | None:
    """The same; None where a file has gone since it was found."""
    try:
        return read_model(found)
    except FileNotFoundError:
        return None


def refused(found: FoundModel, error: HeaderError) -> Reading:
    """A listing for files that no engine can load.

    Its id follows from where it lies: a download under way changes its content all the time, and
    all empty files would be copies of one another.
    """
    path = printable(found.path)
    name = _display_name(found.name, path)
    own = Own(path_id(found.path), name, path, "", found.size, found.modified_ns)
    return Reading(_alike_broken(str(error), error.fault, found.shards), own)


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
    part = PurePath(printable(found.parts[at].path)).name
    return HeaderError(error.fault, part, **error.figures)


def _type_of(header: Header) -> ModelType | None:
    """What the file holds; None for a projector, a control vector or whatever else there is."""
    if header.architecture in ("clip", "controlvector"):
        return None
    match header.text("general.type") or "model":
        case "model":
            return ModelType.MODEL
        case "adapter" if header.text("adapter.type") in {None, "lora"}:
            return ModelType.ADAPTER
        case _:
            return None


def _check(found: FoundModel, header: Header, kind: ModelType) -> None:
    if not found.path.isascii() and found.path != printable(found.path):
        raise HeaderError(FileFault.NAME)
    if found.missing:
        raise _incomplete(found)
    parts = header.integer("split.count") or 1
    if parts != found.shards:
        raise HeaderError(FileFault.PART_COUNT, counted=parts, named=found.shards)
    if kind is ModelType.MODEL:
        check_model(header)


def _incomplete(found: FoundModel) -> HeaderError:
    name = PurePath(shard_path(found.path, found.first_missing)).name
    if found.missing == 1:
        return HeaderError(
            FileFault.PART_MISSING, number=found.first_missing, total=found.shards, name=name
        )
    return HeaderError(
        FileFault.PARTS_MISSING, missing=found.missing, total=found.shards, name=name
    )


def _reading(
    found: FoundModel, model_id: ModelId, kind: ModelType, headers: Sequence[Header]
) -> Reading:
    header = headers[0]
    tensors = header.tensors
    for part in headers[1:]:
        tensors += part.tensors
    projector = projector_of(found, header) if found.projectors else None
    noted = name_facts(stem_of(os.path.basename(found.path)))  # noqa: PTH119 - many are asked
    if projector is not None:
        noted += projector_facts(projector[1].keys)
    evidence: Evidence | None = None
    shape: ModelShape | None = None
    if kind is ModelType.MODEL:
        names = [tensor.name for tensor in tensors if tensor.name.startswith("cls.")]
        evidence = evidence_in(header.architecture, header.keys, names)
        shape = shape_of(header, tensors)
    alike = _alike(
        kind=kind,
        shards=found.shards,
        architecture=header.architecture,
        parameters=sum([tensor.elements for tensor in tensors]),
        quantisation=quantisation_of(header.integer("general.file_type"), tensors),
        context_length=header.own_integer("context_length") or None,
        evidence=evidence,
        noted=noted,
        shape=shape,
    )
    own = Own(
        id=model_id,
        name=_display_name(found.name or header.text("general.name"), found.path),
        path=found.path,
        projector=projector[0] if projector is not None else "",
        size_bytes=found.size,
        modified_ns=found.modified_ns,
    )
    templated = evidence is not None and evidence.templated
    return Reading(alike, own, (header.chat_template or "") if templated else "")


@lru_cache(ALIKE)
def _alike(  # noqa: PLR0913 - the fields of a spec, which many specs have in common
    *,
    kind: ModelType,
    shards: int,
    architecture: str,
    parameters: int,
    quantisation: str,
    context_length: int | None,
    evidence: Evidence | None,
    noted: tuple[CapabilityFact, ...],
    shape: ModelShape | None,
) -> ModelSpec:
    return ModelSpec(
        id=ModelId(""),
        provider=ACCOUNT,
        name="",
        type=kind,
        status=ModelStatus.ADAPTER if kind is ModelType.ADAPTER else ModelStatus.AVAILABLE,
        shards=shards,
        architecture=architecture,
        parameters=parameters,
        quantisation=quantisation,
        context_length=context_length,
        capabilities=(adapter_facts() if evidence is None else facts_of(evidence)) + noted,
        shape=shape,
    )


@lru_cache(ALIKE)
def _alike_broken(reason: str, fault: FileFault, shards: int) -> ModelSpec:
    return ModelSpec(
        id=ModelId(""),
        provider=ACCOUNT,
        name="",
        status=ModelStatus.INVALID,
        reason=reason,
        fault=fault,
        shards=shards,
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
    return _shape(
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


@lru_cache(ALIKE)
def _shape(**figures: Any) -> ModelShape:
    return ModelShape(**figures)


def repacked_bytes(tensors: Sequence[Tensor], machine: str = "") -> int:
    """The weights that llama.cpp lays out anew for a processor, going by their types alone.

    Args:
        tensors: a model's.
        machine: the processor's family as `platform.machine` names it; empty for this one's.
    """
    types = _repacked_types(machine)
    tied = all(tensor.name != "output.weight" for tensor in tensors)
    return sum(
        tensor_bytes(tensor.type, tensor.elements) or 0
        for tensor in tensors
        if tensor.type in types
        and len(tensor.dimensions) > 1
        and (tied or tensor.name != "token_embd.weight")
    )


@cache
def _repacked_types(machine: str) -> frozenset[int]:
    arm = (machine or platform.machine()).lower() in {"arm64", "aarch64"}
    return REPACKED | REPACKED_ON_ARM if arm else REPACKED


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
