"""The owner of what a person notes of models: favourites, tags, notes, and their word on abilities."""

import asyncio
from collections.abc import Iterable
from typing import Any

from app.domain.annotations import NOTE_LENGTH, Annotation, ProbeResult, tidy_tags, with_facts
from app.domain.errors import SettingError
from app.domain.events import AnnotationChanged
from app.domain.models import Capability, CapabilityFact, ModelId
from app.manager.events import EventBus
from app.manager.registry import Registry
from app.ports.stores import LibraryStore


class Annotations:
    """Keeps each change first and shows it after."""

    def __init__(self, store: LibraryStore, registry: Registry, events: EventBus) -> None:
        self._store = store
        self._registry = registry
        self._events = events
        self._kept: dict[ModelId, Annotation] = {}
        self._one_at_a_time = asyncio.Lock()

    async def start(self) -> None:
        """Read what is kept."""
        self._kept = {item.model_id: item for item in await self._store.annotations()}

    def get(self, model_id: ModelId) -> Annotation:
        """What is noted of a model; an empty annotation where nothing is."""
        return self._kept.get(model_id) or Annotation(model_id=model_id)

    def all(self) -> tuple[Annotation, ...]:
        """Every model's that anything is noted of."""
        return tuple(self._kept.values())

    def favourites(self) -> frozenset[ModelId]:
        """The models that are marked."""
        return frozenset(item.model_id for item in self._kept.values() if item.favourite)

    def tagged(self, tag: str) -> frozenset[ModelId]:
        """The models that have a tag."""
        return frozenset(item.model_id for item in self._kept.values() if tag in item.tags)

    def tags(self) -> tuple[str, ...]:
        """Every tag in use, by name."""
        return tuple(sorted({tag for item in self._kept.values() for tag in item.tags}))

    def with_facts(
        self, model_id: ModelId, facts: Iterable[CapabilityFact]
    ) -> tuple[CapabilityFact, ...]:
        """A file's facts and those that were noted."""
        return with_facts(facts, self._kept.get(model_id))

    async def set_favourite(self, model_id: ModelId, *, favourite: bool) -> None:
        """Mark a model, or no longer."""
        await self._change(model_id, favourite=favourite)

    async def set_tags(self, model_id: ModelId, tags: Iterable[str]) -> None:
        """Replace a model's tags; they are kept in small letters, without spaces."""
        await self._change(model_id, tags=tidy_tags(tags))

    async def set_note(self, model_id: ModelId, note: str) -> None:
        """Replace a model's note.

        Raises:
            SettingError: it is too long.
        """
        if len(note) > NOTE_LENGTH:
            raise SettingError(
                f"A note has at most {NOTE_LENGTH:,} characters.",
                "Shorten it, or keep it in a file.",
            )
        await self._change(model_id, note=note)

    async def override(self, model_id: ModelId, capability: Capability, value: bool | None) -> None:
        """Say what a model can or can't do, whatever the evidence; None leaves it to that again."""
        async with self._one_at_a_time:
            overrides = dict(self.get(model_id).overrides)
            overrides.pop(capability, None)
            if value is not None:
                overrides[capability] = value
            await self._keep(model_id, overrides=overrides)

    async def record(self, model_id: ModelId, results: Iterable[ProbeResult]) -> None:
        """Keep what was found by trying, in place of earlier results."""
        async with self._one_at_a_time:
            latest = {probe.capability: probe for probe in self.get(model_id).probes}
            latest |= {probe.capability: probe for probe in results}
            await self._keep(model_id, probes=tuple(latest.values()))

    async def set_parent(self, model_id: ModelId, parent: ModelId) -> None:
        """Note what a model was quantised from."""
        await self._change(model_id, parent=parent)

    async def take(self, annotations: Iterable[Annotation]) -> None:
        """Replace what is noted of some models, as an import does."""
        async with self._one_at_a_time:
            taken = [*annotations]
            await self._store.save_annotations(taken)
            for annotation in taken:
                self._show(annotation)
                await self._apply(annotation)

    async def _change(self, model_id: ModelId, **changes: Any) -> None:
        async with self._one_at_a_time:
            await self._keep(model_id, **changes)

    async def _keep(self, model_id: ModelId, **changes: Any) -> None:
        before = self.get(model_id)
        changed = before.model_copy(update=changes)
        if changed == before:
            return
        await self._store.save_annotations([changed])
        self._show(changed)
        if changed.facts() != before.facts():
            await self._apply(changed)

    def _show(self, annotation: Annotation) -> None:
        if annotation.empty:
            self._kept.pop(annotation.model_id, None)
        else:
            self._kept[annotation.model_id] = annotation
        self._events.publish(AnnotationChanged(model_id=annotation.model_id))

    async def _apply(self, annotation: Annotation) -> None:
        spec = self._registry.find(annotation.model_id)
        if spec is not None:
            facts = with_facts(spec.capabilities, annotation)
            await self._registry.keep([spec.model_copy(update={"capabilities": facts})])
