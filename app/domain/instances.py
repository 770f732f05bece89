"""A model that is loaded, or on its way in or out."""

from enum import StrEnum

from app.domain.base import Frozen
from app.domain.chat_templates import ChatTemplate, ThinkingSwitch
from app.domain.errors import ErrorReport
from app.domain.models import ModelId


class InstanceState(StrEnum):
    """The life of an instance. Busy is not a state: it follows from the leases."""

    QUEUED = "queued"
    RESERVING = "reserving"
    STARTING = "starting"
    LOADING = "loading"
    WARMING = "warming"
    READY = "ready"
    DRAINING = "draining"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    CRASHED = "crashed"


NEXT_STATES: dict[InstanceState, frozenset[InstanceState]] = {
    InstanceState.QUEUED: frozenset(
        {InstanceState.RESERVING, InstanceState.STOPPED, InstanceState.FAILED}
    ),
    InstanceState.RESERVING: frozenset({InstanceState.STARTING, InstanceState.FAILED}),
    InstanceState.STARTING: frozenset(
        {InstanceState.LOADING, InstanceState.STOPPING, InstanceState.FAILED}
    ),
    InstanceState.LOADING: frozenset(
        {InstanceState.WARMING, InstanceState.STOPPING, InstanceState.FAILED}
    ),
    InstanceState.WARMING: frozenset(
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
    }
)
"""States on the way to READY."""

ENDED = frozenset({InstanceState.STOPPED, InstanceState.FAILED, InstanceState.CRASHED})
"""States that hold no process and no memory."""


class CacheType(StrEnum):
    """What the key-value cache is made of."""

    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"
    Q8_0 = "q8_0"
    Q5_1 = "q5_1"
    Q5_0 = "q5_0"
    Q4_1 = "q4_1"
    Q4_0 = "q4_0"
    IQ4_NL = "iq4_nl"


class RopeScaling(StrEnum):
    """How positions are stretched past the length that a model was trained for."""

    NONE = "none"
    LINEAR = "linear"
    YARN = "yarn"
    LONGROPE = "longrope"


class Pooling(StrEnum):
    """How the tokens' vectors become one."""

    MEAN = "mean"
    CLS = "cls"
    LAST = "last"


class Adapter(Frozen):
    """A LoRA file laid over a model's weights."""

    path: str
    scale: float = 1.0


class LoadSettings(Frozen):
    """How a model is loaded; None leaves the choice to the app."""

    context_length: int | None = None
    """Tokens of each conversation."""
    threads: int | None = None
    """None follows the machine's load."""
    batch_threads: int | None = None
    """Threads for prompts; None takes as many as for single tokens."""
    slots: int | None = None
    """Requests that are computed side by side; each has a context of its own."""
    batch: int | None = None
    micro_batch: int | None = None
    flash_attention: bool | None = None
    cache_type_k: CacheType | None = None
    cache_type_v: CacheType | None = None
    gpu_layers: int | None = None
    main_gpu: int | None = None
    tensor_split: tuple[float, ...] = ()
    """Each GPU's share of the weights."""
    mmap: bool | None = None
    mlock: bool = False
    rope_scaling: RopeScaling | None = None
    rope_base: float | None = None
    rope_scale: float | None = None
    """Below 1 stretches: 0.5 for twice the trained length."""
    adapters: tuple[Adapter, ...] = ()
    pooling: Pooling | None = None
    """For models that make embeddings; None leaves it to the file."""
    seed: int | None = None
    """For requests that bring none; None draws a new one for each."""


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
    loaded_at: float | None = None
    """Seconds since the epoch."""
    load_seconds: float | None = None
    error: ErrorReport | None = None

    @property
    def charged(self) -> int:
        """The bytes that the ledger holds for it."""
        if self.state in ENDED:
            return 0
        return max(self.memory_predicted, self.memory_measured or 0)
