"""Files that hold the same model several times."""

from collections.abc import Iterable
from itertools import groupby

from app.domain.base import Frozen
from app.domain.models import ModelId, ScannedFile


class Duplicate(Frozen):
    """One model with all the files that hold it."""

    model_id: ModelId
    paths: tuple[str, ...]
    places: int
    """How often its bytes are on the disk: two names of one file are one place."""
    recoverable: int
    """Bytes that would be free if it were there once."""


def duplicates_of(files: Iterable[ScannedFile]) -> tuple[Duplicate, ...]:
    """The models that several files hold, those first that waste most.

    Args:
        files: the files of models, by model.
    """
    found = []
    for model_id, held in groupby(files, key=lambda file: file.model_id):
        copies = [*held]
        places = len({file.place for file in copies})
        if model_id is not None and len(copies) > 1:
            found.append(
                Duplicate(
                    model_id=model_id,
                    paths=tuple(file.path for file in copies),
                    places=places,
                    recoverable=(places - 1) * max(file.size for file in copies),
                )
            )
    return tuple(sorted(found, key=lambda duplicate: (-duplicate.recoverable, duplicate.paths)))
