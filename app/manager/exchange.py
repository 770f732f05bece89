"""Export and import of the registry and the settings as JSON."""

import json
import time
from typing import Any

from app import __version__
from app.domain.errors import AppError
from app.domain.exchange import Export, ImportSummary, read_export
from app.domain.models import ModelSpec, ModelStatus
from app.domain.settings import Settings
from app.manager.annotations import Annotations
from app.manager.library import Library
from app.manager.models import Models
from app.manager.registry import Registry
from app.manager.searches import Searches
from app.manager.settings import SettingsKeeper
from app.ports.stores import ModelStore

OWN = frozenset({"window"})
"""Settings that say nothing elsewhere."""


class Exchange:
    """Writes what is known into one document, and takes one in."""

    def __init__(  # noqa: PLR0913 - one argument a part it joins
        self,
        *,
        registry: Registry,
        library: Library,
        annotations: Annotations,
        searches: Searches,
        models: Models,
        settings: SettingsKeeper,
        store: ModelStore,
    ) -> None:
        self._registry = registry
        self._library = library
        self._annotations = annotations
        self._searches = searches
        self._models = models
        self._settings = settings
        self._store = store

    async def export(self) -> str:
        """The whole document. It has no keys, for they are kept elsewhere."""
        export = Export(
            exported_at=time.time(),
            program=__version__,
            folders=tuple(folder.path for folder in self._library.folders()),
            models=self._registry.all(),
            annotations=self._annotations.all(),
            aliases=self._models.aliases(),
            load_settings=await self._store.load_settings(),
            searches=self._searches.saved(),
            settings=_changed(self._settings.current()),
        )
        return json.dumps(
            export.model_dump(mode="json", exclude_defaults=True)
            | {"format": export.format, "version": export.version},
            ensure_ascii=False,
            indent=1,
        )

    async def take_in(self, text: str) -> ImportSummary:
        """Take in a document: what it names is added or replaced, nothing is removed.

        Models whose files aren't here are listed as missing until their folder is found.

        Raises:
            SettingError: it is no document that this version can read; nothing has changed.
            StorageError: it can't be kept.
        """
        export = read_export(text)
        left_out: list[str] = []
        new = [spec for spec in export.models if spec.id not in self._registry]
        await self._registry.keep([_unseen(spec) for spec in new])
        await self._annotations.take(export.annotations)
        aliases = 0
        for alias in export.aliases:
            try:
                await self._models.assign_alias(alias.name, alias.model_id)
                aliases += 1
            except AppError as error:
                left_out.append(f"The alias {alias.name}: {error.what}")
        for model_id, load in export.load_settings.items():
            await self._store.save_load_settings(model_id, load)
        await self._models.load_settings.start()
        for name, line in export.searches.items():
            await self._searches.save(name, line)
        settings = 0
        for key, value in export.settings.items():
            try:
                await self._settings.set(key, value)
                settings += 1
            except (AppError, KeyError) as error:
                left_out.append(f"The setting {key}: {error}")
        known = {folder.path for folder in self._library.folders()}
        added = [path for path in export.folders if path not in known]
        for path in added:
            await self._library.add_folder(path)
        await self._library.rescan()
        return ImportSummary(
            models=len(new),
            annotations=len(export.annotations),
            aliases=aliases,
            folders=len(added),
            settings=settings,
            left_out=tuple(left_out),
        )


def _changed(settings: Settings) -> dict[str, Any]:
    whole = settings.model_dump(mode="json", exclude_defaults=True)
    return {key: value for key, value in whole.items() if key not in OWN}


def _unseen(spec: ModelSpec) -> ModelSpec:
    """A model that only the document knows: a scan that finds its file makes it available."""
    if spec.provider != "local" or spec.status is not spec.status_when_there:
        return spec
    reason = "It was imported, and its file hasn't been found here yet."
    return spec.model_copy(update={"status": ModelStatus.MISSING, "reason": reason})
