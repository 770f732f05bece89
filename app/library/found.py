"""What a folder listing shows of models, before any file is opened."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import NamedTuple

SUFFIX = ".gguf"
PROJECTOR = "mmproj"
READING = "2"
"""Part of every mark: another number has every file read again, since more is made of it."""

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.gguf", re.IGNORECASE)


class FoundFile(NamedTuple):
    """One file; the path is as the system gives it and may not be valid text."""

    path: str
    size: int
    modified_ns: int
    inode: int = 0
    """0 where the system has none."""
    device: int = 0


class FoundModel(NamedTuple):
    """One model's files in order: a single one, or those of its shards that are there."""

    parts: tuple[FoundFile, ...]
    shards: int = 1
    missing: int = 0
    """How many shards aren't there."""
    first_missing: int = 0
    """The number of the first of them."""
    projectors: tuple[FoundFile, ...] = ()
    """Projectors beside it, one of which may be its own."""
    neighbours: bool = False
    """Whether other models lie beside it, so that a projector may be theirs."""
    name: str = ""
    """What its store calls it; empty where it calls it nothing."""

    @property
    def path(self) -> str:
        """The file to load."""
        return self.parts[0].path

    @property
    def size(self) -> int:
        """All parts together, in bytes."""
        parts = self.parts
        return parts[0].size if len(parts) == 1 else sum(part.size for part in parts)

    @property
    def modified_ns(self) -> int:
        """When the last of the parts changed."""
        parts = self.parts
        return parts[0].modified_ns if len(parts) == 1 else max(part.modified_ns for part in parts)

    @property
    def mark(self) -> str:
        """A text that stays the same as long as nothing changes that the model is made of."""
        (_, size, modified_ns, inode, _), *others = self.parts + self.projectors
        stamps = f"{size},{modified_ns},{inode}"
        for _, size, modified_ns, inode, _ in others:
            stamps += f";{size},{modified_ns},{inode}"
        return f"{READING}|{stamps}|{self.neighbours:d}{self.name}"

    @property
    def place(self) -> str:
        """Where the first part's bytes are: the same for two names of one file."""
        first = self.parts[0]
        return f"{first.device}:{first.inode}" if first.inode else first.path


def may_be_model(name: str) -> bool:
    """Whether a file of this name is worth opening.

    Projectors (`mmproj-...`) belong to a model and aren't one; `._...` is macOS's note on a file.
    """
    folded = name.casefold()
    return folded.endswith(SUFFIX) and PROJECTOR not in folded and not folded.startswith("._")


def may_be_projector(name: str) -> bool:
    """Whether the name says that this is a projector."""
    folded = name.casefold()
    return folded.endswith(SUFFIX) and PROJECTOR in folded and not folded.startswith("._")


def stem_of(name: str) -> str:
    """The file's name without suffix and shard number."""
    match = _SHARD.fullmatch(name)
    return match["stem"] if match else os.path.splitext(name)[0]  # noqa: PTH122 - many are asked


def shard_paths(path: str, shards: int) -> list[str]:
    """The paths of all parts of a model.

    Args:
        path: the first part's.
        shards: how many parts there are.
    """
    if shards == 1 or _SHARD.fullmatch(PurePath(path).name) is None:
        return [path]
    return [shard_path(path, number) for number in range(1, shards + 1)]


def shard_path(path: str, number: int) -> str:
    """The path of one part of a model.

    Args:
        path: that of any part.
        number: which one, from 1.
    """
    at = len(path) - len("00001-of-00001.gguf")
    return f"{path[:at]}{number:05}{path[at + 5 :]}"


def group(files: Iterable[FoundFile], projectors: Sequence[FoundFile] = ()) -> list[FoundModel]:
    """The models that the files of one folder make up, shards joined.

    Args:
        files: those that may be models.
        projectors: those that may belong to one of them.
    """
    beside = tuple(projectors)
    models: list[FoundModel] = []
    shards: dict[tuple[str, int], dict[int, FoundFile]] = {}
    for file in files:
        match = _SHARD.fullmatch(PurePath(file.path).name) if "-of-" in file.path else None
        number, total = (int(match["number"]), int(match["total"])) if match else (1, 1)
        if match and 1 <= number <= total:
            shards.setdefault((match["stem"], total), {})[number] = file
        else:
            models.append(FoundModel((file,)))
    models.extend(_joined(total, parts) for (_, total), parts in shards.items())
    if not beside:
        return models
    shared = len(models) > 1
    return [model._replace(projectors=beside, neighbours=shared) for model in models]


def _joined(total: int, parts: dict[int, FoundFile]) -> FoundModel:
    files = tuple(parts[number] for number in sorted(parts))
    missing = total - len(parts)
    if not missing:
        return FoundModel(files, shards=total)
    first = next(number for number in range(1, total + 1) if number not in parts)
    return FoundModel(files, total, missing, first)
