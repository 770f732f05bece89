"""The folders and stores that models lie in, and the scans that find them."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from contextlib import aclosing

from app.domain.duplicates import Duplicate, duplicates_of
from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError, ErrorKind, FolderError, InvalidFile
from app.domain.events import FoldersChanged, ScanFinished, ScanProgressed
from app.domain.models import Folder, ModelId, ModelSpec, ModelStatus, ScannedFile
from app.domain.settings import Settings
from app.manager.annotations import Annotations
from app.manager.capabilities import Capabilities
from app.manager.events import EventBus
from app.manager.registry import Registry
from app.manager.scan_results import GONE, ScanResults
from app.ports.files import ModelFiles
from app.ports.stores import LibraryStore, ModelStore
from app.tasks import TaskScope, sliced

MARKS = 5_000
"""So many files' marks are gathered at a time; it takes a millisecond."""

log = logging.getLogger(__name__)


class Library:
    """Owns the list of folders and the scan; a scan never touches what is loaded."""

    def __init__(  # noqa: PLR0913 - one argument a part it joins, each named
        self,
        *,
        registry: Registry,
        files: ModelFiles,
        models: ModelStore,
        store: LibraryStore,
        annotations: Annotations,
        capabilities: Capabilities,
        events: EventBus,
        settings: Callable[[], Settings],
    ) -> None:
        self._registry = registry
        self._files = files
        self._models = models
        self._store = store
        self._results = ScanResults(registry, files, store, annotations, capabilities)
        self._events = events
        self._settings = settings
        self._folders: dict[str, Folder] = {}
        """The user's, by path."""
        self._stores: dict[str, Folder] = {}
        self._waiting: list[str] = []
        self._running: asyncio.Task[None] | None = None
        self._scanning: ScanProgressed | None = None
        self._scan = TaskScope("library scan")
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._watched: set[str] = set()
        self._closing = False

    async def start(self) -> None:
        """Read the folders, and look in the background at what has changed in them."""
        self._folders = {folder.path: folder for folder in await self._models.folders()}
        await self.rescan()
        self._scan.start("stores and loose files", self._look_elsewhere())

    async def aclose(self) -> None:
        """End scans and watches."""
        self._closing = True
        await self._scan.aclose()
        # A task that is cancelled before its first step doesn't clean up after itself.
        self._running, self._scanning = None, None
        await self._results.settled()

    def folders(self) -> tuple[Folder, ...]:
        """The user's folders in the order they were added."""
        return tuple(self._folders.values())

    def stores(self) -> tuple[Folder, ...]:
        """The stores of other programs that are looked into."""
        return tuple(self._stores.values())

    def scanning(self) -> ScanProgressed | None:
        """How far the scan has come, or None when there is none."""
        return self._scanning

    def place_of(self, path: str) -> Folder | None:
        """The folder or store that a file lies in, the innermost one; None for a loose file."""
        places = [place for place in self._places() if _is_under(path, place)]
        if not places:
            return None
        inner = max(places, key=len)
        return self._stores.get(inner) or self._folders[inner]

    def owned(self, path: str) -> bool:
        """Whether a file is the user's to delete: it lies in a folder of theirs and in no store."""
        in_store = any(_is_under(path, store) for store in self._stores)
        return not in_store and any(_is_under(path, folder) for folder in self._folders)

    def hide(self, paths: Iterable[str]) -> None:
        """Find some files no more, until they are shown again."""
        self._results.hidden.update(paths)

    def show(self, paths: Iterable[str]) -> None:
        """Find files again that were hidden."""
        self._results.hidden.difference_update(paths)

    async def forget_files(self, files: Iterable[ScannedFile]) -> None:
        """Take files out of the library; models that are nowhere else leave it."""
        await self._results.forget(files)

    async def duplicates(self) -> tuple[Duplicate, ...]:
        """Models that several files hold, those first that waste most."""
        return duplicates_of(await self._store.shared())

    async def add_folder(self, path: str) -> bool:
        """Keep a folder and scan it in the background.

        Returns:
            Whether it is new.

        Raises:
            StorageError: the folder can't be kept.
        """
        path = _absolute(path)
        new = path not in self._folders
        if new:
            folder = Folder(path=path)
            await self._models.save_folder(folder)
            self._folders[path] = folder
            self._events.publish(FoldersChanged())
        self._queue([path])
        return new

    async def add_file(self, path: str) -> tuple[ModelId, bool]:
        """Register one file where it lies.

        Returns:
            Its model, and whether that is new.

        Raises:
            MissingFile: there is no such file.
            InvalidFile: it is broken; it is listed all the same, with its reason.
        """
        batch = await self._files.read(_absolute(path))
        (found,) = batch.specs
        new = found.id not in self._registry
        await self._results.merge(batch, {})
        # What lay there before, such as the first half of a download, is no model any more.
        there = (model_id for model_id, path in self._registry.paths() if path == found.path)
        replaced = [model_id for model_id in there if model_id != found.id]
        await self._registry.forget(replaced)
        if found.status is ModelStatus.INVALID:
            raise InvalidFile(
                f"{found.name} can't be used.",
                "Replace the file, for example download it again.",
                found.reason,
            )
        return found.id, new

    async def remove_folder(self, path: str) -> None:
        """Forget a folder and the models that are only there; the files stay."""
        await self.cancel_scan()
        if self._folders.pop(path, None) is None:
            return
        await self._models.forget_folder(path)
        self._unwatch(path)
        await self._results.settled()
        await self._registry.settled()
        await self._leave(path)
        self._events.publish(FoldersChanged())
        self._queue(self._places())

    async def rescan(self) -> None:
        """Scan every folder in the background; files that didn't change aren't read again."""
        self._queue(self._places())

    async def rescan_unwatched(self) -> None:
        """Scan the folders whose file system tells of no changes, as when the window is entered."""
        self._queue([path for path in self._places() if path not in self._watched])

    def settings_changed(self, before: Settings) -> None:
        """Follow the settings that are now in force."""
        if before.look_in_stores is not self._settings().look_in_stores and not self._closing:
            self._scan.start("stores", self.look_for_stores())

    async def look_for_stores(self) -> None:
        """Look for other programs' stores and scan them, or leave them, as the setting has it."""
        found = await self._files.stores() if self._settings().look_in_stores else ()
        stores = {store.path: store for store in found}
        left = [path for path in self._stores if path not in stores]
        if stores == self._stores:
            return
        self._stores = stores
        for path in left:
            self._unwatch(path)
            await self._leave(path)
        self._events.publish(FoldersChanged())
        self._queue(stores)

    async def cancel_scan(self) -> None:
        """End the scan; what it found stays."""
        self._waiting.clear()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
            # A task that is cancelled before its first step doesn't clean up after itself.
            self._running, self._scanning = None, None
        # A folder that was added while the scan ended waits for the next one.
        self._queue(())

    async def look(self, folder: str, found: Callable[[ModelSpec], None]) -> None:
        """Scan a folder without keeping anything, for a face that only shows.

        Raises:
            FolderError: the folder can't be read.
        """
        async with aclosing(self._files.scan(Folder(path=folder), {})) as batches:
            async for batch in batches:
                for spec in batch.specs:
                    found(spec)

    def _places(self) -> list[str]:
        return [*self._folders, *(path for path in self._stores if path not in self._folders)]

    async def _look_elsewhere(self) -> None:
        try:
            await self.look_for_stores()
        except AppError as error:
            log.warning("Other programs' stores can't be looked for: %s", error)
        await self._check_loose_files()

    async def _leave(self, path: str) -> None:
        """Forget what lies below a place and below no other."""
        files = (await self._store.scanned(path)) if path else ()
        others = self._places()
        alone = [f for f in files if not any(_is_under(f.path, other) for other in others)]
        await self._results.forget(alone)

    def _queue(self, paths: Iterable[str]) -> None:
        self._waiting.extend(path for path in paths if path not in self._waiting)
        if self._waiting and self._running is None and not self._closing:
            self._progress(self._waiting[0], 0, 0)
            self._running = self._scan.start("folders", self._scan_waiting())

    async def _scan_waiting(self) -> None:
        try:
            while self._waiting:
                path = self._waiting.pop(0)
                try:
                    await self._scan_one(path)
                except AppError:
                    log.exception("The scan of %s couldn't be finished", path)
        finally:
            self._running, self._scanning = None, None

    async def _scan_one(self, path: str) -> None:
        place = self._stores.get(path) or self._folders.get(path)
        if place is None:
            return
        # From before the scan on: what changes while it runs is seen by the next one.
        self._watch(path)
        models = 0
        error: ErrorReport | None = None
        finished = False
        self._progress(path, 0, 0)
        known: dict[str, ScannedFile] = {}
        try:
            known = await self._results.known(path)
            marks: dict[str, str] = {}
            async for part in sliced(known.values(), MARKS):
                marks.update((file.path, file.mark) for file in part)
            async with aclosing(self._files.scan(place, marks)) as batches:
                async for batch in batches:
                    await self._results.merge(batch, known)
                    models = batch.models
                    self._progress(path, batch.files, models)
                    await self._results.part_with([known.pop(gone) for gone in batch.gone])
            await self._results.bring_back(known)
            finished = True
        except FolderError as failure:
            error = report_of(failure)
            finished = True
            await self._results.miss(known.values())
        except AppError as failure:
            # The folder is as it was; it is the finding that couldn't be kept.
            error = report_of(failure)
            finished = True
        finally:
            if not self._waiting:
                self._scanning = None
            self._events.publish(
                ScanFinished(folder=path, models=models, cancelled=not finished, error=error)
            )
        self._set_present(path, present=error is None or error.kind is not ErrorKind.FOLDER)

    def _progress(self, folder: str, files: int, models: int) -> None:
        self._scanning = ScanProgressed(folder=folder, files=files, models=models)
        self._events.publish(self._scanning)

    async def _check_loose_files(self) -> None:
        """Models that were added as single files belong to no scan: look whether they are there."""
        places = self._places()
        loose = []
        async for part in sliced(self._registry.paths()):
            loose += [
                self._registry.get(model_id)
                for model_id, path in part
                if path
                and model_id in self._registry
                and not any(_is_under(path, place) for place in places)
            ]
        present = await self._files.present([spec.path for spec in loose])
        async for gone in sliced(spec for spec in loose if spec.path not in present):
            await self._registry.keep([_missing(spec) for spec in gone])
        back = [s for s in loose if s.path in present and s.status is ModelStatus.MISSING]
        for spec in back:
            try:
                await self._results.merge(await self._files.read(spec.path), {})
            except AppError as error:
                log.info("%s is there and can't be read: %s", spec.path, error)

    def _set_present(self, path: str, *, present: bool) -> None:
        for places in (self._folders, self._stores):
            folder = places.get(path)
            if folder is not None and folder.present is not present:
                places[path] = folder.model_copy(update={"present": present})
                self._events.publish(FoldersChanged())

    # Watching

    def _watch(self, path: str) -> None:
        if path not in self._watching:
            self._watching[path] = self._scan.start(f"watch {path}", self._rescan_on_change(path))

    def _unwatch(self, path: str) -> None:
        task = self._watching.pop(path, None)
        if task is not None:
            task.cancel()

    async def _rescan_on_change(self, path: str) -> None:
        try:
            self._watched.add(path)
            async with aclosing(self._files.watch(path)) as changes:
                async for _ in changes:
                    self._queue([path])
        except FolderError as error:
            log.info("%s %s", error.what, error.detail)
        finally:
            self._watched.discard(path)
            if self._watching.get(path) is asyncio.current_task():
                del self._watching[path]


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - pure text: links stay as the user named them


def _is_under(path: str, folder: str) -> bool:
    """Whether a path lies below a folder, both absolute; called for every model there is."""
    if not path.startswith(folder):
        return False
    return path[len(folder) : len(folder) + 1] in {"/", os.sep} or folder.endswith(("/", os.sep))


def _missing(spec: ModelSpec) -> ModelSpec:
    return spec.model_copy(update={"status": ModelStatus.MISSING, "reason": GONE})
