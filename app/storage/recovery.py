"""What happens to a damaged database: it is set aside, and the newest backup takes its place."""

import logging
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.domain.errors import StorageError
from app.storage import schema
from app.storage.backups import STAMP, Backup, backups_of, restore
from app.storage.connection import fault, is_damage, snapshot

log = logging.getLogger(__name__)


class DamagedDatabase(Exception):
    """The file can't be trusted any more."""


def check_present(database: Path) -> None:
    """Notice a database that vanished or was emptied.

    Raises:
        DamagedDatabase: there are backups of a database that has no content.
    """
    empty = not database.exists() or database.stat().st_size == 0
    if empty and backups_of(database):
        raise DamagedDatabase("the file is missing or empty")


def check(connection: sqlite3.Connection, database: Path, steps: Sequence[schema.Step]) -> None:
    """Make sure that an open database is sound and for this program to use.

    Args:
        connection: the database, read and not changed here.
        database: where it is.
        steps: the migrations this program knows.

    Raises:
        DamagedDatabase: its content is broken.
        StorageError: it belongs to a later Modelyard or to another program.
    """
    try:
        # Another Modelyard may be making the tables: the mark and the tables belong to one moment.
        with snapshot(connection):
            ours, version = schema.is_ours(connection), schema.version_of(connection)
            # Said before anything is called damaged: a later version may know better.
            if ours and version > len(steps):
                raise StorageError(
                    "Modelyard's data was saved by a later version of Modelyard.",
                    "Install that version again, or choose another place for the data.",
                    f"{database}: version {version}, this program knows {len(steps)}",
                )
            wrong = fault(connection)
            (held,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if wrong is None and ours and not schema.is_whole(connection, steps):
                wrong = f"the tables aren't those of version {version}"
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if isinstance(error, UnicodeDecodeError) or is_damage(error):
            raise DamagedDatabase(str(error)) from error
        raise
    if wrong is not None:
        raise DamagedDatabase(wrong)
    if held and not ours:
        raise StorageError(
            "The file chosen for Modelyard's data belongs to another program.",
            "Choose another place for the data.",
            str(database),
        )


def recover(database: Path, steps: int, reason: str, now: float) -> StorageError:
    """Set a damaged database aside, restore its newest sound backup and say so.

    Raises:
        OSError, sqlite3.Error: the files can't be moved or written.
    """
    kept = _quarantine(database, now)
    backup = restore(database, steps)
    said = _said(reason, kept, backup)
    log.warning("%s %s", said, said.detail)
    return said


def _quarantine(database: Path, now: float) -> Path | None:
    # The database goes last: a journal left behind would be written into the file that follows.
    files = [database.with_name(database.name + end) for end in ("-wal", "-shm", "-journal", "")]
    present = [file for file in files if file.exists()]
    if not present:
        return None
    stamp = datetime.fromtimestamp(now, UTC).strftime(STAMP)
    parent = database.parent / "quarantine"
    parent.mkdir(mode=0o700, exist_ok=True)
    taken = sum(1 for _ in parent.glob(f"{stamp}*"))
    folder = parent / (f"{stamp}-{taken}" if taken else stamp)
    folder.mkdir(mode=0o700)
    for file in present:
        file.rename(folder / file.name)
    return folder


def _said(reason: str, kept: Path | None, backup: Backup | None) -> StorageError:
    place = f"; the damaged file is kept in {kept}." if kept else "."
    if backup is None:
        what = "Modelyard's saved data was damaged and there was no backup to restore."
        remedy = f"Add your folders again{place}"
    else:
        taken = datetime.fromtimestamp(backup.at, UTC).astimezone()
        when = f"{taken.day} {taken:%B %Y, %H:%M}"
        what = f"Modelyard's saved data was damaged and was restored from the backup of {when}."
        remedy = f"Look whether anything newer is missing{place}"
    return StorageError(what, remedy, reason)
