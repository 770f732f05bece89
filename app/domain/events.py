"""Facts in the past tense. Tokens never ride the bus.

Each event names what changed; a subscriber asks the manager for the value it needs. Instances are
the exception and carry their view, since a state may be gone before anybody asks.
"""

from typing import ClassVar

from app.domain.accounts import AccountId, LocalServer
from app.domain.base import Frozen
from app.domain.conversations import ConversationId
from app.domain.error_reports import ErrorReport
from app.domain.health import Health
from app.domain.instances import COMING, InstanceState, InstanceView
from app.domain.models import ModelId
from app.domain.profiles import ProfileRunId
from app.domain.spending import BudgetState


class Event(Frozen):
    """A fact. The bus numbers and dates it when it is published."""

    lasting: ClassVar[bool] = True
    """Whether it is kept for replay. What only says that a value has moved isn't: whoever comes
    late asks for the value."""


class ModelsChanged(Event):
    """Specs were added to the registry, changed or removed."""

    ids: tuple[ModelId, ...]


class AnnotationChanged(Event):
    """What is noted of a model changed: its mark, tags, note, or what it is said to be able to."""

    model_id: ModelId


class SearchesChanged(Event):
    """The saved searches changed."""


class ModelDeleted(Event):
    """A model has left the library; its files go to the trash unless it is called back."""

    model_id: ModelId
    name: str
    undo_until: float
    """Seconds since the epoch."""


class CopiesDeleted(Event):
    """Some of the files that hold a model go to the trash unless they are called back."""

    model_id: ModelId
    name: str
    count: int
    undo_until: float
    """Seconds since the epoch."""


class DeletionUndone(Event):
    """A model that was deleted is back, or copies of it."""

    model_id: ModelId


class ConversionProgressed(Event):
    """A model is being quantised; `progress` is 0 to 1."""

    lasting = False

    model_id: ModelId
    quantisation: str
    progress: float


class ConversionEnded(Event):
    """A quantisation has ended."""

    model_id: ModelId
    quantisation: str
    made: ModelId | None = None
    """The new model; None when there is none."""
    error: ErrorReport | None = None
    """None when it succeeded or a person cancelled it."""


class FoldersChanged(Event):
    """The user's folders, or whether they are there, changed."""


class ScanProgressed(Event):
    """A scan has looked at so many files by now."""

    lasting = False

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

    lasting = False

    instance: InstanceView


class ManagerInitialised(Event):
    """What is kept was read; the manager takes commands."""

    models: int


class ModelLoading(Event):
    """A load has reached another state, or has come further."""

    lasting = False

    model_id: ModelId
    state: InstanceState
    progress: float | None = None
    """0 to 1 while LOADING."""


class ModelLoaded(Event):
    """A model is ready."""

    model_id: ModelId
    load_seconds: float
    memory: int
    """Bytes that the ledger holds for it."""


class LoadFailed(Event):
    """A model couldn't be loaded."""

    model_id: ModelId
    error: ErrorReport


class LoadAbandoned(Event):
    """A load was cancelled."""

    model_id: ModelId


class ModelUnloaded(Event):
    """A model that was ready was ejected, and its memory is free."""

    model_id: ModelId


class ModelEvicted(Event):
    """A model has left without a person ejecting it: its process is gone."""

    model_id: ModelId
    reason: str
    """Why, in words that follow a colon: "makes room for Qwen", "idle for 10 minutes"."""
    for_model: ModelId | None = None
    """The model that wanted its room."""
    freed_bytes: int = 0


class ModelCrashed(Event):
    """A model's process ended on its own."""

    model_id: ModelId
    error: ErrorReport
    restarts_at: float | None = None
    """When it is brought up again by itself, in seconds since the epoch; None for never."""


class ModelRecovered(Event):
    """A model that crashed was brought up again by itself."""

    model_id: ModelId
    down_seconds: float


class HealthChanged(Event):
    """A model answers worse or better than before."""

    model_id: ModelId
    health: Health
    previous: Health


class CapabilityDetected(Event):
    """A model was found to have a capability, or to lack it, by trying it out."""

    model_id: ModelId
    capability: str
    value: bool
    source: str
    """Where the verdict comes from, in words a person reads."""


class StateSaved(Event):
    """All that had changed is durable, as was asked for by hand."""


class StateRestored(Event):
    """The models of the last run were loaded again, as far as they could be."""

    ids: tuple[ModelId, ...]


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


class ReloadRolledBack(Event):
    """A model couldn't be loaded with other settings, and is loaded again as it was."""

    model_id: ModelId
    error: ErrorReport | None = None
    """None when a person cancelled it."""


class AutoSwitched(Event):
    """An alias was switched because its model answered badly."""

    name: str
    model_id: ModelId
    previous: ModelId
    reason: str


class ConversationChanged(Event):
    """A conversation or one of its messages changed, other than by streamed text."""

    conversation_id: ConversationId


class MetricsChanged(Event):
    """A model's averages moved."""

    lasting = False

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

    lasting = False

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


class ModelPinned(Event):
    """A model is kept loaded from now on, or no longer."""

    model_id: ModelId
    pinned: bool


class AccountsChanged(Event):
    """An account was added, changed or removed."""

    account_id: AccountId


class AccountRemoved(AccountsChanged):
    """An account has left with its key and its models, unless it is called back."""

    name: str
    undo_until: float
    """Seconds since the epoch."""


class KeyChanged(Event):
    """An account has another key, or none, or its key turned out to be unusable."""

    account_id: AccountId


class KeyRemoved(KeyChanged):
    """An account has no key any more, unless that is called back."""

    name: str
    """The account's."""
    undo_until: float
    """Seconds since the epoch."""


class AccountRefreshed(Event):
    """A provider was asked for its models."""

    account_id: AccountId
    models: int
    error: ErrorReport | None = None
    """Why not all of them came."""


class LocalServersFound(Event):
    """Servers on this machine answered that have no account yet; none of them is asked further."""

    servers: tuple[LocalServer, ...]


class SpendingChanged(Event):
    """A model has taken more today."""

    lasting = False

    model_id: ModelId


class FellBack(Event):
    """A model failed before it had answered anything, and the next one in the order is asked."""

    name: str
    """Whom the prompt was for, by id or alias."""
    model_id: ModelId
    """The one that failed."""
    error: ErrorReport


class BudgetMoved(Event):
    """This month's spending has come near its budget, or has spent it."""

    state: BudgetState


Cause = int | str
"""The number of the event, or the id of the gesture or command, that led to an event."""


class Published(Frozen):
    """An event with its place in the sequence."""

    seq: int
    at: float
    """Seconds since the epoch."""
    event: Event
    cause: Cause | None = None
    """What led to it; None where nothing did that the program knows of."""


def fact_of(view: InstanceView) -> Event | None:
    """What an instance's new state means to those who don't draw it."""
    if view.state in COMING:
        return ModelLoading(model_id=view.model_id, state=view.state, progress=view.progress)
    if view.state is InstanceState.READY:
        seconds = view.load_seconds or 0.0
        return ModelLoaded(model_id=view.model_id, load_seconds=seconds, memory=view.charged)
    if view.state is InstanceState.FAILED and view.error is not None:
        return LoadFailed(model_id=view.model_id, error=view.error)
    if view.state is InstanceState.STOPPED:
        was_ready = view.loaded_at is not None
        return (ModelUnloaded if was_ready else LoadAbandoned)(model_id=view.model_id)
    return None
