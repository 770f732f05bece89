"""What a person notes of the shown model, and how it is kept."""

from enum import StrEnum

from PySide6.QtCore import QObject, Signal

from app.domain.events import AliasAssigned, AnnotationChanged
from app.domain.models import ACTIVE, ModelId
from app.manager.manager import Manager
from app.ui.bridge import Bridge
from app.ui.intents import Intents


class Note(StrEnum):
    """What can be noted."""

    TAGS = "tags"
    ALIASES = "aliases"
    NOTE = "note"


class Notes(QObject):
    """The notes of one model as lines of text."""

    changed = Signal()
    """Another text stands for something, or another model is shown."""

    def __init__(
        self, manager: Manager, bridge: Bridge, intents: Intents, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        self.model: ModelId | None = None
        bridge.on(AnnotationChanged, self._annotated)
        bridge.on(AliasAssigned, self._assigned)

    def show(self, model_id: ModelId | None) -> None:
        """Turn to a model."""
        if model_id != self.model:
            self.model = model_id
            self.changed.emit()

    def text(self, note: Note) -> str:
        """What is kept; empty where nothing is."""
        if self.model is None:
            return ""
        noted = self._manager.annotations.get(self.model)
        match note:
            case Note.TAGS:
                return ", ".join(noted.tags)
            case Note.ALIASES:
                return ", ".join(self._aliases(self.model))
        return noted.note

    def save(self, note: Note, text: str) -> None:
        """Keep another text."""
        if self.model is not None:
            self._intents.run(f"keep {note} of {self.model}", self._save(self.model, note, text))

    async def _save(self, model_id: ModelId, note: Note, text: str) -> None:
        match note:
            case Note.TAGS:
                await self._manager.annotations.set_tags(model_id, _parts(text))
            case Note.NOTE:
                await self._manager.annotations.set_note(model_id, text.strip())
            case Note.ALIASES:
                await self._name(model_id, _parts(text))
        # What was typed may differ from what it comes to.
        self.changed.emit()

    async def _name(self, model_id: ModelId, wanted: list[str]) -> None:
        models, aliases = self._manager.models, self._aliases(model_id)
        for name in aliases:
            if name not in wanted:
                await models.remove_alias(name)
        for name in wanted:
            if name not in aliases:
                await models.assign_alias(name, model_id)

    def _aliases(self, model_id: ModelId) -> list[str]:
        return [
            alias.name
            for alias in self._manager.models.aliases()
            if alias.model_id == model_id and alias.name != ACTIVE
        ]

    def _annotated(self, events: list[AnnotationChanged]) -> None:
        if any(event.model_id == self.model for event in events):
            self.changed.emit()

    def _assigned(self, events: list[AliasAssigned]) -> None:
        if any(self.model in {event.model_id, event.previous} for event in events):
            self.changed.emit()


def _parts(text: str) -> list[str]:
    return [part for part in map(str.strip, text.split(",")) if part]
