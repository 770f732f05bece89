"""What the user can set. Environment over stored over default, one row a key."""

from enum import StrEnum

from pydantic import Field

from app.domain.base import Frozen

ENVIRONMENT_PREFIX = "MODEL_MANAGER_"
"""`MODEL_MANAGER_THEME=dark` overrides the setting `theme` and locks it in the window."""


class Theme(StrEnum):
    """The window's palette."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


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
    recover_crashed: bool = True
    """Bring up again by itself what crashed while an alias pointed at it."""
    auto_switch: bool = False
    """Send new prompts to another model when the active one answers badly."""
    auto_switch_threshold: int = Field(default=40, title="Auto-switch threshold", ge=10, le=90)
    """Percent of its usual speed; a model that falls below it answers badly."""
    window: WindowPlace = WindowPlace()
