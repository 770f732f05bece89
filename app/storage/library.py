"""Keeps what scans have read, what is noted of models, and saved searches."""

import json
import sqlite3
from collections.abc import Sequence

from app.domain.annotations import Annotation
from app.domain.models import ModelId, ScannedFile
from app.storage.database import Database
from app.storage.rows import Row, fits, readable, sound_rows


class StoredLibrary:
    """The part of the database that is about the library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def scanned(self, below: str) -> tuple[ScannedFile, ...]:
        """The files below a folder that scans have read, in no order."""

        def work(connection: sqlite3.Connection) -> tuple[ScannedFile, ...]:
            query = (
                "SELECT path, mark, place, model_id, size FROM scanned_files "
                "WHERE path > ? AND path < ?"
            )
            return tuple(map(ScannedFile._make, sound_rows(connection, query, _range(below))))

        return await self._database.read(work)

    async def files_of(self, models: Sequence[ModelId]) -> tuple[ScannedFile, ...]:
        """The files that hold some models."""

        def work(connection: sqlite3.Connection) -> tuple[ScannedFile, ...]:
            rows = connection.execute(
                "SELECT path, mark, place, model_id, size FROM scanned_files "
                "WHERE model_id IN (SELECT value FROM json_each(?)) ORDER BY path",
                (json.dumps(models),),
            )
            return tuple(map(ScannedFile._make, rows))

        return await self._database.read(work)

    async def shared(self) -> tuple[ScannedFile, ...]:
        """The files of every model that has several, by model and path."""

        def work(connection: sqlite3.Connection) -> tuple[ScannedFile, ...]:
            rows = connection.execute(
                "SELECT path, mark, place, model_id, size FROM scanned_files WHERE model_id IN "
                "(SELECT model_id FROM scanned_files WHERE model_id IS NOT NULL "
                "GROUP BY model_id HAVING count(*) > 1) ORDER BY model_id, path"
            )
            return tuple(map(ScannedFile._make, rows))

        return await self._database.read(work)

    async def save_scanned(self, files: Sequence[ScannedFile]) -> None:
        """Add or replace files by path."""
        if not files:
            return
        rows = [(*file[:4], fits(file.size)) for file in files]
        await self._database.write(
            lambda connection: connection.executemany(
                "INSERT OR REPLACE INTO scanned_files (path, mark, place, model_id, size) "
                "VALUES (?, ?, ?, ?, ?)",
                rows,
            )
        )

    async def forget_scanned(self, paths: Sequence[str]) -> None:
        """Remove files by path; unknown ones are ignored."""
        if paths:
            rows = [(path,) for path in paths]
            await self._database.write(
                lambda connection: connection.executemany(
                    "DELETE FROM scanned_files WHERE path = ?", rows
                )
            )

    async def annotations(self) -> tuple[Annotation, ...]:
        """What is noted of every model."""

        def work(connection: sqlite3.Connection) -> tuple[Annotation, ...]:
            rows = connection.execute("SELECT model_id, detail FROM annotations")
            return readable(rows, _annotation, "annotation of")

        return await self._database.read(work)

    async def save_annotations(self, annotations: Sequence[Annotation]) -> None:
        """Replace what is noted of some models; empty annotations are removed."""
        kept = [
            (item.model_id, item.model_dump_json(exclude={"model_id"}, exclude_defaults=True))
            for item in annotations
            if not item.empty
        ]
        removed = [(item.model_id,) for item in annotations if item.empty]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR REPLACE INTO annotations (model_id, detail) VALUES (?, ?)", kept
            )
            connection.executemany("DELETE FROM annotations WHERE model_id = ?", removed)

        await self._database.write(work)

    async def searches(self) -> dict[str, str]:
        """Every saved search's query by its name, in the order of their saving."""

        def work(connection: sqlite3.Connection) -> dict[str, str]:
            rows = connection.execute("SELECT name, query FROM saved_searches ORDER BY position")
            return dict(rows)

        return await self._database.read(work)

    async def save_search(self, name: str, query: str) -> None:
        """Add a search or replace its query."""
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT INTO saved_searches (name, query) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET query = excluded.query",
                (name, query),
            )
        )

    async def forget_search(self, name: str) -> None:
        """Remove a search; an unknown one is ignored."""
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM saved_searches WHERE name = ?", (name,)
            )
        )


def _range(folder: str) -> tuple[str, str]:
    """What is smaller and what is larger than every path below a folder."""
    separator = "\\" if "\\" in folder and "/" not in folder else "/"
    start = folder if folder.endswith(separator) else folder + separator
    return start, start[:-1] + chr(ord(separator) + 1)


def _annotation(row: Row) -> Annotation:
    model_id, detail = row
    return Annotation.model_validate({**json.loads(detail), "model_id": model_id})
