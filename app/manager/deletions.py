"""Models on their way to the trash, which can be called back for a while."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from app.domain.error_reports import report_of
from app.domain.errors import AppError, FolderError
from app.domain.events import CopiesDeleted, DeletionUndone, ModelDeleted, NoticeRaised
from app.domain.models import ModelId, ModelSpec, ScannedFile
from app.manager.events import EventBus
from app.manager.library import Library
from app.manager.registry import Registry
from app.ports.files import ModelFiles
from app.ports.stores import LibraryStore
from app.tasks import TaskScope

UNDO_SECONDS = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Leaving:
    spec: ModelSpec
    paths: tuple[str, ...]
    files: tuple[ScannedFile, ...]
    task: asyncio.Task[None]


class Deletions:
    """Takes a model out of the library at once, and its files to the trash when that stands."""

    def __init__(  # noqa: PLR0913 - one argument a part it joins
        self,
        *,
        registry: Registry,
        library: Library,
        files: ModelFiles,
        store: LibraryStore,
        events: EventBus,
        loaded: Callable[[ModelId], bool],
        undo_seconds: float = UNDO_SECONDS,
    ) -> None:
        self._registry = registry
        self._library = library
        self._files = files
        self._store = store
        self._events = events
        self._loaded = loaded
        self._undo_seconds = undo_seconds
        self._leaving: dict[ModelId, _Leaving] = {}
        self._tasks = TaskScope("deletions")

    def deletable(self, model_id: ModelId) -> tuple[str, ...]:
        """The model's files that are the user's to delete; those in stores and loose ones aren't."""
        spec = self._registry.find(model_id)
        if spec is None:
            return ()
        return tuple(path for path in (spec.path, *spec.copies) if self._library.owned(path))

    def leaving(self) -> tuple[ModelId, ...]:
        """The models that can still be called back, oldest first."""
        return tuple(self._leaving)

    async def delete(self, model_id: ModelId) -> None:
        """Take a model's files in the user's folders to the trash, after a time for second thoughts.

        Raises:
            UnknownModel: the id names nothing.
            FolderError: none of its files lies in a folder of the user's, or it is loaded.
        """
        spec = self._registry.get(model_id)
        paths = self.deletable(model_id)
        if not paths:
            raise FolderError(
                f"{spec.name} lies in no folder of yours.",
                "Delete it in the program that it belongs to.",
                spec.path,
            )
        if self._loaded(model_id):
            raise FolderError(f"{spec.name} is loaded.", "Eject it, then delete it.")
        until = await self._leave(spec, paths)
        self._events.publish(ModelDeleted(model_id=model_id, name=spec.name, undo_until=until))

    async def delete_copies(self, model_id: ModelId, paths: Collection[str]) -> None:
        """Take some of a model's files to the trash, after a time for second thoughts.

        Raises:
            UnknownModel: the id names nothing.
            FolderError: one of them isn't the user's, none would be left, or the model is loaded.
        """
        spec = self._registry.get(model_id)
        held = {spec.path, *spec.copies}
        chosen = tuple(path for path in (spec.path, *spec.copies) if path in paths)
        if not chosen or held <= set(paths):
            raise FolderError(
                f"One file of {spec.name} has to stay.",
                "Choose some of its copies, or delete the model.",
            )
        foreign = next((path for path in chosen if not self._library.owned(path)), None)
        if foreign is not None:
            raise FolderError(
                f"{foreign} lies in no folder of yours.",
                "Delete it in the program that it belongs to.",
            )
        if self._loaded(model_id):
            raise FolderError(f"{spec.name} is loaded.", "Eject it, then delete its copies.")
        until = await self._leave(spec, chosen)
        self._events.publish(
            CopiesDeleted(model_id=model_id, name=spec.name, count=len(chosen), undo_until=until)
        )

    async def undo(self, model_id: ModelId) -> None:
        """Call a model back; one whose files are in the trash already is ignored."""
        leaving = self._leaving.pop(model_id, None)
        if leaving is not None:
            leaving.task.cancel()
            await self._bring_back(leaving)

    async def aclose(self) -> None:
        """Carry out at once what waits: it was asked for, and the trash gives it back."""
        waiting = [*self._leaving]
        await self._tasks.aclose()
        for model_id in waiting:
            await self._delete(model_id)

    async def _leave(self, spec: ModelSpec, paths: tuple[str, ...]) -> float:
        """Have files leave the library and then the disk; until when they can be called back."""
        earlier = self._leaving.get(spec.id)
        if earlier is not None:
            # What was asked for before stands.
            earlier.task.cancel()
            await self._delete(spec.id)
        held = await self._store.files_of([spec.id])
        files = tuple(file for file in held if file.path in paths)
        self._library.hide(paths)
        await self._library.forget_files(files)
        until = time.time() + self._undo_seconds
        task = self._tasks.start(f"delete {spec.id}", self._delete_later(spec.id))
        self._leaving[spec.id] = _Leaving(spec, paths, files, task)
        return until

    async def _delete_later(self, model_id: ModelId) -> None:
        await asyncio.sleep(self._undo_seconds)
        await self._delete(model_id)

    async def _delete(self, model_id: ModelId) -> None:
        leaving = self._leaving.pop(model_id, None)
        if leaving is None:
            return
        try:
            for path in leaving.paths:
                await self._files.trash(path, leaving.spec.shards)
        except AppError as error:
            log.warning("%s stays: %s %s", leaving.spec.name, error, error.detail)
            await self._bring_back(leaving)
            self._events.publish(NoticeRaised(report=report_of(error)))
        else:
            self._library.show(leaving.paths)

    async def _bring_back(self, leaving: _Leaving) -> None:
        self._library.show(leaving.paths)
        await self._registry.keep([leaving.spec])
        await self._store.save_scanned(leaving.files)
        self._events.publish(DeletionUndone(model_id=leaving.spec.id))
