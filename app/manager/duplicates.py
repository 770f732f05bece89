"""Whether files that seem to be copies of one another really are."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from app.domain.duplicates import Comparison, compared
from app.domain.inspection import FileDigest
from app.domain.models import ModelId, ScannedFile
from app.manager.registry import Registry
from app.ports.files import FileInspection
from app.ports.stores import LibraryStore

Marks = frozenset[tuple[str, str]]


class Duplicates:
    """Reads the files from end to end, once as long as they stay as they are."""

    def __init__(self, registry: Registry, store: LibraryStore, files: FileInspection) -> None:
        self._registry = registry
        self._store = store
        self._files = files
        self._known: dict[ModelId, tuple[Marks, Comparison]] = {}

    async def known(self, model_id: ModelId) -> Comparison | None:
        """What was found out about a model's files; None where some weren't read, or changed."""
        if model_id not in self._known:
            return None
        marks, comparison = self._known[model_id]
        files = await self._store.files_of([model_id])
        if not _marks(files) <= marks:
            return None
        # What was said of several files holds for those of them that are left.
        there = {file.path for file in files}
        groups = (tuple(path for path in group if path in there) for group in comparison.groups)
        return Comparison(model_id=model_id, groups=tuple(filter(None, groups)))

    async def compare(self, model_id: ModelId) -> AsyncGenerator[float | Comparison, None]:
        """The share of its files that is read so far, 0 to 1, and at last the comparison.

        Two names of one file are read once. Closing the generator ends the reading.

        Raises:
            ModelError: the model is unknown, or a file is gone.
        """
        spec = self._registry.get(model_id)
        files = await self._store.files_of([model_id])
        places = {file.place: file.path for file in reversed(files)}
        digests: dict[str, object] = dict.fromkeys(places)
        if len(places) > 1:
            for number, (place, path) in enumerate(places.items()):
                found: list[str] = []
                async with aclosing(self._files.sha256(path, spec.shards)) as steps:
                    async for step in steps:
                        if isinstance(step, FileDigest):
                            found.append(step.digest)
                        else:
                            yield (number + step) / len(places)
                digests[place] = tuple(found)
        comparison = compared(model_id, files, digests)
        self._known[model_id] = _marks(files), comparison
        yield comparison


def _marks(files: tuple[ScannedFile, ...]) -> Marks:
    return frozenset((file.path, file.mark) for file in files)
