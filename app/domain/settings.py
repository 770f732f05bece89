"""What the user can set. Environment over stored over default, one row a key."""

import json
import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from app.domain.base import Frozen
from app.domain.models import ModelId

ENVIRONMENT_PREFIX = "MODEL_MANAGER_"
"""`MODEL_MANAGER_THEME=dark` overrides the setting `theme` and locks it in the window."""
ENVIRONMENT_ONLY = frozenset({"persistence_path"})
"""Settings that the state can't hold, since it has to be found first."""


class Theme(StrEnum):
    """The window's palette."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


SMALLEST_BUDGET = 100_000_000
"""Bytes; no process with a model takes less."""


def _is_budget(value: float) -> float:
    if not math.isfinite(value) or not (0 < value <= 1 or value >= SMALLEST_BUDGET):
        raise ValueError("neither a share above 0 and up to 1 nor at least 100 MB")
    return value


def variable(key: str) -> str:
    """The environment variable that overrides a setting."""
    return f"{ENVIRONMENT_PREFIX}{key.upper()}"


def parsed(text: str) -> object:
    """A value as it stands in the environment: JSON, or else the text itself without quotes."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


class WindowPlace(Frozen):
    """Where the window was; pixels, clamped to the screens there are when it is shown."""

    x: int | None = None
    y: int | None = None
    width: int = 1280
    height: int = 800
    maximised: bool = False
    page: str = "library"
    splitters: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    columns: dict[str, str] = Field(default_factory=dict)
    """Header states by table, as Qt's own base64 text."""
    library_columns: tuple[str, ...] | None = None
    """The columns chosen for the library's table; None for the usual ones."""
    fit_context: int | None = None
    """Tokens that the library's fits are told at; None for each model's own settings."""
    recent: tuple[str, ...] = ()
    """What was chosen in the command palette, the latest first."""


class Settings(Frozen):
    """Every setting with its default."""

    default_provider: str = Field(default="local", title="Default provider", min_length=1)
    """The account that `default_model` belongs to where it doesn't say."""
    default_model: str | None = Field(default=None, title="Default model", min_length=1)
    """A model's id, alias or name; it becomes active where no model is."""
    auto_load_default: bool = False
    """Load the default model at the start."""
    persistence: bool = True
    """Keep what is done; read at the start. Off: nothing is written from then on."""
    persistence_path: str | None = Field(default=None, title="Persistence path")
    """The file or folder of the state, from the environment only; None for the user's own."""
    performance_tracking: bool = True
    """Take every answer and load into a model's averages, health and use."""
    theme: Theme = Theme.SYSTEM
    restore_on_start: bool = False
    """Load the models of the last run at once instead of offering it."""
    context_length: int | None = Field(default=None, title="Context length", ge=64, le=1_048_576)
    threads: int | None = Field(default=None, title="Threads", ge=1, le=512)
    max_tokens: int = Field(default=1024, title="Longest answer", ge=1, le=1_048_576)
    profile_after_first_load: bool = False
    """Measure a model that was never measured once it is loaded and nobody asks anything."""
    recover_crashed: bool = True
    """Bring up again by itself what crashed while an alias pointed at it."""
    auto_switch: bool = False
    """Send new prompts to another model when the active one answers badly."""
    auto_switch_threshold: int = Field(default=40, title="Auto-switch threshold", ge=10, le=90)
    """Percent of its usual speed; a model that falls below it answers badly."""
    window: WindowPlace = WindowPlace()
    max_loaded: int | None = Field(default=None, title="Most models at once", ge=1, le=64)
    memory_budget: Annotated[float, AfterValidator(_is_budget)] | None = Field(
        default=None,
        title="Memory for models",
        description="a share of the memory such as 75 %, or a size of at least 0.1 GB",
    )
    """Up to 1 a share of the machine's memory, beyond that bytes; None leaves a tenth free."""
    look_in_stores: bool = True
    """List the models of other programs' stores as well."""
    time_to_live_minutes: int | None = Field(default=None, title="Time to live", ge=1, le=10_080)
    """Minutes without use after which a model leaves; None keeps it."""
    monthly_budget: float | None = Field(
        default=None,
        title="Budget for a month",
        description="an amount of US dollars from 0.01 to 1,000,000",
        ge=0.01,
        le=1_000_000,
    )
    """US dollars that remote models may cost; None for as much as they do."""
    budget_stops: bool = False
    """Refuse what costs money once the budget is spent, instead of only saying so."""
    fallbacks: dict[str, tuple[ModelId, ...]] = Field(default_factory=dict)
    """The models that answer, in this order, when the one behind an alias fails or rests."""


def persistence_chosen(environment: Mapping[str, str]) -> bool | None:
    """What the environment says of keeping anything; None for nothing that can be understood."""
    text = environment.get(variable("persistence"))
    if text is None:
        return None
    try:
        return Settings.model_validate({"persistence": parsed(text)}).persistence
    except ValidationError:
        return None
