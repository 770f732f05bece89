"""Finds model files below a folder, in a thread, and reads them."""

import logging
import os
import shutil
import stat
import threading
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from types import MappingProxyType

from app.domain.errors import FolderError, MissingFile
from app.domain.models import Folder, ModelId, ModelSpec, ScannedFile, Store
from app.library import ollama
from app.library.found import (
    FoundFile,
    FoundModel,
    group,
    may_be_model,
    may_be_projector,
    shard_paths,
)
from app.library.specs import Reading, invalid_spec, printable, read_model
from app.library.stores import find_stores, store_name
from app.library.trash import move_to_trash
from app.library.watching import watch
from app.tasks import in_daemon_thread

BATCH_SECONDS, LONGEST_BATCH_SECONDS = 0.1, 0.5
"""How long the first models are gathered, and later ones: each batch costs a write."""
BATCH_MODELS = 2000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScanBatch:
    """Some results of a scan under way."""

    specs: tuple[ModelSpec, ...]
    """Models read since the last batch."""
    files: int
    """Files looked at so far, model or not."""
    models: int = 0
    """Models found so far, read or known."""
    read: tuple[ScannedFile, ...] = ()
    """Every file that was read since the last batch."""
    templates: Mapping[ModelId, str] = field(default_factory=dict)
    """The chat templates of those models that bring one."""
    gone: tuple[str, ...] = ()
    """In the last batch, the known files that aren't there any more."""


class LocalModelFiles:
    """The models on this machine's disks."""

    def __init__(self, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        """Prepare without looking.

        Args:
            environment: the variables that say where other programs keep their models.
        """
        self._environment = environment

    async def stores(self) -> tuple[Folder, ...]:
        """The stores of other programs that are there now."""
        return await in_daemon_thread(find_stores, self._environment)

    async def scan(
        self, folder: Folder, known: Mapping[str, str]
    ) -> AsyncGenerator[ScanBatch, None]:
        """Read every model below a folder, in batches that come as they are found.

        Closing the generator ends the scan.

        Args:
            folder: where to look.
            known: the marks of files by path; one that still has its mark is not read again.

        Raises:
            FolderError: the folder can't be read.
        """
        ended = threading.Event()
        batches = _Scan(folder, known, ended).batches()
        coming = in_daemon_thread(next, batches, None)
        try:
            while (batch := await coming) is not None:
                # The thread reads on while the caller keeps what it has found.
                coming = in_daemon_thread(next, batches, None)
                yield batch
        finally:
            ended.set()
            coming.cancel()

    def watch(self, folder: str) -> AsyncGenerator[None, None]:
        """Yield whenever models below a folder may have changed and it has been quiet since.

        Closing the generator ends the watch.

        Raises:
            FolderError: its file system tells of no changes.
        """
        return watch(absolute(folder))

    async def read(self, path: str) -> ScanBatch:
        """One file, with the shards and projectors beside it, as a batch of one model.

        Broken files come back INVALID with their reason.

        Raises:
            MissingFile: there is no such file.
        """
        return await in_daemon_thread(_read, absolute(path))

    async def present(self, paths: Sequence[str]) -> frozenset[str]:
        """Those of the files and folders that exist now."""
        return await in_daemon_thread(_present, paths)

    async def trash(self, path: str, shards: int) -> None:
        """Move a model's file, with its other shards, into the system's trash.

        Raises:
            FolderError: it can't be moved.
        """
        await move_to_trash(shard_paths(path, shards))

    async def free_space(self, folder: str) -> int:
        """Bytes that can be written below a folder.

        Raises:
            FolderError: the folder isn't there or can't be written to.
        """
        return await in_daemon_thread(_free_space, folder)


class _Scan:
    """One scan of one folder, run in a thread."""

    def __init__(self, folder: Folder, known: Mapping[str, str], ended: threading.Event) -> None:
        self._folder = folder.model_copy(update={"path": absolute(folder.path)})
        self._known = known
        self._ended = ended
        self._seen: set[str] = set()
        self._unread: list[str] = []
        """Folders that can't be read, so that nobody knows what is in them."""
        self._findings = Findings()
        self._models = 0

    def batches(self) -> Iterator[ScanBatch]:
        """The whole scan; the first model is handed over at once, later ones together."""
        files, enough, pause = 0, 1, BATCH_SECONDS
        due = time.monotonic() + pause
        for looked_at, found in self._walk():
            if self._ended.is_set():
                return
            files += looked_at
            if found is not None:
                self._look_at(found)
            if len(self._findings.specs) >= enough or time.monotonic() >= due:
                enough = BATCH_MODELS if self._findings.specs else enough
                yield self._batch(files)
                pause = min(LONGEST_BATCH_SECONDS, 2 * pause)
                due = time.monotonic() + pause
        gone = tuple(path for path in self._known.keys() - self._seen if not self._hidden(path))
        yield self._batch(files, gone)

    def _batch(self, files: int, gone: tuple[str, ...] = ()) -> ScanBatch:
        findings, self._findings = self._findings, Findings()
        return findings.batch(files, self._models, gone)

    def _look_at(self, found: FoundModel) -> None:
        path, mark = found.path, found.mark
        if self._known.get(path) == mark:
            self._seen.add(path)
            self._models += 1
            return
        try:
            reading = read_model(found)
        except FileNotFoundError:
            return
        self._seen.add(self._findings.add(found, reading))
        self._models += reading.spec is not None

    def _walk(self) -> Iterator[tuple[int, FoundModel | None]]:
        """Every model below the folder, and how many files each step has looked at."""
        if self._folder.store is Store.OLLAMA:
            try:
                yield from ollama.walk(self._folder.path)
            except OSError as error:
                raise _folder_error(self._folder.path, error) from error
            return
        pending, places = [self._folder.path], set[tuple[int, int] | str]()
        while pending:
            current = pending.pop()
            try:
                # Links may lead back up; a folder is listed once, by whichever way it is reached.
                place = _place(current)
                if place in places:
                    continue
                places.add(place)
                listing = _list(current)
            except OSError as error:
                if current == self._folder.path:
                    raise _folder_error(current, error) from error
                log.info("Passed over a folder that can't be read: %s", error)
                self._unread.append(current)
                continue
            pending.extend(reversed(listing.folders))
            yield listing.others, None
            for found in group(listing.files, listing.projectors):
                yield len(found.parts), self._named(found)

    def _named(self, found: FoundModel) -> FoundModel:
        name = store_name(self._folder, found.path) if self._folder.store else ""
        return replace(found, name=name) if name else found

    def _hidden(self, path: str) -> bool:
        return any(PurePath(path).is_relative_to(folder) for folder in self._unread)


class Findings:
    """What was read since the last batch."""

    def __init__(self) -> None:
        self.specs: list[ModelSpec] = []
        self._read: list[ScannedFile] = []
        self._templates: dict[ModelId, str] = {}

    def add(self, found: FoundModel, reading: Reading) -> str:
        """Add a model; the path that it is known by, which is text."""
        spec = reading.spec
        path = printable(found.path)
        if spec is not None:
            self.specs.append(spec)
            if reading.template:
                self._templates[spec.id] = reading.template
        mark = found.mark if reading.lasting and path == found.path else ""
        model_id = spec.id if spec is not None else None
        self._read.append(ScannedFile(path, mark, found.place, model_id, found.size))
        return path

    def batch(self, files: int, models: int, gone: tuple[str, ...] = ()) -> ScanBatch:
        """All of it as a batch."""
        return ScanBatch(
            specs=tuple(self.specs),
            files=files,
            models=models,
            read=tuple(self._read),
            templates=self._templates,
            gone=gone,
        )


@dataclass(slots=True)
class _Listing:
    """One folder's entries, sorted by what to do with them."""

    files: list[FoundFile] = field(default_factory=list)
    projectors: list[FoundFile] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    others: int = 0


def _place(folder: str) -> tuple[int, int] | str:
    status = os.stat(folder)  # noqa: PTH116 - a Path for each of thousands of folders takes longer
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(folder)


def _list(folder: str) -> _Listing:
    listing = _Listing()
    with os.scandir(folder) as entries:
        for entry in entries:
            _sort(entry, listing)
    listing.folders.sort()
    listing.files.sort()
    listing.projectors.sort()
    return listing


def _sort(entry: os.DirEntry[str], listing: _Listing) -> None:
    try:
        if entry.is_dir():
            listing.folders.append(entry.path)
            return
        name = entry.name
        wanted = listing.files if may_be_model(name) else None
        if wanted is None:
            wanted = listing.projectors if may_be_projector(name) else None
        if wanted is not None:
            status = entry.stat()
            if stat.S_ISREG(status.st_mode):
                wanted.append(
                    FoundFile(
                        entry.path,
                        status.st_size,
                        status.st_mtime_ns,
                        status.st_ino,
                        status.st_dev,
                    )
                )
                listing.others += wanted is listing.projectors
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


def _read(path: str) -> ScanBatch:
    try:
        found = _found(path)
        reading = read_model(found)
    except OSError as error:
        raise MissingFile(
            f"The file {path} isn't there.",
            "Connect its drive, or choose the file again.",
            str(error),
        ) from error
    if reading.spec is None:
        reason = "This file is an addition to a model, such as a projector, and can't run alone."
        reading = reading._replace(spec=invalid_spec(found, reason), lasting=False)
    findings = Findings()
    findings.add(found, reading)
    return findings.batch(len(found.parts), 1)


def _found(path: str) -> FoundModel:
    """A file as a scan of its folder would find it, with what belongs to it."""
    status = Path(path).stat()
    file = FoundFile(path, status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev)
    alone = FoundModel((file,))
    if not stat.S_ISREG(status.st_mode):
        return alone
    listing = _list(str(PurePath(path).parent))
    beside = group(listing.files, listing.projectors)
    return next(
        (found for found in beside if any(part.path == path for part in found.parts)), alone
    )


def _free_space(folder: str) -> int:
    try:
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied", folder)
        return shutil.disk_usage(folder).free
    except OSError as error:
        raise _folder_error(folder, error) from error


def _present(paths: Sequence[str]) -> frozenset[str]:
    return frozenset(path for path in paths if os.path.exists(path))  # noqa: PTH110 - never raises


def absolute(path: str) -> str:
    """The path from the root, links left as they are named."""
    return os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links
