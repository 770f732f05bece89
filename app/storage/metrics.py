"""What is known of the use of models, as one row a model, and the counters."""

import json
import sqlite3
from collections.abc import Mapping

from app.domain.profiles import ModelMetrics
from app.storage.rows import Row, readable

_FLAT = (
    "model_id",
    "requests",
    "failures",
    "last_used_at",
    "time_to_first_token",
    "tokens_per_second",
    "load_seconds",
)
"""The fields with a column of their own; the rest is one JSON document."""


def read(connection: sqlite3.Connection) -> tuple[ModelMetrics, ...]:
    """The metrics of every model."""
    rows = connection.execute(f"SELECT {', '.join(_FLAT)}, detail FROM metrics")  # noqa: S608 - constants
    return readable(rows, _metrics, "metrics of")


def save(connection: sqlite3.Connection, item: ModelMetrics) -> None:
    """Replace the metrics of one model."""
    detail = item.model_dump_json(exclude=set(_FLAT), exclude_defaults=True)
    connection.execute(
        f"INSERT OR REPLACE INTO metrics ({', '.join(_FLAT)}, detail) "  # noqa: S608 - constants
        f"VALUES ({', '.join('?' * len(_FLAT))}, ?)",
        (*(getattr(item, name) for name in _FLAT), detail),
    )


def counters(connection: sqlite3.Connection) -> dict[str, int]:
    """Every counter."""
    return dict(connection.execute("SELECT name, value FROM counters"))


def save_counters(connection: sqlite3.Connection, counters: Mapping[str, int]) -> None:
    """Replace some counters."""
    connection.executemany(
        "INSERT OR REPLACE INTO counters (name, value) VALUES (?, ?)", list(counters.items())
    )


def _metrics(row: Row) -> ModelMetrics:
    *flat, detail = row
    return ModelMetrics.model_validate(
        {**dict(zip(_FLAT, flat, strict=True)), **json.loads(detail)}
    )
