"""Models on their way to the trash, which can be called back for a while."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from app.domain.errors import FolderError
from app.domain.events import CopiesDeleted, DeletionUndone, ModelDeleted
from app.domain.models import ModelId, ModelSpec, ScannedFile
from app.manager.events import EventBus
from app.manager.library import Library
from app.manager.registry import Registry
from app.manager.reprieves import Reprieves
from app.ports.files import ModelFiles
from app.ports.stores import LibraryStore


@dataclass(frozen=True)
class _Leaving:
    spec: ModelSpec
    paths: tuple[str, ...]
    files: tuple[ScannedFile, ...]


class Deletions:
    """Takes a model out of the library at once, and its files to the trash when that stands."""

    def __init__(
        self,
        *,
        registry: Registry,
        library: Library,
        files: ModelFiles,
        store: LibraryStore,
        events: EventBus,
        loaded: Callable[[ModelId], bool],
    ) -> None:
        self._registry = registry
        self._library = library
        self._files = files
        self._store = store
        self._events = events
        self._loaded = loaded
        self._reprieves = Reprieves("deletions", events)

    def deletable(self, model_id: ModelId) -> tuple[str, ...]:
        """The model's files that are the user's to delete; those in stores and loose ones aren't."""
        spec = self._registry.find(model_id)
        if spec is None:
            return ()
        return tuple(path for path in (spec.path, *spec.copies) if self._library.owned(path))

    def leaving(self) -> tuple[ModelId, ...]:
        """The models that can still be called back, oldest first."""
        return tuple(map(ModelId, self._reprieves.waiting()))

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
        await self._reprieves.undo(model_id)

    async def aclose(self) -> None:
        """Carry out at once what waits: it was asked for, and the trash gives it back."""
        await self._reprieves.aclose()

    async def _leave(self, spec: ModelSpec, paths: tuple[str, ...]) -> float:
        """Have files leave the library and then the disk; until when they can be called back."""
        # What was asked for before stands.
        await self._reprieves.settle(spec.id)
        held = await self._store.files_of([spec.id])
        files = tuple(file for file in held if file.path in paths)
        self._library.hide(paths)
        await self._library.forget_files(files)
        leaving = _Leaving(spec, paths, files)
        return self._reprieves.hold(
            spec.id,
            carry_out=partial(self._delete, leaving),
            call_back=partial(self._bring_back, leaving),
        )

    async def _delete(self, leaving: _Leaving) -> None:
        for path in leaving.paths:
            await self._files.trash(path, leaving.spec.shards)
        self._library.show(leaving.paths)

    async def _bring_back(self, leaving: _Leaving) -> None:
        self._library.show(leaving.paths)
        await self._registry.keep([leaving.spec])
        await self._store.save_scanned(leaving.files)
        self._events.publish(DeletionUndone(model_id=leaving.spec.id))
