"""Finds model files below a folder, in a thread, and reads them."""

import logging
import os
import stat
import threading
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.errors import FolderError, MissingFile
from app.domain.models import ModelSpec, ModelStatus
from app.library.found import FoundFile, FoundModel, group, is_shard, may_be_model
from app.library.specs import invalid_spec, read_model
from app.tasks import in_daemon_thread

BATCH_SECONDS = 0.05
BATCH_MODELS = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScanBatch:
    """Some results of a scan under way."""

    specs: tuple[ModelSpec, ...]
    """Models found since the last batch."""
    files: int
    """Files looked at so far, model or not."""


class LocalModelFiles:
    """The models on this machine's disks."""

    async def scan(
        self, folder: str, known: Iterable[ModelSpec]
    ) -> AsyncGenerator[ScanBatch, None]:
        """Read every model below a folder, in batches that come as they are found.

        Files that `known` lists with the same size and time are not read again. Closing the
        generator ends the scan.

        Raises:
            FolderError: the folder can't be read.
        """
        # What made a file invalid may be cured without touching it, as by a permission.
        unchanged = {spec.path: spec for spec in known if spec.status is ModelStatus.AVAILABLE}
        ended = threading.Event()
        batches = _batches(_absolute(folder), unchanged, ended)
        try:
            while (batch := await in_daemon_thread(next, batches, None)) is not None:
                yield batch
        finally:
            ended.set()

    async def read(self, path: str) -> ModelSpec:
        """The spec of one file; broken files come back INVALID with their reason.

        Raises:
            MissingFile: there is no such file.
        """
        return await in_daemon_thread(_read, _absolute(path))

    async def present(self, paths: Sequence[str]) -> frozenset[str]:
        """Those of the files and folders that exist now."""
        return await in_daemon_thread(_present, paths)


@dataclass(slots=True)
class _Listing:
    """One folder's entries, sorted by what to do with them."""

    files: list[FoundFile] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    others: int = 0


def _batches(
    folder: str, unchanged: Mapping[str, ModelSpec], ended: threading.Event
) -> Iterator[ScanBatch]:
    """The whole scan; the first model is handed over at once, later ones together."""
    specs: list[ModelSpec] = []
    files, enough = 0, 1
    due = time.monotonic() + BATCH_SECONDS
    for looked_at, found in _walk(folder):
        if ended.is_set():
            return
        files += looked_at
        spec = _known_or_read(found, unchanged) if found else None
        if spec is not None:
            specs.append(spec)
        if len(specs) >= enough or time.monotonic() >= due:
            yield ScanBatch(tuple(specs), files)
            enough = BATCH_MODELS if specs else enough
            specs = []
            due = time.monotonic() + BATCH_SECONDS
    yield ScanBatch(tuple(specs), files)


def _known_or_read(found: FoundModel, unchanged: Mapping[str, ModelSpec]) -> ModelSpec | None:
    spec = unchanged.get(found.path)
    if (
        spec is not None
        and spec.size_bytes == found.size
        and spec.modified_ns == found.modified_ns
        and spec.shards == found.shards
    ):
        return spec
    try:
        return read_model(found)
    except FileNotFoundError:
        return None


def _walk(folder: str) -> Iterator[tuple[int, FoundModel | None]]:
    """Every model below the folder, and how many files each step has looked at."""
    pending, seen = [folder], set()
    while pending:
        current = pending.pop()
        # Links may lead back up; a folder is listed once, by whichever way it is reached.
        place = os.path.realpath(current)
        if place in seen:
            continue
        seen.add(place)
        try:
            listing = _list(current)
        except OSError as error:
            if current == folder:
                raise _folder_error(folder, error) from error
            log.info("Passed over a folder that can't be read: %s", error)
            continue
        pending.extend(reversed(listing.folders))
        yield listing.others, None
        for found in group(listing.files):
            yield len(found.parts), found


def _list(folder: str) -> _Listing:
    listing = _Listing()
    with os.scandir(folder) as entries:
        for entry in entries:
            _sort(entry, listing)
    listing.folders.sort()
    listing.files.sort(key=lambda file: file.path)
    return listing


def _sort(entry: os.DirEntry[str], listing: _Listing) -> None:
    try:
        if entry.is_dir():
            listing.folders.append(entry.path)
            return
        if may_be_model(entry.name):
            status = entry.stat()
            if stat.S_ISREG(status.st_mode):
                listing.files.append(FoundFile(entry.path, status.st_size, status.st_mtime_ns))
                return
    except OSError as error:
        log.info("Passed over a file that can't be looked at: %s", error)
    listing.others += 1


def _folder_error(folder: str, error: OSError) -> FolderError:
    match error:
        case FileNotFoundError():
            return FolderError(
                f"The folder {folder} isn't there.",
                "Connect its drive, or remove the folder from the library.",
            )
        case NotADirectoryError():
            return FolderError(f"{folder} isn't a folder.", "Choose the folder that holds it.")
        case _:
            return FolderError(
                f"The folder {folder} can't be read.", "Check its permissions.", str(error)
            )


def _read(path: str) -> ModelSpec:
    try:
        found = _found(path)
        spec = read_model(found)
    except OSError as error:
        raise MissingFile(
            f"The file {path} isn't there.",
            "Connect its drive, or choose the file again.",
            str(error),
        ) from error
    return spec or invalid_spec(
        found, "This file is an addition to a model, such as a projector, and can't run alone."
    )


def _found(path: str) -> FoundModel:
    """A file as a scan of its folder would find it, with the shards beside it."""
    status = Path(path).stat()
    file = FoundFile(path, status.st_size, status.st_mtime_ns)
    folder, name = os.path.split(path)
    if not is_shard(name):
        return FoundModel((file,))
    alone = FoundModel((file,))
    return next((found for found in group(_list(folder).files) if file in found.parts), alone)


def _present(paths: Sequence[str]) -> frozenset[str]:
    return frozenset(path for path in paths if os.path.exists(path))  # noqa: PTH110 - never raises


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links
