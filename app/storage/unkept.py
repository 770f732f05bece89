"""State that is read and not written: what a run does while nothing is to be kept."""

import json
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from app.domain.errors import StorageError
from app.storage import schema
from app.storage.connection import guard, is_damage
from app.storage.recovery import DamagedDatabase, check

log = logging.getLogger(__name__)

PERSISTENCE = "persistence"
"""The setting that says whether anything is kept."""


def is_kept(path: Path, chosen: bool | None) -> bool:
    """Whether a run keeps what it does. Blocks for one read, and writes nothing.

    Args:
        path: the database file, whether or not it is there.
        chosen: what was chosen beside the stored setting; None for nothing.
    """
    if chosen is not None or not path.is_file():
        return chosen is not False
    try:
        with closing(_read_only(path)) as connection:
            query = "SELECT value FROM settings WHERE key = ?"
            row = connection.execute(query, (PERSISTENCE,)).fetchone()
    except sqlite3.Error as error:
        # Whether it is damaged is for opening it to find out.
        log.info("The state can't be asked whether it is kept: %s", error)
        return True
    return row is None or row[0] != json.dumps(False)


def open_copy(
    path: Path, steps: Sequence[schema.Step]
) -> tuple[sqlite3.Connection, StorageError | None]:
    """A copy of the database in memory, of an empty one where there is none or it is damaged.

    Args:
        path: the database file.
        steps: the migrations this program knows.

    Raises:
        StorageError, sqlite3.Error: it can't be read, or belongs to a later version.
    """
    if path.is_file():
        copy = _empty()
        try:
            with closing(_read_only(path)) as connection:
                connection.backup(copy)
            check(copy, path, steps)
            schema.migrate(copy, steps)
        except (DamagedDatabase, sqlite3.DatabaseError) as error:
            copy.close()
            if isinstance(error, sqlite3.Error) and not is_damage(error):
                raise
            log.warning("Starting without the state that is kept: %s", error)
        except BaseException:
            copy.close()
            raise
        else:
            return copy, None
    copy = _empty()
    schema.migrate(copy, steps)
    return copy, None


def _empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    guard(connection)
    return connection


def _read_only(path: Path) -> sqlite3.Connection:
    # Without a journal nobody is writing, and nothing needs to be made beside the file to read it.
    still = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{still}", uri=True)
