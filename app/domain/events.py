"""Facts in the past tense. Tokens never ride the bus.

Each event names what changed; a subscriber asks the manager for the value it needs. Instances are
the exception and carry their view, since a state may be gone before anybody asks.
"""

from app.domain.base import Frozen
from app.domain.conversations import ConversationId
from app.domain.errors import ErrorReport
from app.domain.instances import InstanceView
from app.domain.models import ModelId
from app.domain.profiles import ProfileRunId


class Event(Frozen):
    """A fact. The bus numbers and dates it when it is published."""


class ModelsChanged(Event):
    """Specs were added to the registry, changed or removed."""

    ids: tuple[ModelId, ...]


class FoldersChanged(Event):
    """The user's folders, or whether they are there, changed."""


class ScanProgressed(Event):
    """A scan has looked at so many files by now."""

    folder: str
    files: int
    models: int


class ScanFinished(Event):
    """A scan ended; `error` is set when the folder couldn't be read."""

    folder: str
    models: int
    cancelled: bool = False
    error: ErrorReport | None = None


class InstanceChanged(Event):
    """An instance moved to another state, or its progress, leases or memory changed."""

    instance: InstanceView


class AliasAssigned(Event):
    """An alias points at another model, or at nothing."""

    name: str
    model_id: ModelId | None
    previous: ModelId | None


class AliasSaved(Event):
    """An assignment is durable: it survives a crash from now on."""

    name: str
    model_id: ModelId | None


class ModelSwitched(Event):
    """A switch has changed the routing."""

    name: str
    model_id: ModelId
    previous: ModelId | None
    gap_seconds: float
    """How long no model stood behind the alias; 0 for a switch without a gap."""


class ConversationChanged(Event):
    """A conversation or one of its messages changed, other than by streamed text."""

    conversation_id: ConversationId


class MetricsChanged(Event):
    """A model's averages moved."""

    model_id: ModelId


class ProfilingCompleted(Event):
    """A profiling run ended; its result is kept unless it failed or was ended early."""

    model_id: ModelId
    run_id: ProfileRunId | None = None


class ProfilingStarted(Event):
    """A model is being measured."""

    model_id: ModelId
    requests: int


class ProfilingProgressed(Event):
    """One request of a profiling run has ended; 0 is the warm-up."""

    model_id: ModelId
    request: int
    requests: int


class SettingChanged(Event):
    """A setting has another value."""

    key: str


class LoadSettingsChanged(Event):
    """A model's next load takes other settings."""

    model_id: ModelId


class MemoryPlanned(Event):
    """What a model is expected to take is known better than before."""

    model_id: ModelId


class NoticeRaised(Event):
    """Something that the user should know and no gesture of theirs caused."""

    report: ErrorReport


class ModelEvicted(Event):
    """A model has left without a person ejecting it: its process is gone."""

    model_id: ModelId
    reason: str
    """Why, in words that follow a colon: "makes room for Qwen", "idle for 10 minutes"."""
    for_model: ModelId | None = None
    """The model that wanted its room."""
    freed_bytes: int = 0


class ModelPinned(Event):
    """A model is kept loaded from now on, or no longer."""

    model_id: ModelId
    pinned: bool


class Published(Frozen):
    """An event with its place in the sequence."""

    seq: int
    at: float
    """Seconds since the epoch."""
    event: Event
