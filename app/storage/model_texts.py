"""What is kept of models as it is read: column by column, as texts. Whatever is long is done here."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

NAMES = ("id", "name", "path", "kind", "size_bytes", "modified_ns")
"""The fields of a spec with a column of their own; all others are its kind, a JSON document."""
SEPARATOR = "\x1f"
"""Stands between the values of a column that is read as one text."""

Column = Callable[[], list[str]]
"""The values of a column as texts, which are taken apart when they are first asked for."""

_ORDER = "ORDER BY name COLLATE NOCASE, id"
"""The index wants them by name: here a second processor sorts them, while the first imports."""
_ROWS = f"SELECT {', '.join(NAMES)} FROM models {_ORDER}"  # noqa: S608 - constants
_TEXTS = (
    "SELECT count(*), "  # noqa: S608 - constants
    + ", ".join(f"group_concat({name}, '{SEPARATOR}')" for name in NAMES)
    + f" FROM (SELECT * FROM models {_ORDER})"  # noqa: S608
)


@dataclass(frozen=True)
class ModelTexts:
    """Every model, roughly by name."""

    columns: list[Column]
    """As `NAMES` says."""
    kinds: dict[int, str]
    """The document of each kind, by the number that stands in its column."""


def read(connection: sqlite3.Connection) -> ModelTexts:
    """Every model that is kept."""
    kinds = dict(connection.execute("SELECT number, text FROM model_kinds").fetchall())
    return ModelTexts(_joined(connection) or _fetched(connection), kinds)


def _joined(connection: sqlite3.Connection) -> list[Column] | None:
    """Every column, read as one text: for Python, rows take twice as long.

    None where there is no model, or one whose name holds the separator or isn't sound text.
    """
    careful = connection.text_factory
    # Python's own decoding is quicker than that which forgives damage.
    connection.text_factory = str
    try:
        count, *texts = connection.execute(_TEXTS).fetchone()
    except sqlite3.OperationalError:
        # A text that isn't sound, or an error that reading the rows meets again.
        return None
    finally:
        connection.text_factory = careful
    columns: list[Column] = [cache(partial(text.split, SEPARATOR)) for text in texts if text]
    # The other columns are numbers, which hold no separator.
    sound = count and all(len(column()) == count for column in columns[:3])
    return columns if sound and len(columns) == len(NAMES) else None


def _fetched(connection: sqlite3.Connection) -> list[Column]:
    rows = connection.execute(_ROWS).fetchall()
    columns = [*zip(*rows, strict=True)] or [()] * len(NAMES)
    return [cache(partial(list, map(str, column))) for column in columns]
