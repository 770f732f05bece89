"""The registry: every model that is known, as an in-memory index over its store."""

import asyncio
from collections.abc import Iterable, Sequence

from app.domain import models as rules
from app.domain.errors import UnknownModel
from app.domain.events import ModelsChanged
from app.domain.models import ModelId, ModelSpec
from app.manager.events import EventBus
from app.ports import ModelStore
from app.tasks import TaskScope


class Registry:
    """Owns the specs. Each change is kept first and shown after."""

    def __init__(self, store: ModelStore, events: EventBus) -> None:
        self._store = store
        self._events = events
        self._tasks = TaskScope("registry")
        self._specs: dict[ModelId, ModelSpec] = {}
        self._sorted: tuple[ModelSpec, ...] | None = None

    async def start(self) -> None:
        """Read what is kept."""
        self._specs = {spec.id: spec for spec in await self._store.models()}
        self._sorted = None

    def find(self, model_id: ModelId) -> ModelSpec | None:
        """The spec, or None."""
        return self._specs.get(model_id)

    def get(self, model_id: ModelId) -> ModelSpec:
        """The spec.

        Raises:
            UnknownModel: the id names nothing.
        """
        spec = self._specs.get(model_id)
        if spec is None:
            raise UnknownModel(
                "This model is no longer in the library.",
                "Choose another one, or add its folder again.",
                f"id {model_id}",
            )
        return spec

    def all(self) -> tuple[ModelSpec, ...]:
        """Every spec, by name."""
        if self._sorted is None:
            self._sorted = tuple(
                sorted(self._specs.values(), key=lambda spec: (spec.name.casefold(), spec.id))
            )
        return self._sorted

    def search(self, words: str) -> tuple[ModelSpec, ...]:
        """The specs that contain every word, by name."""
        return tuple(rules.search(self.all(), words)) if words.strip() else self.all()

    async def keep(self, specs: Iterable[ModelSpec]) -> None:
        """Add or replace specs; those that say nothing new cost nothing."""
        changed = [spec for spec in specs if self._specs.get(spec.id) != spec]
        if not changed:
            return
        # Whoever cancels the caller doesn't undo the writing, so memory must follow it.
        await asyncio.shield(self._tasks.start("keep models", self._keep(changed)))

    async def forget(self, ids: Sequence[ModelId]) -> None:
        """Remove specs; unknown ids are ignored."""
        await self.settled()
        known = [model_id for model_id in ids if model_id in self._specs]
        if not known:
            return
        await self._store.forget_models(known)
        for model_id in known:
            self._specs.pop(model_id, None)
        self._announce(known)

    async def settled(self) -> None:
        """Wait until memory holds all that is being written, also for callers long cancelled."""
        await self._tasks.join()

    async def _keep(self, changed: list[ModelSpec]) -> None:
        await self._store.save_models(changed)
        self._specs.update((spec.id, spec) for spec in changed)
        self._announce([spec.id for spec in changed])

    def _announce(self, ids: Sequence[ModelId]) -> None:
        self._sorted = None
        self._events.publish(ModelsChanged(ids=tuple(ids)))
