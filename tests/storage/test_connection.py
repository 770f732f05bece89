"""What a connection promises, and how its errors read."""

import errno
import os
from contextlib import closing

import pytest

from app.storage.connection import connect, prepare, storage_error


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no room left"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "read-only"),
        (errno.EIO, "can't be read or written"),
    ],
)
def test_that_an_error_of_the_file_system_is_told_like_one_of_the_database(number, words):
    assert words in storage_error(OSError(number, os.strerror(number))).what


def test_that_a_prepared_connection_is_durable_and_guarded(tmp_path):
    with closing(connect(tmp_path / "state.db")) as connection:
        prepare(connection)
        values = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
        }
    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
    }


def test_that_setting_the_journal_up_waits_for_another_that_does_the_same(tmp_path):
    path = tmp_path / "state.db"
    with closing(connect(path)) as mine, closing(connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")

        def finish(statement):
            if statement == "BEGIN IMMEDIATE":
                other.execute("COMMIT")

        mine.set_trace_callback(finish)
        prepare(mine)
        assert mine.execute("PRAGMA journal_mode").fetchone() == ("wal",)
