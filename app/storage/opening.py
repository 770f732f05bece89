"""Opens the app's state, whatever condition it is in."""

import logging
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.domain.errors import ErrorReport
from app.storage import schema
from app.storage.accounts import Accounts
from app.storage.backups import back_up, backups_of, is_due
from app.storage.connection import connect, prepare
from app.storage.conversations import Conversations
from app.storage.database import Database
from app.storage.library import StoredLibrary
from app.storage.models import Models
from app.storage.profiles import Profiles
from app.storage.recovery import DamagedDatabase, check, check_present, recover
from app.storage.settings import StoredSettings
from app.storage.spending import Spending
from app.storage.unkept import PERSISTENCE, open_copy

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Storage:
    """Everything that is kept, open."""

    models: Models
    library: StoredLibrary
    conversations: Conversations
    profiles: Profiles
    settings: StoredSettings
    accounts: Accounts
    spending: Spending
    recovered: ErrorReport | None
    """What to tell the user when a backup had to take the place of damaged data."""
    database: Database = field(repr=False)

    async def aclose(self) -> None:
        """Finish every change under way and close the file. Safe to call twice."""
        await self.database.aclose()


class UnkeptSettings(StoredSettings):
    """Settings of which only the one is written that says whether anything is."""

    def __init__(self, database: Database, path: Path) -> None:
        super().__init__(database)
        self._path = path

    async def save_setting(self, key: str, value: str) -> None:
        """Store one key's JSON text."""
        if key == PERSISTENCE:
            storage = await open_storage(self._path)
            try:
                await storage.settings.save_setting(key, value)
            finally:
                await storage.aclose()
        await super().save_setting(key, value)


async def open_storage(path: Path, *, kept: bool = True) -> Storage:
    """Open the database at `path`, or make it.

    A damaged file is set aside and its newest backup restored; `recovered` then says so.

    Args:
        path: the database file.
        kept: whether anything is to be written; otherwise what is there is copied into memory.

    Raises:
        StorageError: the file can't be opened, or isn't for this version to use.
    """
    database = Database()
    if kept:
        opener = partial(open_file, path, schema.MIGRATIONS, time.time())
    else:
        opener = partial(open_copy, path, schema.MIGRATIONS)
    recovered = await database.open(opener)
    return Storage(
        models=Models(database),
        library=StoredLibrary(database),
        conversations=Conversations(database),
        profiles=Profiles(database),
        settings=StoredSettings(database) if kept else UnkeptSettings(database, path),
        accounts=Accounts(database),
        spending=Spending(database),
        recovered=recovered,
        database=database,
    )


def open_file(
    path: Path, steps: Sequence[schema.Step], now: float
) -> tuple[sqlite3.Connection, ErrorReport | None]:
    """Open, check, back up and migrate one database file; recover it where need be.

    Args:
        path: the database file.
        steps: the migrations this program knows.
        now: seconds since the epoch.

    Raises:
        StorageError, OSError, sqlite3.Error: it can't be opened.
    """
    try:
        check_present(path)
        return _open_sound(path, steps, now), None
    except DamagedDatabase as damage:
        report = recover(path, len(steps), str(damage), now)
        return _open_sound(path, steps, now), report


def _open_sound(path: Path, steps: Sequence[schema.Step], now: float) -> sqlite3.Connection:
    connection = connect(path)
    try:
        check(connection, path, steps)
        prepare(connection)
        _keep_backups(connection, path, len(steps), now)
        schema.migrate(connection, steps)
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_backups(connection: sqlite3.Connection, path: Path, steps: int, now: float) -> None:
    version = schema.version_of(connection)
    if version == 0:
        return
    if version < steps:
        back_up(connection, path, now)
    elif is_due(backups_of(path), now):
        try:
            back_up(connection, path, now)
        except (sqlite3.Error, OSError) as error:
            # A full disk is no reason not to start.
            log.warning("Today's backup couldn't be made: %s", error)
