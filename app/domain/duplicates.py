"""Files that hold the same model several times."""

from collections.abc import Iterable, Mapping
from itertools import groupby

from app.domain.base import Frozen
from app.domain.models import ModelId, ScannedFile


class Duplicate(Frozen):
    """One model with all the files that seem to hold it: alike in size, first and last MiB."""

    model_id: ModelId
    paths: tuple[str, ...]
    places: int
    """How often its bytes are on the disk: two names of one file are one place."""
    recoverable: int
    """Bytes that would be free if it were there once."""


class Comparison(Frozen):
    """What reading the files of a duplicate from end to end has shown."""

    model_id: ModelId
    groups: tuple[tuple[str, ...], ...]
    """The files that hold the very same bytes, the largest group first."""

    @property
    def same(self) -> bool:
        """Whether all of them are copies of one another."""
        return len(self.groups) == 1


def compared(
    model_id: ModelId, files: Iterable[ScannedFile], digests: Mapping[str, object]
) -> Comparison:
    """The comparison of a model's files.

    Args:
        model_id: the model.
        files: its files.
        digests: what is the same for the same bytes, by place: two names of one file are one.
    """
    groups: dict[object, list[str]] = {}
    for file in files:
        groups.setdefault(digests[file.place], []).append(file.path)
    ordered = sorted(groups.values(), key=lambda paths: (-len(paths), paths))
    return Comparison(model_id=model_id, groups=tuple(map(tuple, ordered)))


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
