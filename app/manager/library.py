"""The user's folders and the models found in them."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from contextlib import aclosing
from pathlib import PurePath

from app.domain.errors import AppError, ErrorKind, ErrorReport, FolderError, InvalidFile
from app.domain.events import FoldersChanged, ScanFinished, ScanProgressed
from app.domain.models import Folder, ModelId, ModelSpec, ModelStatus, merge_found
from app.manager.events import EventBus
from app.manager.registry import Registry
from app.ports import ModelFiles, ModelStore
from app.tasks import TaskScope

log = logging.getLogger(__name__)


class Library:
    """Owns the list of folders and the scan; a scan never touches what is loaded."""

    def __init__(
        self, registry: Registry, files: ModelFiles, store: ModelStore, events: EventBus
    ) -> None:
        self._registry = registry
        self._files = files
        self._store = store
        self._events = events
        self._folders: dict[str, Folder] = {}
        self._waiting: list[str] = []
        self._running: asyncio.Task[None] | None = None
        self._scanning: ScanProgressed | None = None
        self._scan = TaskScope("library scan")
        self._closing = False

    async def start(self) -> None:
        """Read the folders, and look in the background at what has changed in them."""
        self._folders = {folder.path: folder for folder in await self._store.folders()}
        self._scan.start("loose files", self._check_loose_files())
        await self.rescan()

    async def aclose(self) -> None:
        """End the scan."""
        self._closing = True
        await self._scan.aclose()
        # A task that is cancelled before its first step doesn't clean up after itself.
        self._running, self._scanning = None, None

    def folders(self) -> tuple[Folder, ...]:
        """The user's folders in the order they were added."""
        return tuple(self._folders.values())

    def scanning(self) -> ScanProgressed | None:
        """How far the scan has come, or None when there is none."""
        return self._scanning

    async def add_folder(self, path: str) -> None:
        """Keep a folder and scan it in the background.

        Raises:
            StorageError: the folder can't be kept.
        """
        path = _absolute(path)
        if path not in self._folders:
            folder = Folder(path=path)
            await self._store.save_folder(folder)
            self._folders[path] = folder
            self._events.publish(FoldersChanged())
        self._queue([path])

    async def add_file(self, path: str) -> ModelId:
        """Register one file where it lies.

        Raises:
            MissingFile: there is no such file.
            InvalidFile: it is broken; it is listed all the same, with its reason.
        """
        found = await self._files.read(_absolute(path))
        await self._merge((found,))
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
        return found.id

    async def remove_folder(self, path: str) -> None:
        """Forget a folder and the models that are only there; the files stay."""
        await self.cancel_scan()
        if self._folders.pop(path, None) is None:
            return
        await self._store.forget_folder(path)
        await self._registry.settled()
        await self._registry.forget(
            [
                spec.id
                for spec in self._under(path)
                if not any(_is_under(spec.path, other) for other in self._folders)
            ]
        )
        self._events.publish(FoldersChanged())
        self._queue(list(self._folders))

    async def rescan(self) -> None:
        """Scan every folder in the background; files that didn't change aren't read again."""
        self._queue(list(self._folders))

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
        async with aclosing(self._files.scan(folder, ())) as batches:
            async for batch in batches:
                for spec in batch.specs:
                    found(spec)

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
        seen: dict[ModelId, str] = {}
        error: ErrorReport | None = None
        finished = False
        self._progress(path, 0, 0)
        try:
            known = [*self._under(path)]
            async with aclosing(self._files.scan(path, known)) as batches:
                async for batch in batches:
                    seen.update((spec.id, spec.path) for spec in batch.specs)
                    await self._merge(batch.specs)
                    self._progress(path, batch.files, len(seen))
            await self._mark_gone(path, seen)
            finished = True
        except FolderError as failure:
            error = failure.report()
            finished = True
            await self._mark_gone(path, {})
        except AppError as failure:
            # The folder is as it was; it is the finding that couldn't be kept.
            error = failure.report()
            finished = True
        finally:
            if not self._waiting:
                self._scanning = None
            self._events.publish(
                ScanFinished(folder=path, models=len(seen), cancelled=not finished, error=error)
            )
        self._set_present(path, present=error is None or error.kind is not ErrorKind.FOLDER)

    def _progress(self, folder: str, files: int, models: int) -> None:
        self._scanning = ScanProgressed(folder=folder, files=files, models=models)
        self._events.publish(self._scanning)

    async def _merge(self, found: Iterable[ModelSpec]) -> None:
        specs = list(found)
        known = {spec.id: self._registry.find(spec.id) for spec in specs}
        elsewhere = [
            old.path
            for spec in specs
            if (old := known[spec.id]) is not None and old.path != spec.path
        ]
        existing = await self._files.present(elsewhere) if elsewhere else frozenset()
        merged: dict[ModelId, ModelSpec] = {}
        for spec in specs:
            old = merged.get(spec.id) or known[spec.id]
            exists = old is not None and (spec.id in merged or old.path in existing)
            merged[spec.id] = merge_found(old, spec, known_path_exists=exists)
        await self._registry.keep(merged.values())

    async def _mark_gone(self, folder: str, seen: dict[ModelId, str]) -> None:
        """List the models of a folder that a whole scan didn't find as missing.

        One whose path now holds another model was replaced and is forgotten.
        """
        gone = [spec for spec in self._under(folder) if spec.id not in seen]
        paths = set(seen.values())
        await self._registry.forget([spec.id for spec in gone if spec.path in paths])
        await self._registry.keep([_missing(spec) for spec in gone if spec.path not in paths])

    async def _check_loose_files(self) -> None:
        """Models that were added as single files belong to no scan: look whether they are there."""
        loose = [
            self._registry.get(model_id)
            for model_id, path in self._registry.paths()
            if path and not any(_is_under(path, folder) for folder in self._folders)
        ]
        present = await self._files.present([spec.path for spec in loose])
        await self._registry.keep([_missing(spec) for spec in loose if spec.path not in present])
        back = [s for s in loose if s.path in present and s.status is ModelStatus.MISSING]
        for spec in back:
            try:
                await self._merge([await self._files.read(spec.path)])
            except AppError as error:
                log.info("%s is there and can't be read: %s", spec.path, error)

    def _set_present(self, path: str, *, present: bool) -> None:
        folder = self._folders.get(path)
        if folder is not None and folder.present is not present:
            self._folders[path] = folder.model_copy(update={"present": present})
            self._events.publish(FoldersChanged())

    def _under(self, folder: str) -> list[ModelSpec]:
        ids = (model_id for model_id, path in self._registry.paths() if _is_under(path, folder))
        return [self._registry.get(model_id) for model_id in ids]


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - pure text: links stay as the user named them


def _is_under(path: str, folder: str) -> bool:
    return bool(path) and PurePath(path).is_relative_to(folder)


def _missing(spec: ModelSpec) -> ModelSpec:
    reason = "The file isn't there any more."
    return spec.model_copy(update={"status": ModelStatus.MISSING, "reason": reason})
