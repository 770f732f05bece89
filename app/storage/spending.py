"""Keeps what answers took, a row for each model and day."""

import sqlite3

from app.domain.spending import SpendingEntry
from app.storage.database import Database
from app.storage.rows import Row, fits, readable

_COLUMNS = tuple(SpendingEntry.model_fields)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM spending ORDER BY day DESC, model_id"  # noqa: S608 - constants
_SAVE = (
    f"INSERT OR REPLACE INTO spending ({', '.join(_COLUMNS)}) "  # noqa: S608 - constants
    f"VALUES ({', '.join('?' * len(_COLUMNS))})"
)


class Spending:
    """The part of the database that is about spending."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self) -> tuple[SpendingEntry, ...]:
        """All of them, the latest day first."""

        def work(connection: sqlite3.Connection) -> tuple[SpendingEntry, ...]:
            return readable(connection.execute(_SELECT), _entry, "spending of")

        return await self._database.read(work)

    async def save_entry(self, entry: SpendingEntry) -> None:
        """Add or replace the entry of a model and day."""
        row = tuple(
            fits(value) if isinstance(value, int) else value
            for value in entry.model_dump().values()
        )
        await self._database.write(lambda connection: connection.execute(_SAVE, row))


def _entry(row: Row) -> SpendingEntry:
    return SpendingEntry.model_validate(dict(zip(_COLUMNS, row, strict=True)))
