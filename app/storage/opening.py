"""Opens the app's state, whatever condition it is in, and before pydantic is imported."""

import logging
import sqlite3
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from app.domain.errors import StorageError
from app.storage import model_texts, schema
from app.storage.backups import back_up, backups_of, is_due
from app.storage.connection import connect, prepare
from app.storage.database import Database
from app.storage.recovery import DamagedDatabase, check, check_present, recover
from app.storage.unkept import open_copy

log = logging.getLogger(__name__)


class Opening:
    """A state that is being opened on a thread of its own, while the program imports the rest."""

    def __init__(self, path: Path, *, kept: bool = True) -> None:
        """Begin to open, check and read the database at `path`, or to make it.

        Args:
            path: the database file.
            kept: whether anything is to be written; otherwise what is there is copied into memory.
        """
        self.path = path
        self.kept = kept
        self.database = Database()
        if kept:
            opener = partial(open_file, path, schema.MIGRATIONS, time.time())
        else:
            opener = partial(open_copy, path, schema.MIGRATIONS)
        self.recovered = self.database.begin(opener)
        self.models = self.database.read_ahead(model_texts.read)


def open_file(
    path: Path, steps: Sequence[schema.Step], now: float
) -> tuple[sqlite3.Connection, StorageError | None]:
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
        said = recover(path, len(steps), str(damage), now)
        return _open_sound(path, steps, now), said


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
