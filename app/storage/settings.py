"""Keeps settings, one JSON text a key."""

import sqlite3

from app.storage.database import Database


class StoredSettings:
    """The part of the database that is about settings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settings(self) -> dict[str, str]:
        """Every stored key with its JSON text."""

        def work(connection: sqlite3.Connection) -> dict[str, str]:
            return dict(connection.execute("SELECT key, value FROM settings ORDER BY key"))

        return await self._database.read(work)

    async def save_setting(self, key: str, value: str) -> None:
        """Store one key's JSON text."""
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT INTO settings (key, value) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, value),
            )
        )

    async def forget_setting(self, key: str) -> None:
        """Return a key to its default."""
        await self._database.write(
            lambda connection: connection.execute("DELETE FROM settings WHERE key = ?", (key,))
        )
