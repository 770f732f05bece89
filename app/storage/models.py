"""Keeps specs, folders, aliases, metrics and what was loaded."""

import json
import sqlite3
from collections.abc import Sequence

from app.domain.load_settings import LoadSettings
from app.domain.memory_plans import MeasuredUse
from app.domain.models import Alias, Folder, ModelId, ModelSpec
from app.domain.profiles import ModelMetrics
from app.domain.switching import AliasChange
from app.storage.database import Database
from app.storage.rows import Row, fits, readable

FLAT = (
    "id",
    "provider",
    "name",
    "status",
    "reason",
    "path",
    "size_bytes",
    "modified_ns",
    "architecture",
    "parameters",
    "quantisation",
    "context_length",
)
"""The fields of a spec with a column of their own; the rest is one JSON document."""

_SELECT_MODELS = f"SELECT {', '.join(FLAT)}, detail FROM models ORDER BY rowid"  # noqa: S608 - constants
_SAVE_MODEL = (
    f"INSERT INTO models ({', '.join(FLAT)}, detail) VALUES ({', '.join('?' * (len(FLAT) + 1))}) "  # noqa: S608 - constants
    f"ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in (*FLAT[1:], "detail"))
)
KEPT_CHANGES = 50
"""How many changes of one alias are kept."""
_METRICS = (
    "model_id",
    "requests",
    "failures",
    "last_used_at",
    "time_to_first_token",
    "tokens_per_second",
    "load_seconds",
)


class Models:
    """The part of the database that is about models."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def models(self) -> tuple[ModelSpec, ...]:
        """Every spec that is kept, in the order they were first saved."""

        def work(connection: sqlite3.Connection) -> tuple[ModelSpec, ...]:
            return readable(connection.execute(_SELECT_MODELS), _spec, "model")

        return await self._database.read(work)

    async def save_models(self, specs: Sequence[ModelSpec]) -> None:
        """Add or replace specs by id."""
        if specs:
            await self._database.write(
                lambda connection: connection.executemany(_SAVE_MODEL, map(_model_row, specs))
            )

    async def forget_models(self, ids: Sequence[ModelId]) -> None:
        """Remove specs; unknown ids are ignored. Their metrics stay, for the files may return."""
        if ids:
            await self._database.write(
                lambda connection: connection.executemany(
                    "DELETE FROM models WHERE id = ?", [(model_id,) for model_id in ids]
                )
            )

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
        """Every model's averages."""

        def work(connection: sqlite3.Connection) -> tuple[ModelMetrics, ...]:
            rows = connection.execute(f"SELECT {', '.join(_METRICS)} FROM metrics")  # noqa: S608 - constants
            return readable(rows, _metrics, "metrics of")

        return await self._database.read(work)

    async def save_metrics(self, metrics: ModelMetrics) -> None:
        """Replace one model's averages."""
        row = tuple(getattr(metrics, name) for name in _METRICS)
        await self._database.write(
            lambda connection: connection.execute(
                f"INSERT OR REPLACE INTO metrics ({', '.join(_METRICS)}) "  # noqa: S608 - constants
                f"VALUES ({', '.join('?' * len(_METRICS))})",
                row,
            )
        )

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


def _spec(row: Row) -> ModelSpec:
    *flat, detail = row
    return ModelSpec.model_validate({**dict(zip(FLAT, flat, strict=True)), **json.loads(detail)})


def _model_row(spec: ModelSpec) -> Row:
    return (
        spec.id,
        spec.provider,
        spec.name,
        spec.status,
        spec.reason,
        spec.path,
        fits(spec.size_bytes),
        fits(spec.modified_ns),
        spec.architecture,
        fits(spec.parameters),
        spec.quantisation,
        fits(spec.context_length),
        spec.model_dump_json(exclude=set(FLAT), exclude_defaults=True),
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


def _metrics(row: Row) -> ModelMetrics:
    return ModelMetrics.model_validate(dict(zip(_METRICS, row, strict=True)))
