"""What the user can set. Environment over stored over default, one row a key."""

import math
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from app.domain.base import Frozen

ENVIRONMENT_PREFIX = "MODEL_MANAGER_"
"""`MODEL_MANAGER_THEME=dark` overrides the setting `theme` and locks it in the window."""


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


class Settings(Frozen):
    """Every setting with its default."""

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
    idle_minutes: int | None = Field(default=None, title="Idle minutes", ge=1, le=10_080)
    """Minutes without use after which a model leaves; None keeps it."""
