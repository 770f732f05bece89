"""What a scan means for the models that are known."""

import asyncio
from collections.abc import Iterable, Mapping

from app.domain.models import (
    ModelId,
    ModelQuery,
    ModelSpec,
    ModelStatus,
    ScannedFile,
    merge_found,
    without_path,
)
from app.manager.annotations import Annotations
from app.manager.capabilities import Capabilities
from app.manager.registry import Registry
from app.ports.files import ModelFiles, ScanBatch
from app.ports.stores import LibraryStore
from app.tasks import TaskScope, sliced

GONE = "The file isn't there any more."
AWAY = "Its folder isn't there; the drive may not be connected."


class ScanResults:
    """Merges what was found into the registry, and remembers which files were read."""

    def __init__(
        self,
        registry: Registry,
        files: ModelFiles,
        store: LibraryStore,
        annotations: Annotations,
        capabilities: Capabilities,
    ) -> None:
        self._registry = registry
        self._files = files
        self._store = store
        self._annotations = annotations
        self._capabilities = capabilities
        self._tasks = TaskScope("scan results")
        self.hidden: set[str] = set()
        """Files that aren't to be found: they are on their way to the trash."""

    async def known(self, folder: str) -> dict[str, ScannedFile]:
        """The files below a folder that needn't be read again unless they have changed."""
        known = {}
        async for part in sliced(await self._store.scanned(folder)):
            for file in part:
                there = file.model_id is None or file.model_id in self._registry
                # A model that was lost with its row comes back by being read again.
                known[file.path] = file if there else file._replace(mark="")
        return known

    async def merge(self, batch: ScanBatch, known: Mapping[str, ScannedFile]) -> None:
        """Take in what was read.

        Args:
            batch: the findings.
            known: the files that were read before, by path.
        """
        if batch.read:
            # Whoever ends the scan doesn't part a model from the file that it was read from.
            await asyncio.shield(self._tasks.start("merge", self._merge(batch, known)))

    async def settled(self) -> None:
        """Wait until all that was found is kept."""
        await self._tasks.join()

    async def _merge(self, batch: ScanBatch, known: Mapping[str, ScannedFile]) -> None:
        read = [file for file in batch.read if file.path not in self.hidden]
        specs = {
            spec.id: self._complete(spec, batch.templates)
            for spec in batch.specs
            if spec.path not in self.hidden
        }
        await self._registry.keep(await self._merged(specs.values(), read))
        for file in read:
            before = known.get(file.path)
            if before is not None and before.model_id not in {None, file.model_id}:
                await self._lost([before], reason="")
        waiting = {
            model_id: template
            for model_id, template in batch.templates.items()
            if model_id in specs and self._capabilities.facts(template) is None
        }
        now = [file for file in read if file.model_id not in waiting]
        # What still waits for its template's verdict is read again if the app ends before that.
        later = [file for file in read if file.model_id in waiting]
        await self._store.save_scanned([*now, *(file._replace(mark="") for file in later)])
        self._capabilities.detect(waiting, later)

    async def part_with(self, gone: Iterable[ScannedFile]) -> None:
        """Files aren't there any more: their models lie elsewhere, or are missing."""
        files = [*gone]
        await self._lost(files, reason=GONE)
        await self._store.forget_scanned([file.path for file in files])

    async def miss(self, away: Iterable[ScannedFile]) -> None:
        """A whole folder isn't there: its files are taken for unchanged when it is back."""
        async for part in sliced(away):
            specs = [
                spec
                for file in part
                if file.model_id is not None
                and (spec := self._registry.find(file.model_id)) is not None
                and spec.path == file.path
                and spec.status is spec.status_when_there
            ]
            copies = [copy for spec in specs for copy in spec.copies]
            present = await self._files.present(copies) if copies else frozenset[str]()
            await self._registry.keep([_away(spec, present) for spec in specs])

    async def bring_back(self, there: Mapping[str, ScannedFile]) -> None:
        """Models that were missing and whose files are there, unchanged, are available."""
        missing = set(self._registry.hits(ModelQuery(status=ModelStatus.MISSING)))
        if not missing:
            return
        async for part in sliced(there.values()):
            back = {}
            for file in part:
                if file.model_id in missing and file.mark:
                    missing.discard(file.model_id)
                    spec = self._registry.get(file.model_id)
                    changes = {"status": spec.status_when_there, "reason": "", "path": file.path}
                    copies = tuple(path for path in spec.copies if path != file.path)
                    back[file.model_id] = spec.model_copy(update={**changes, "copies": copies})
            await self._registry.keep(back.values())

    async def forget(self, files: Iterable[ScannedFile]) -> None:
        """Files are no longer the library's: models that are nowhere else leave it."""
        listed = [*files]
        await self._lost(listed, reason="")
        await self._store.forget_scanned([file.path for file in listed])

    def _complete(self, spec: ModelSpec, templates: Mapping[ModelId, str]) -> ModelSpec:
        """The spec with what is known beside its file."""
        rendered = self._capabilities.facts(templates.get(spec.id, "")) or ()
        facts = self._annotations.with_facts(spec.id, (*spec.capabilities, *rendered))
        if facts == spec.capabilities:
            return spec
        return spec.model_copy(update={"capabilities": facts})

    async def _merged(
        self, specs: Iterable[ModelSpec], read: Iterable[ScannedFile]
    ) -> list[ModelSpec]:
        found = [*specs]
        known = {spec.id: self._registry.find(spec.id) for spec in found}
        elsewhere = [
            old.path
            for spec in found
            if (old := known[spec.id]) is not None and old.path != spec.path
        ]
        existing = await self._files.present(elsewhere) if elsewhere else frozenset()
        merged: dict[ModelId, ModelSpec] = {}
        for spec in found:
            old = known[spec.id]
            exists = old is not None and old.path in existing
            merged[spec.id] = merge_found(old, spec, known_path_exists=exists)
        for file in read:
            # Two files of one batch may be copies of one another.
            copied = merged.get(file.model_id) if file.model_id is not None else None
            if copied is not None and file.path not in {copied.path, *copied.copies}:
                copies = tuple(sorted((*copied.copies, file.path)))
                merged[copied.id] = copied.model_copy(update={"copies": copies})
        return [*merged.values()]

    async def _lost(self, files: Iterable[ScannedFile], reason: str) -> None:
        """Paths don't lead to their models any more.

        Args:
            files: the files.
            reason: why a model that is nowhere else is missing; empty to forget it.
        """
        changed: dict[ModelId, ModelSpec] = {}
        forgotten: list[ModelId] = []
        async for part in sliced(files):
            for file in part:
                spec = None
                if file.model_id is not None:
                    spec = changed.get(file.model_id) or self._registry.find(file.model_id)
                if spec is None or file.path not in {spec.path, *spec.copies}:
                    continue
                left = without_path(spec, file.path)
                if left is not None:
                    changed[spec.id] = left
                elif reason and spec.status is not ModelStatus.INVALID:
                    update = {"status": ModelStatus.MISSING, "reason": reason}
                    changed[spec.id] = spec.model_copy(update=update)
                else:
                    changed.pop(spec.id, None)
                    forgotten.append(spec.id)
        await self._registry.keep(changed.values())
        await self._registry.forget(forgotten)


def _away(spec: ModelSpec, present: frozenset[str]) -> ModelSpec:
    """The spec while its file's folder isn't there: at a copy of it, or missing."""
    copy = next((path for path in spec.copies if path in present), None)
    if copy is None:
        return spec.model_copy(update={"status": ModelStatus.MISSING, "reason": AWAY})
    others = tuple(sorted({*spec.copies, spec.path} - {copy}))
    return spec.model_copy(update={"path": copy, "copies": others})
