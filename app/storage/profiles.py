"""Keeps profiling runs."""

import sqlite3

from app.domain.profiles import ProfileRun
from app.storage.database import Database
from app.storage.rows import Row, readable


class Profiles:
    """The part of the database that is about profiling runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def runs(self) -> tuple[ProfileRun, ...]:
        """All runs, the newest first."""

        def work(connection: sqlite3.Connection) -> tuple[ProfileRun, ...]:
            rows = connection.execute(
                "SELECT id, detail FROM profile_runs ORDER BY started_at DESC, rowid DESC"
            )
            return readable(rows, _run, "profiling run")

        return await self._database.read(work)

    async def save_run(self, run: ProfileRun) -> None:
        """Keep a run."""
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO profile_runs (id, model_id, started_at, detail) "
                "VALUES (?, ?, ?, ?)",
                (run.id, run.model_id, run.started_at, run.model_dump_json()),
            )
        )

    async def forget_run(self, run: ProfileRun) -> None:
        """Remove a run."""
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM profile_runs WHERE id = ?", (run.id,)
            )
        )


def _run(row: Row) -> ProfileRun:
    return ProfileRun.model_validate_json(row[1])
