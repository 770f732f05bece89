"""A model that is loaded, or on its way in or out."""

from enum import StrEnum

from app.domain.base import Frozen
from app.domain.chat_templates import ChatTemplate, ThinkingSwitch
from app.domain.error_reports import ErrorReport
from app.domain.load_settings import LoadSettings
from app.domain.models import ModelId


class InstanceState(StrEnum):
    """The life of an instance. Busy is not a state: it follows from the leases."""

    QUEUED = "queued"
    RESERVING = "reserving"
    STARTING = "starting"
    LOADING = "loading"
    WARMING = "warming"
    CONNECTING = "connecting"
    """A remote model's server is asked whether it is there; nothing is loaded."""
    READY = "ready"
    DRAINING = "draining"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    CRASHED = "crashed"


NEXT_STATES: dict[InstanceState, frozenset[InstanceState]] = {
    InstanceState.QUEUED: frozenset(
        {
            InstanceState.RESERVING,
            InstanceState.CONNECTING,
            InstanceState.STOPPING,
            InstanceState.STOPPED,
            InstanceState.FAILED,
        }
    ),
    InstanceState.RESERVING: frozenset(
        {InstanceState.STARTING, InstanceState.STOPPING, InstanceState.FAILED}
    ),
    InstanceState.STARTING: frozenset(
        {InstanceState.LOADING, InstanceState.STOPPING, InstanceState.FAILED}
    ),
    InstanceState.LOADING: frozenset(
        {InstanceState.WARMING, InstanceState.STOPPING, InstanceState.FAILED}
    ),
    InstanceState.WARMING: frozenset(
        {InstanceState.READY, InstanceState.STOPPING, InstanceState.FAILED}
    ),
    InstanceState.CONNECTING: frozenset(
        {InstanceState.READY, InstanceState.STOPPING, InstanceState.FAILED}
    ),
    InstanceState.READY: frozenset(
        {InstanceState.DRAINING, InstanceState.STOPPING, InstanceState.CRASHED}
    ),
    InstanceState.DRAINING: frozenset({InstanceState.STOPPING, InstanceState.CRASHED}),
    InstanceState.STOPPING: frozenset({InstanceState.STOPPED}),
    InstanceState.STOPPED: frozenset(),
    InstanceState.FAILED: frozenset(),
    InstanceState.CRASHED: frozenset(),
}
"""Every transition there is; the coordinator refuses any other."""

COMING = frozenset(
    {
        InstanceState.QUEUED,
        InstanceState.RESERVING,
        InstanceState.STARTING,
        InstanceState.LOADING,
        InstanceState.WARMING,
        InstanceState.CONNECTING,
    }
)
"""States on the way to READY."""

ENDED = frozenset({InstanceState.STOPPED, InstanceState.FAILED, InstanceState.CRASHED})
"""States that hold no process and no memory."""


class LeaseView(Frozen):
    """Somebody who uses an instance, by name."""

    owner: str
    since: float
    """Seconds since the epoch."""


class InstanceView(Frozen):
    """An instance at one moment."""

    model_id: ModelId
    generation: int
    """Counts the loads of this app run; a stale answer carries an old one."""
    state: InstanceState
    progress: float | None = None
    """0 to 1 while LOADING."""
    settings: LoadSettings = LoadSettings()
    """How it is loaded."""
    anyway: bool = False
    """It is loaded although it wasn't predicted to fit."""
    leases: tuple[LeaseView, ...] = ()
    memory_predicted: int = 0
    """Bytes."""
    memory_measured: int | None = None
    """Resident bytes of its process, once it is READY."""
    context_length: int | None = None
    template: ChatTemplate | None = None
    """What it is asked with, once it is loaded; None for a model that doesn't chat."""
    thinking: ThinkingSwitch | None = None
    """Its template's switch for reasoning, once that was tried out."""
    threads: int | None = None
    """What it was last known to compute with; `settings` says whether that is fixed."""
    loaded_at: float | None = None
    """Seconds since the epoch."""
    load_seconds: float | None = None
    error: ErrorReport | None = None
    reason: str = ""
    """What it waits for, or why it is on its way out, in words that follow a colon."""
    pinned: bool = False
    """It is kept loaded, whoever needs its room."""
    unloads_at: float | None = None
    """When it leaves unless it is used before, in seconds since the epoch."""

    @property
    def charged(self) -> int:
        """The bytes that the ledger holds for it."""
        if self.state in ENDED:
            return 0
        return max(self.memory_predicted, self.memory_measured or 0)
