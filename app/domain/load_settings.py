"""How a model is loaded: what the user may choose, and whose choice counts."""

from enum import StrEnum

from app.domain.base import Frozen


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


class LoadWish(Frozen):
    """How a person asks for a model to be loaded, this once."""

    settings: LoadSettings | None = None
    """None takes the settings in force."""
    anyway: bool = False
    """Also where the plan says that it doesn't fit into memory."""
    priority: int = 0
    """Where several wait for room, the higher comes first."""
    warm_up: bool = False
    """Answer a few tokens before anybody else asks, so that the first prompt is as fast as others."""
    time_to_live: float | None = None
    """Seconds that it stays loaded without being used; None takes the setting for all."""


def preferring(own: LoadSettings, general: LoadSettings) -> LoadSettings:
    """A model's own settings, and the general ones where it has none."""
    chosen = own.model_dump(exclude_defaults=True)
    return LoadSettings.model_validate({**general.model_dump(), **chosen})
