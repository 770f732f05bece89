"""The owner of quantisations under way: one at a time, each with progress and a way to end it."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import PurePath

from app.domain.conversions import QUANTISATIONS, expected_size, file_name
from app.domain.error_reports import report_of
from app.domain.errors import AppError, FolderError, InvalidFile
from app.domain.events import ConversionEnded, ConversionProgressed
from app.domain.models import ModelId, ModelSpec
from app.manager.annotations import Annotations
from app.manager.events import EventBus
from app.manager.library import Library
from app.ports.engines import Quantiser
from app.ports.files import ModelFiles
from app.tasks import TaskScope

log = logging.getLogger(__name__)


class Conversions:
    """Quantises models into the user's own folders."""

    def __init__(
        self,
        library: Library,
        annotations: Annotations,
        files: ModelFiles,
        quantiser: Quantiser,
        events: EventBus,
        loadable: Callable[[ModelId], ModelSpec],
    ) -> None:
        self._library = library
        self._annotations = annotations
        self._files = files
        self._quantiser = quantiser
        self._events = events
        self._loadable = loadable
        self._running: dict[ModelId, asyncio.Task[ModelId]] = {}
        self._progress: dict[ModelId, ConversionProgressed] = {}
        self._one_at_a_time = asyncio.Lock()
        self._tasks = TaskScope("conversions")

    async def aclose(self) -> None:
        """End what is under way; nothing of it stays behind."""
        await self._tasks.aclose()

    def running(self) -> tuple[ConversionProgressed, ...]:
        """How far each conversion has come."""
        return tuple(self._progress.values())

    def folder_for(self, model_id: ModelId) -> str | None:
        """Where a new file would go: beside its parent, or into the user's first folder."""
        spec = self._loadable(model_id)
        if self._library.owned(spec.path):
            return str(PurePath(spec.path).parent)
        present = (folder.path for folder in self._library.folders() if folder.present)
        return next(present, None)

    async def free_space(self, model_id: ModelId) -> int:
        """Bytes that can be written where a new file would go; 0 when there is no such place.

        Raises:
            ModelError: the model can't be read.
            FolderError: the folder is gone or can't be written to.
        """
        folder = self.folder_for(model_id)
        return await self._files.free_space(folder) if folder is not None else 0

    async def quantise(self, model_id: ModelId, quantisation: str) -> ModelId:
        """Quantise a model, list the result, and give back its id.

        Raises:
            ModelError: it can't be read or converted, or is being converted already.
            FolderError: there is no folder to write to, or too little space in it.
            asyncio.CancelledError: it was cancelled.
        """
        spec = self._loadable(model_id)
        if model_id in self._running:
            raise InvalidFile(f"{spec.name} is being converted already.", "Wait until it is done.")
        task = self._tasks.start("quantise", self._quantise(spec, quantisation))
        self._running[model_id] = task
        self._tell(spec.id, quantisation, 0.0)
        made: ModelId | None = None
        error: AppError | None = None
        try:
            made = await task
        except AppError as failure:
            error = failure
            raise
        finally:
            task.cancel()
            del self._running[model_id]
            self._progress.pop(model_id, None)
            report = report_of(error) if error is not None else None
            self._events.publish(
                ConversionEnded(
                    model_id=model_id, quantisation=quantisation, made=made, error=report
                )
            )
        return made

    async def cancel(self, model_id: ModelId) -> None:
        """End a model's conversion; harmless where there is none."""
        task = self._running.get(model_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _quantise(self, spec: ModelSpec, quantisation: str) -> ModelId:
        kind = QUANTISATIONS[quantisation]
        folder = self.folder_for(spec.id)
        if folder is None:
            raise FolderError(
                "There is no folder of yours to write the new file to.",
                "Add a folder to the library first.",
            )
        async with self._one_at_a_time:
            free, needed = await self._files.free_space(folder), expected_size(spec, kind)
            if needed > free:
                raise FolderError(
                    f"The new file takes about {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are "
                    f"free in {folder}.",
                    "Make room, or choose a smaller type.",
                )
            destination = os.path.join(folder, file_name(_stem(spec), kind))  # noqa: PTH118 - pure text
            if destination in await self._files.present([destination]):
                raise FolderError(f"{destination} is there already.", "Choose another type.")

            def tell(fraction: float) -> None:
                self._tell(spec.id, quantisation, fraction)

            await self._quantiser.quantise(spec.path, destination, quantisation, tell)
            made, _ = await self._library.add_file(destination)
            await self._annotations.set_parent(made, spec.id)
            return made

    def _tell(self, model_id: ModelId, quantisation: str, fraction: float) -> None:
        event = ConversionProgressed(
            model_id=model_id, quantisation=quantisation, progress=fraction
        )
        self._progress[model_id] = event
        self._events.publish(event)


def _stem(spec: ModelSpec) -> str:
    """What the new file is called after: the old one, unless its store calls that by its digest."""
    stem = PurePath(spec.path).stem
    return spec.name if stem.startswith("sha256-") else stem.partition("-00001-of-")[0]
