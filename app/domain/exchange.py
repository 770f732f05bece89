"""The registry and the settings as one document, to take along or to report with. It has no keys."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from app.domain.annotations import Annotation
from app.domain.base import Frozen
from app.domain.errors import SettingError
from app.domain.load_settings import LoadSettings
from app.domain.models import Alias, ModelId, ModelSpec

LARGEST = 512 * 1024 * 1024
"""Characters of a document; a hundred thousand models take a fifth of it."""


class Export(Frozen):
    """Everything of the library and the settings that another machine can use."""

    format: Literal["modelyard-library"] = "modelyard-library"
    version: Literal[1] = 1
    exported_at: float
    """Seconds since the epoch."""
    program: str
    """The version that wrote it."""
    folders: tuple[str, ...] = ()
    models: tuple[ModelSpec, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    aliases: tuple[Alias, ...] = ()
    load_settings: Mapping[ModelId, LoadSettings] = Field(default_factory=dict)
    searches: Mapping[str, str] = Field(default_factory=dict)
    settings: Mapping[str, Any] = Field(default_factory=dict)
    """Those that have another value than their default."""


class ImportSummary(Frozen):
    """What an import has taken in."""

    models: int
    annotations: int
    aliases: int
    folders: int
    settings: int
    left_out: tuple[str, ...] = ()
    """What couldn't be taken, in sentences."""


def read_export(text: str) -> Export:
    """The document in a text.

    Raises:
        SettingError: it is none that this version can read.
    """
    if len(text) > LARGEST:
        raise _unreadable("it is too long")
    try:
        return Export.model_validate_json(text)
    except ValidationError as error:
        raise _unreadable(str(error)[:2000]) from error


def _unreadable(detail: str) -> SettingError:
    return SettingError(
        "This isn't an export of Modelyard that can be read.",
        "Choose a file that was exported by this version or an earlier one.",
        detail,
    )
