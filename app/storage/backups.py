"""Copies of the database beside it, made by SQLite itself."""

import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.storage import schema
from app.storage.connection import connect, fault

log = logging.getLogger(__name__)

KEPT = 5
DAY_SECONDS = 24 * 3600
STAMP = "%Y%m%dT%H%M%S"


@dataclass(frozen=True)
class Backup:
    """One copy."""

    path: Path
    at: float
    """Seconds since the epoch."""


def backups_of(database: Path) -> list[Backup]:
    """The copies of a database, the newest first."""
    name = re.compile(rf"{re.escape(database.stem)}-(\d{{8}}T\d{{6}})\.db")
    found = [
        Backup(path, datetime.strptime(match[1], STAMP).replace(tzinfo=UTC).timestamp())
        for path in _folder(database).glob("*.db")
        if (match := name.fullmatch(path.name))
    ]
    return sorted(found, key=lambda backup: backup.at, reverse=True)


def is_due(backups: list[Backup], now: float) -> bool:
    """Whether the newest copy is a day old. A clock that was set back doesn't put it off."""
    return not backups or abs(now - backups[0].at) >= DAY_SECONDS


def back_up(connection: sqlite3.Connection, database: Path, now: float) -> None:
    """Copy an open database and let go of the oldest copies.

    Raises:
        OSError, sqlite3.Error: there is no new copy, and the old ones stand.
    """
    stamp = datetime.fromtimestamp(now, UTC).strftime(STAMP)
    target = _folder(database) / f"{database.stem}-{stamp}.db"
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with closing(connect(partial)) as copy:
        connection.backup(copy)
        # A copy is one file, with no journal beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
    partial.replace(target)
    for old in backups_of(database)[KEPT:]:
        old.path.unlink()


def restore(database: Path, steps: int) -> Backup | None:
    """Put the newest sound copy in the place of a database that is gone.

    Args:
        database: where it was.
        steps: the newest version that this program knows.

    Returns:
        The copy, or None when no copy is sound.
    """
    for backup, source in _sound(database, steps):
        with closing(connect(database)) as target:
            source.backup(target)
        return backup
    return None


def _folder(database: Path) -> Path:
    return database.parent / "backups"


def _sound(database: Path, steps: int) -> Iterator[tuple[Backup, sqlite3.Connection]]:
    for backup in backups_of(database):
        # Nobody writes to a copy: SQLite needn't leave files beside it.
        address = f"{backup.path.absolute().as_uri()}?immutable=1"
        try:
            with closing(sqlite3.connect(address, uri=True)) as source:
                known = schema.is_ours(source) and schema.version_of(source) <= steps
                if known and fault(source) is None:
                    yield backup, source
        except sqlite3.DatabaseError as error:
            log.warning("The backup %s can't be used: %s", backup.path, error)
