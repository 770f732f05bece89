"""A connection to a database file: private, durable, checked, and its errors in words."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from app.domain.errors import StorageError

BUSY_SECONDS = 5.0
"""So long a change waits for another program that is writing."""

_ERRNO_CODES = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EDQUOT: sqlite3.SQLITE_FULL,
    errno.EACCES: sqlite3.SQLITE_READONLY,
    errno.EPERM: sqlite3.SQLITE_READONLY,
    errno.EROFS: sqlite3.SQLITE_READONLY,
}


def connect(path: Path) -> sqlite3.Connection:
    """Open a database file for this thread; it is created for its owner's eyes only.

    Raises:
        OSError, sqlite3.Error: it can't be opened.
    """
    keep_private(path)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    # A damaged byte in one text must not keep the other rows from being read.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    """Give a sound database its journal and its guards."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if _code_of(error) != sqlite3.SQLITE_BUSY:
            raise
        # Unlike a change, the switch doesn't wait for another Modelyard that is switching, too.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # SQLite's own checkpoint makes every thousandth change wait for it.
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    guard(connection)


def guard(connection: sqlite3.Connection) -> None:
    """Keep the rows of a database true to one another, and its file from running code."""
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Read the database as it is at one moment, whatever others write meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        # SQLite ends the transaction itself after some errors.
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def fault(connection: sqlite3.Connection) -> str | None:
    """What is wrong with a database file; None when it is sound.

    The quick check is not enough: it passes most damage inside a page.
    """
    try:
        (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return str(error)
        raise
    return None if said == "ok" else str(said)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error speaks of the file's content, not of the disk or of its permissions."""
    return _code_of(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def keep_private(path: Path) -> None:
    """Make a file that only its owner can read, or make an existing one so.

    SQLite gives its `-wal` and `-shm` files the permissions of the database.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)


def storage_error(error: sqlite3.Error | OSError) -> StorageError:
    """The same failure in words for people."""
    detail = f"{type(error).__name__}: {error}"
    match _code_of(error):
        case sqlite3.SQLITE_FULL:
            return StorageError(
                "There is no room left on the disk to save Modelyard's data.",
                "Free some space and try it again.",
                detail,
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return StorageError(
                "Modelyard's data can't be changed because it is read-only.",
                "Allow writing to its folder and try it again.",
                detail,
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StorageError(
                "Modelyard's saved data is damaged.",
                "Start Modelyard again; it then returns to its newest backup.",
                detail,
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StorageError(
                "Another program is using Modelyard's data.",
                "Close other windows of Modelyard and try it again.",
                detail,
            )
        case _:
            return StorageError(
                "Modelyard's data can't be read or written.",
                "Check that its folder exists and that the disk is sound, then try it again.",
                detail,
            )


def _code_of(error: sqlite3.Error | OSError) -> int:
    if isinstance(error, OSError):
        return _ERRNO_CODES.get(error.errno or 0, sqlite3.SQLITE_CANTOPEN)
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
