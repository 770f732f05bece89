"""What is known of a model, whether or not it is loaded."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NewType

from pydantic import Field

from app.domain.base import Frozen

ModelId = NewType("ModelId", str)
"""`account:provider's own id`. Opaque to everything but its maker."""

ACTIVE = "active"
"""The alias that new prompts go to."""


class ModelStatus(StrEnum):
    """Whether the catalogue can offer a model."""

    AVAILABLE = "available"
    MISSING = "missing"
    INVALID = "invalid"


class Capability(StrEnum):
    """What a model can be asked for."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"


class CapabilityFact(Frozen):
    """One verdict on one capability, with the evidence behind it."""

    capability: Capability
    value: bool
    source: str
    """Where the verdict comes from, in words a person reads: "chat template in the file"."""


class ModelShape(Frozen):
    """The header's figures that memory use follows from; None where the file doesn't say."""

    block_count: int
    embedding_length: int
    head_count: int
    kv_heads: tuple[int, ...]
    """Key-value heads of each layer; 0 where a layer keeps no cache."""
    key_length: int
    value_length: int
    vocabulary: int
    feed_forward_length: int = 0
    """Of all experts together that compute one token; 0 where the file doesn't say."""
    sliding_window: int = 0
    """Tokens that some layers look back; 0 where all of them see everything."""
    repacked_bytes: int = 0
    """Weights of types that llama.cpp lays out anew for this processor, beside the file's."""


class ModelSpec(Frozen):
    """One model as the registry knows and keeps it."""

    id: ModelId
    provider: str
    """The account that offers it: "local" for files."""
    name: str
    status: ModelStatus = ModelStatus.AVAILABLE
    reason: str = ""
    """Why it is missing or invalid, in one sentence."""
    path: str = ""
    """The file to load, the first shard of several; empty for remote models."""
    copies: tuple[str, ...] = ()
    """Other files with the same content."""
    shards: int = 1
    size_bytes: int = 0
    """All shards together."""
    modified_ns: int = 0
    architecture: str = ""
    parameters: int | None = None
    quantisation: str = ""
    context_length: int | None = None
    capabilities: tuple[CapabilityFact, ...] = ()
    shape: ModelShape | None = None

    def can(self, capability: Capability) -> bool:
        """Whether the evidence says that the model has this capability."""
        return any(fact.value and fact.capability is capability for fact in self.capabilities)

    @property
    def abilities(self) -> frozenset[Capability]:
        """Every capability that the evidence says it has."""
        return frozenset(fact.capability for fact in self.capabilities if fact.value)

    @property
    def embeds_only(self) -> bool:
        """Whether the evidence says that it makes embeddings and writes no text."""
        writes = self.can(Capability.CHAT) or self.can(Capability.COMPLETION)
        return self.can(Capability.EMBEDDING) and not writes


class ModelOrder(StrEnum):
    """What hits can be ordered by; those of which it isn't known come last, equal ones by name."""

    NAME = "name"
    PROVIDER = "provider"
    ARCHITECTURE = "architecture"
    QUANTISATION = "quantisation"
    PARAMETERS = "parameters"
    SIZE = "size"
    CONTEXT = "context"


class ModelQuery(Frozen):
    """Which models to find; what is left out matches all. Hits come a page at a time."""

    words: str = ""
    """Each has to occur in the name, provider, architecture, quantisation or path."""
    capability: Capability | None = None
    provider: str | None = None
    status: ModelStatus | None = None
    quantisation: str | None = None
    loaded: bool | None = None
    order: ModelOrder = ModelOrder.NAME
    descending: bool = False
    offset: int = Field(default=0, ge=0)
    limit: int | None = Field(default=200, ge=1)
    """How many hits at most; None for all of them."""


class ModelPage(Frozen):
    """Some hits of a query, in its order."""

    ids: tuple[ModelId, ...]
    next_offset: int | None = None
    """Where the next page starts; None on the last one."""


class Alias(Frozen):
    """A name that points at a model; what people type and what prompts go to."""

    name: str
    model_id: ModelId


class Folder(Frozen):
    """A folder that the user gave to the library."""

    path: str
    present: bool = True
    """False when the folder or its drive is gone; its models are then listed as missing."""


def merge_found(known: ModelSpec | None, found: ModelSpec, *, known_path_exists: bool) -> ModelSpec:
    """The spec to keep when a scan finds `found` and the registry holds `known` under its id.

    The first path stays as long as its file does, so that two copies never take turns.
    """
    if known is None or known.path == found.path or not known_path_exists:
        kept = found
        others = known.copies if known is not None else ()
    else:
        kept = found.model_copy(update={"path": known.path, "modified_ns": known.modified_ns})
        others = (*known.copies, found.path)
    copies = tuple(sorted({path for path in others if path != kept.path}))
    return kept.model_copy(update={"copies": copies})


def search(specs: Iterable[ModelSpec], words: str) -> list[ModelSpec]:
    """The specs whose visible attributes contain every word, in the order given."""
    terms = words.casefold().split()
    return [spec for spec in specs if all(term in haystack(spec) for term in terms)]


def haystack(spec: ModelSpec) -> str:
    """The text that `search` looks into, casefolded; a long list may keep it by spec."""
    return "\n".join(
        (spec.name, spec.provider, spec.architecture, spec.quantisation, spec.path)
    ).casefold()
