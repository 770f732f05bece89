"""Rows into values; one that can't be read never hides the others."""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
Row = tuple[Any, ...]

LARGEST = 2**63 - 1


def readable(rows: Iterable[Row], build: Callable[[Row], T], noun: str) -> tuple[T, ...]:
    """The values of all rows that `build` can read; the others are logged by their first column."""
    values = []
    for row in rows:
        try:
            values.append(build(row))
        except (ValueError, TypeError) as error:
            # The text of a validation error quotes the value, which may be somebody's conversation.
            reason = type(error).__name__
            log.warning("The %s %s can't be read and is left out: %s", noun, row[0], reason)
    return tuple(values)


def sound_rows(connection: sqlite3.Connection, query: str, values: Sequence[object]) -> list[Row]:
    """Every row of a query, quickly unless a text is damaged; that one is then read as it can be."""
    careful = connection.text_factory
    # Python's own decoding is quicker than that which forgives damage.
    connection.text_factory = str
    try:
        return connection.execute(query, tuple(values)).fetchall()
    except sqlite3.OperationalError:
        # It may be another error, which is then met again.
        connection.text_factory = careful
        return connection.execute(query, tuple(values)).fetchall()
    finally:
        connection.text_factory = careful


def fits(number: int | None) -> int | None:
    """A number as SQLite can hold it; a broken file may claim any figure of 64 bits."""
    return None if number is None else max(-LARGEST, min(number, LARGEST))
