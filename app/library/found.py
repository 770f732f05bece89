"""What a folder listing shows of models, before any file is opened."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

SUFFIX = ".gguf"
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.gguf", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file; the path is as the system gives it and may not be valid text."""

    path: str
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class FoundModel:
    """One model's files in order: a single one, or those of its shards that are there."""

    parts: tuple[FoundFile, ...]
    shards: int = 1
    gap: str = ""
    """What is missing of the shards, in a sentence."""

    @property
    def path(self) -> str:
        """The file to load."""
        return self.parts[0].path

    @property
    def size(self) -> int:
        """All parts together, in bytes."""
        return sum(part.size for part in self.parts)

    @property
    def modified_ns(self) -> int:
        """When the last of the parts changed."""
        return max(part.modified_ns for part in self.parts)


def may_be_model(name: str) -> bool:
    """Whether a file of this name is worth opening.

    Projectors (`mmproj-...`) belong to a model and aren't one; `._...` is macOS's note on a file.
    """
    folded = name.casefold()
    return folded.endswith(SUFFIX) and not folded.startswith(("mmproj", "._"))


def is_shard(name: str) -> bool:
    """Whether the name says that this is one of several files."""
    return _SHARD.fullmatch(name) is not None


def stem_of(name: str) -> str:
    """The file's name without suffix and shard number."""
    match = _SHARD.fullmatch(name)
    return match["stem"] if match else PurePath(name).stem


def group(files: Iterable[FoundFile]) -> list[FoundModel]:
    """The models that the files of one folder make up, shards joined."""
    models = []
    shards: dict[tuple[str, int], dict[int, FoundFile]] = {}
    for file in files:
        match = _SHARD.fullmatch(PurePath(file.path).name)
        number, total = (int(match["number"]), int(match["total"])) if match else (1, 1)
        if match and 1 <= number <= total:
            shards.setdefault((match["stem"], total), {})[number] = file
        else:
            models.append(FoundModel((file,)))
    models.extend(_joined(stem, total, parts) for (stem, total), parts in shards.items())
    return models


def _joined(stem: str, total: int, parts: dict[int, FoundFile]) -> FoundModel:
    files = tuple(parts[number] for number in sorted(parts))
    return FoundModel(files, shards=total, gap=_gap(stem, total, parts))


def _gap(stem: str, total: int, parts: dict[int, FoundFile]) -> str:
    missing = total - len(parts)
    if not missing:
        return ""
    first = next(number for number in range(1, total + 1) if number not in parts)
    name = f"{stem}-{first:05}-of-{total:05}{SUFFIX}"
    if missing == 1:
        return f"Part {first} of {total} is missing ({name})."
    return f"{missing} of {total} parts are missing (the first is {name})."
