"""Keeps specs, folders, aliases, metrics and what was loaded."""

import asyncio
import json
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial

from app.domain.load_settings import LoadSettings
from app.domain.memory_plans import MeasuredUse
from app.domain.model_columns import ModelColumns
from app.domain.models import Alias, Folder, ModelId, ModelSpec
from app.domain.profiles import ModelMetrics
from app.domain.switching import AliasChange
from app.storage import metrics, model_texts, specs
from app.storage.database import Database
from app.storage.model_texts import ModelTexts
from app.storage.rows import Row, fits, readable

KEPT_CHANGES = 50
"""How many changes of one alias are kept."""


class Models:
    """The part of the database that is about models."""

    def __init__(self, database: Database, ahead: Future[ModelTexts]) -> None:
        """Keep models.

        Args:
            database: where.
            ahead: what it held when it was opened.
        """
        self._database = database
        self._ahead: Future[ModelTexts] | None = ahead

    async def models(self) -> ModelColumns:
        """Every spec that is kept, in the order of their ids."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            texts = await asyncio.wrap_future(ahead)
        else:
            texts = await self._database.read(model_texts.read)
        return await self._database.read(lambda _: specs.columns_of(texts))

    async def save_models(self, models: Sequence[ModelSpec]) -> None:
        """Add or replace specs by id."""
        self._ahead = None
        if models:
            await self._database.write(partial(specs.save, models=models))

    async def forget_models(self, ids: Sequence[ModelId]) -> None:
        """Remove specs; unknown ids are ignored. Their metrics stay, for the files may return."""
        self._ahead = None
        if ids:
            await self._database.write(partial(specs.forget, ids=ids))

    async def folders(self) -> tuple[Folder, ...]:
        """The user's folders in the order they were added."""

        def work(connection: sqlite3.Connection) -> tuple[Folder, ...]:
            rows = connection.execute("SELECT path, present FROM folders ORDER BY position")
            return readable(rows, lambda row: Folder(path=row[0], present=row[1]), "folder")

        return await self._database.read(work)

    async def save_folder(self, folder: Folder) -> None:
        """Add a folder; one that is kept already stays where it is."""
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT INTO folders (path, present) VALUES (?, ?) "
                "ON CONFLICT (path) DO UPDATE SET present = excluded.present",
                (folder.path, folder.present),
            )
        )

    async def forget_folder(self, path: str) -> None:
        """Remove a folder."""
        await self._database.write(
            lambda connection: connection.execute("DELETE FROM folders WHERE path = ?", (path,))
        )

    async def aliases(self) -> tuple[Alias, ...]:
        """Every alias, by name."""

        def work(connection: sqlite3.Connection) -> tuple[Alias, ...]:
            rows = connection.execute("SELECT name, model_id FROM aliases ORDER BY name")
            return readable(rows, lambda row: Alias(name=row[0], model_id=row[1]), "alias")

        return await self._database.read(work)

    async def change_alias(self, change: AliasChange) -> None:
        """Point an alias elsewhere or remove it, and add that to its history, in one step."""

        def work(connection: sqlite3.Connection) -> None:
            if change.model_id is None:
                connection.execute("DELETE FROM aliases WHERE name = ?", (change.name,))
            else:
                connection.execute(
                    "INSERT INTO aliases (name, model_id) VALUES (?, ?) "
                    "ON CONFLICT (name) DO UPDATE SET model_id = excluded.model_id",
                    (change.name, change.model_id),
                )
            connection.execute(
                "INSERT INTO alias_history (name, detail) VALUES (?, ?)",
                (change.name, change.model_dump_json(exclude={"name"})),
            )
            connection.execute(
                "DELETE FROM alias_history WHERE name = ? AND number <= "
                "(SELECT number FROM alias_history WHERE name = ? "
                "ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (change.name, change.name, KEPT_CHANGES),
            )

        await self._database.write(work)

    async def alias_history(self) -> tuple[AliasChange, ...]:
        """The kept changes of every alias, the newest first."""

        def work(connection: sqlite3.Connection) -> tuple[AliasChange, ...]:
            rows = connection.execute("SELECT name, detail FROM alias_history ORDER BY number DESC")
            return readable(rows, _alias_change, "change of alias")

        return await self._database.read(work)

    async def metrics(self) -> tuple[ModelMetrics, ...]:
        """What is known of every model's use."""
        return await self._database.read(metrics.read)

    async def save_metrics(self, item: ModelMetrics) -> None:
        """Replace what is known of one model's use."""
        await self._database.write(partial(metrics.save, item=item))

    async def counters(self) -> dict[str, int]:
        """Every counter."""
        return await self._database.read(metrics.counters)

    async def save_counters(self, counters: Mapping[str, int]) -> None:
        """Replace some counters."""
        await self._database.write(partial(metrics.save_counters, counters=counters))

    async def load_settings(self) -> dict[ModelId, LoadSettings]:
        """The models that the user loads in a way of their own."""

        def work(connection: sqlite3.Connection) -> dict[ModelId, LoadSettings]:
            rows = connection.execute("SELECT model_id, detail FROM load_settings")
            return dict(readable(rows, _load_settings, "load settings of"))

        return await self._database.read(work)

    async def save_load_settings(self, model_id: ModelId, settings: LoadSettings) -> None:
        """Replace one model's settings."""
        row = (model_id, settings.model_dump_json(exclude_defaults=True))
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO load_settings (model_id, detail) VALUES (?, ?)", row
            )
        )

    async def measured_uses(self) -> dict[ModelId, tuple[MeasuredUse, ...]]:
        """How much memory models were seen to take."""

        def work(connection: sqlite3.Connection) -> dict[ModelId, tuple[MeasuredUse, ...]]:
            rows = connection.execute(
                "SELECT model_id, footprint, size FROM measured_uses ORDER BY rowid"
            )
            uses: dict[ModelId, tuple[MeasuredUse, ...]] = {}
            for model_id, use in readable(rows, _measured_use, "measured memory of"):
                uses[model_id] = (*uses.get(model_id, ()), use)
            return uses

        return await self._database.read(work)

    async def save_measured_use(self, model_id: ModelId, use: MeasuredUse) -> None:
        """Replace what one model was seen to take when loaded in one way."""
        row = (model_id, use.footprint.model_dump_json(exclude_defaults=True), fits(use.size))
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO measured_uses (model_id, footprint, size) VALUES (?, ?, ?)",
                row,
            )
        )

    async def session(self) -> tuple[ModelId, ...]:
        """The models that were loaded when this was last saved, oldest first."""

        def work(connection: sqlite3.Connection) -> tuple[ModelId, ...]:
            rows = connection.execute("SELECT model_id FROM session ORDER BY position")
            return tuple(ModelId(row[0]) for row in rows)

        return await self._database.read(work)

    async def save_session(self, loaded: Sequence[ModelId]) -> None:
        """Replace the list of loaded models."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM session")
            connection.executemany(
                "INSERT INTO session (position, model_id) VALUES (?, ?)", list(enumerate(loaded))
            )

        await self._database.write(work)

    async def pins(self) -> frozenset[ModelId]:
        """The models that are kept loaded."""

        def work(connection: sqlite3.Connection) -> frozenset[ModelId]:
            rows = connection.execute("SELECT model_id FROM pins")
            return frozenset(ModelId(row[0]) for row in rows)

        return await self._database.read(work)

    async def save_pin(self, model_id: ModelId) -> None:
        """Keep a model loaded; one that is kept already stays so."""
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT OR IGNORE INTO pins (model_id) VALUES (?)", (model_id,)
            )
        )

    async def forget_pin(self, model_id: ModelId) -> None:
        """Keep it no longer; an unknown id is ignored."""
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM pins WHERE model_id = ?", (model_id,)
            )
        )


def _alias_change(row: Row) -> AliasChange:
    name, detail = row
    return AliasChange.model_validate({**json.loads(detail), "name": name})


def _load_settings(row: Row) -> tuple[ModelId, LoadSettings]:
    model_id, detail = row
    return ModelId(model_id), LoadSettings.model_validate_json(detail)


def _measured_use(row: Row) -> tuple[ModelId, MeasuredUse]:
    model_id, footprint, size = row
    settings = LoadSettings.model_validate_json(footprint)
    return ModelId(model_id), MeasuredUse(footprint=settings, size=size)
