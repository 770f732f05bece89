"""What is known of a model, whether or not it is loaded."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, NewType

from pydantic import Field

from app.domain.base import Frozen
from app.domain.file_faults import FileFault

ModelId = NewType("ModelId", str)
"""`account:provider's own id`. Opaque to everything but its maker."""

ACTIVE = "active"
"""The alias that new prompts go to."""


class ModelStatus(StrEnum):
    """Whether the catalogue can offer a model."""

    AVAILABLE = "available"
    ADAPTER = "adapter"
    """It is there, and changes another model; alone it can't be loaded."""
    MISSING = "missing"
    INVALID = "invalid"


class ModelType(StrEnum):
    """What a file holds, as its header names it."""

    MODEL = "model"
    ADAPTER = "adapter"
    """LoRA: changes a model that it is loaded with, and can't be loaded alone."""


class Capability(StrEnum):
    """What a model can be asked for."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"
    RERANK = "rerank"
    TOOLS = "tools"
    PARALLEL_TOOLS = "parallel_tools"
    SYSTEM_ROLE = "system_role"
    THINKING = "thinking"
    VISION = "vision"
    AUDIO = "audio"
    FILL_IN_MIDDLE = "fill_in_middle"
    LORA = "lora"
    """Takes LoRA adapters."""
    DRAFT = "draft"
    """Has layers of its own that draft the next tokens, or is made to draft for another model."""
    JSON = "json"
    """Answers in JSON when it is asked to."""


class Basis(StrEnum):
    """What a verdict rests on, the strongest first."""

    USER = "user"
    PROBE = "probe"
    """The model was asked, and answered so."""
    RENDER = "render"
    """What its chat template makes of a conversation."""
    HEADER = "header"
    PROJECTOR = "projector"
    NAME = "name"


class Confidence(StrEnum):
    """How sure a verdict is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    GUESS = "guess"


class CapabilityFact(Frozen):
    """One verdict on one capability, with the evidence behind it. No verdict means unknown."""

    capability: Capability
    value: bool
    source: str
    """Where the verdict comes from, in words a person reads: "chat template in the file"."""
    basis: Basis = Basis.HEADER
    confidence: Confidence = Confidence.CERTAIN
    at: float | None = None
    """When it was found out by trying, in seconds since the epoch."""


_STRENGTH = {basis: number for number, basis in enumerate(Basis)}


def verdicts(facts: Iterable[CapabilityFact]) -> dict[Capability, CapabilityFact]:
    """The verdict that holds on each capability: the strongest, and the latest of equals."""
    holding: dict[Capability, CapabilityFact] = {}
    for fact in facts:
        other = holding.get(fact.capability)
        if other is None or _STRENGTH[fact.basis] <= _STRENGTH[other.basis]:
            holding[fact.capability] = fact
    return holding


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


class Lifecycle(StrEnum):
    """How long a provider goes on offering a model."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


class RemoteFacts(Frozen):
    """What a provider reports of a model that runs on its server."""

    model: str
    """The provider's own id."""
    source: str
    """Who says all this, in words a person reads: "LM Studio's list of models"."""
    context_source: str = ""
    """Who says how long the context is, where that is known."""
    max_output: int | None = None
    """Tokens of the longest answer."""
    lifecycle: Lifecycle | None = None
    retires_at: str = ""
    """The day on which it goes, as ISO 8601; empty where none is set."""
    features: tuple[str, ...] = ()
    """What else it can do, as the provider names it: "tools", "vision"."""
    input_price: float | None = None
    """US dollars for a million tokens, where the provider itself says so."""
    output_price: float | None = None


class ModelSpec(Frozen):
    """One model as the registry knows and keeps it."""

    id: ModelId
    provider: str
    """The account that offers it: "local" for files."""
    name: str
    status: ModelStatus = ModelStatus.AVAILABLE
    type: ModelType = ModelType.MODEL
    reason: str = ""
    """Why it is missing or invalid, in one sentence."""
    fault: FileFault | None = None
    """The same for an invalid file, of the closed list."""
    path: str = ""
    """The file to load, the first shard of several; empty for remote models."""
    copies: tuple[str, ...] = ()
    """Other files with the same content."""
    projector: str = ""
    """The file beside it that lets it see or hear; empty where there is none."""
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
    remote: RemoteFacts | None = None
    """Set for a model that runs on a provider's server and takes no memory here."""

    def can(self, capability: Capability) -> bool:
        """Whether the evidence says that the model has this capability."""
        return capability in self.abilities

    def fact(self, capability: Capability) -> CapabilityFact | None:
        """The verdict that holds on a capability; None where it is unknown."""
        return verdicts(self.capabilities).get(capability)

    @property
    def status_when_there(self) -> ModelStatus:
        """The status of a sound file of its type that lies where it should."""
        return ModelStatus.ADAPTER if self.type is ModelType.ADAPTER else ModelStatus.AVAILABLE

    @property
    def abilities(self) -> frozenset[Capability]:
        """Every capability that the evidence says it has."""
        able = [fact.capability for fact in self.capabilities if fact.value]
        if len({fact.capability for fact in self.capabilities}) == len(self.capabilities):
            # No two facts are about the same: nothing is to be weighed, as of most models.
            return frozenset(able)
        return frozenset(
            fact.capability for fact in verdicts(self.capabilities).values() if fact.value
        )

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


class Store(StrEnum):
    """Another program's collection of models, which is only read."""

    HUGGING_FACE = "hugging_face"
    LM_STUDIO = "lm_studio"
    OLLAMA = "ollama"
    JAN = "jan"
    GPT4ALL = "gpt4all"
    TEXT_GENERATION_WEBUI = "text_generation_webui"


class Folder(Frozen):
    """A folder that the library looks into: one of the user's, or another program's store."""

    path: str
    present: bool = True
    """False when the folder or its drive is gone; its models are then listed as missing."""
    store: Store | None = None
    """Whose store it is; None for a folder of the user's own."""


class ScannedFile(NamedTuple):
    """A file that a scan has read, so that the next one needn't while it stays the same."""

    path: str
    mark: str
    """Changes with the file and with those beside it that belong to the model; empty where it is to
    be read again whatever it looks like."""
    place: str
    """Where its bytes are: the same for two names of one file."""
    model_id: ModelId | None
    """None for a file that holds something other than a model."""
    size: int = 0
    """Bytes of all the model's files."""


def merge_found(known: ModelSpec | None, found: ModelSpec, *, known_path_exists: bool) -> ModelSpec:
    """The spec to keep when a scan finds `found` and the registry holds `known` under its id.

    The first path stays as long as its file does, so that two copies never take turns.
    """
    if known is None or known.path == found.path or not known_path_exists:
        kept = found
        others = known.copies if known is not None else ()
    else:
        # What lies beside a file belongs to it and not to its copies.
        own = ("path", "modified_ns", "projector", "name", "capabilities")
        kept = found.model_copy(update={name: getattr(known, name) for name in own})
        others = (*known.copies, found.path)
    copies = tuple(sorted({path for path in others if path != kept.path}))
    return kept if copies == kept.copies else kept.model_copy(update={"copies": copies})


def without_path(spec: ModelSpec, path: str) -> ModelSpec | None:
    """The spec when one of its files is gone; None when that was the only one."""
    others = tuple(copy for copy in spec.copies if copy != path)
    if spec.path != path:
        return spec.model_copy(update={"copies": others})
    if not others:
        return None
    return spec.model_copy(update={"path": others[0], "copies": others[1:]})


def search(specs: Iterable[ModelSpec], words: str) -> list[ModelSpec]:
    """The specs whose visible attributes contain every word, in the order given."""
    terms = words.casefold().split()
    return [spec for spec in specs if all(term in haystack(spec) for term in terms)]


def haystack(spec: ModelSpec) -> str:
    """The text that `search` looks into, casefolded; a long list may keep it by spec."""
    return "\n".join(
        (spec.name, spec.provider, spec.architecture, spec.quantisation, spec.path)
    ).casefold()
