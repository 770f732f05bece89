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


class SwitchRolledBack(Event):
    """A switch failed or was cancelled, and the alias stands where it stood."""

    name: str
    model_id: ModelId
    """Where it should have gone."""
    stays: ModelId | None
    """Where it points; that model is loaded again if it had to make room."""
    error: ErrorReport | None = None
    """None when a person cancelled it."""


class ConversationChanged(Event):
    """A conversation or one of its messages changed, other than by streamed text."""

    conversation_id: ConversationId


class MetricsChanged(Event):
    """A model's averages moved."""

    model_id: ModelId


class ProfileFinished(Event):
    """A profiling run ended and its result is kept."""

    run_id: ProfileRunId
    model_id: ModelId


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


class Published(Frozen):
    """An event with its place in the sequence."""

    seq: int
    at: float
    """Seconds since the epoch."""
    event: Event
