"""Specs as rows. What is the same for many models is kept once, and read once."""

import json
import logging
import sqlite3
from collections.abc import Sequence
from itertools import compress

from app.domain.model_columns import ModelColumns
from app.domain.models import ModelId, ModelSpec, ModelStatus
from app.storage.rows import Row, fits

log = logging.getLogger(__name__)

FLAT = (
    "id",
    "provider",
    "name",
    "status",
    "reason",
    "path",
    "size_bytes",
    "modified_ns",
    "architecture",
    "parameters",
    "quantisation",
    "context_length",
)
"""The fields of a spec with a column of their own; the rest is one JSON document."""

_SELECT = f"SELECT {', '.join(FLAT)}, detail FROM models ORDER BY rowid"  # noqa: S608 - constants
_SAVE = (
    f"INSERT INTO models ({', '.join(FLAT)}, detail) VALUES ({', '.join('?' * len(FLAT))}, "  # noqa: S608 - constants
    "(SELECT number FROM model_details WHERE text = ?)) "
    "ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in (*FLAT[1:], "detail"))
)
_STATUSES = {status.value: status for status in ModelStatus}


def read(connection: sqlite3.Connection) -> ModelColumns:
    """Every spec in the order they were first saved; unreadable ones are logged and left out."""
    alike = _prototypes(connection)
    rows = _fetched(connection)
    flat = list(zip(*rows, strict=True)) or [()] * (len(FLAT) + 1)
    if not (alike.keys() >= set(flat[-1]) and _STATUSES.keys() >= set(flat[FLAT.index("status")])):
        flat = _without_unreadable(flat, alike)
    del rows
    columns = dict(zip((*FLAT, "detail"), flat, strict=True))
    statuses = [_STATUSES[status] for status in columns["status"]]
    details = columns.pop("detail")
    columns["status"] = tuple(statuses)
    for name in ("provider", "architecture", "quantisation"):
        columns[name] = _shared(columns[name])

    def build(row: int) -> ModelSpec:
        return alike[details[row]].model_copy(
            update={name: column[row] for name, column in columns.items()}
        )

    abilities = {number: spec.abilities for number, spec in alike.items()}
    return ModelColumns(
        ids=columns["id"],
        names=columns["name"],
        providers=columns["provider"],
        architectures=columns["architecture"],
        quantisations=columns["quantisation"],
        paths=columns["path"],
        statuses=statuses,
        capabilities=[abilities[number] for number in details],
        build=build,
    )


def save(connection: sqlite3.Connection, models: Sequence[ModelSpec]) -> None:
    """Add or replace specs by id."""
    rows = [_row(spec) for spec in models]
    connection.executemany(
        "INSERT OR IGNORE INTO model_details (text) VALUES (?)",
        [(text,) for text in {row[-1] for row in rows}],
    )
    connection.executemany(_SAVE, rows)


def forget(connection: sqlite3.Connection, ids: Sequence[ModelId]) -> None:
    """Remove specs, and what was only known of them; unknown ids are ignored."""
    connection.executemany("DELETE FROM models WHERE id = ?", [(model_id,) for model_id in ids])
    connection.execute("DELETE FROM model_details WHERE number NOT IN (SELECT detail FROM models)")


def _fetched(connection: sqlite3.Connection) -> list[Row]:
    careful = connection.text_factory
    # Python's own decoding of a million texts takes half as long as that which forgives damage.
    connection.text_factory = str
    try:
        return connection.execute(_SELECT).fetchall()
    except sqlite3.OperationalError:
        # A text that isn't sound, or an error that the second try meets again.
        connection.text_factory = careful
        return connection.execute(_SELECT).fetchall()
    finally:
        connection.text_factory = careful


def _prototypes(connection: sqlite3.Connection) -> dict[int, ModelSpec]:
    """A spec for each detail that can be read, to be copied for each model that has it."""
    found = {}
    for number, text in connection.execute("SELECT number, text FROM model_details"):
        try:
            found[number] = ModelSpec.model_validate(
                {"id": "", "provider": "", "name": "", **json.loads(text)}
            )
        except (ValueError, TypeError) as error:
            log.warning("The model detail %s can't be read: %s", number, type(error).__name__)
    return found


def _without_unreadable(
    columns: list[tuple[object, ...]], alike: dict[int, ModelSpec]
) -> list[tuple[object, ...]]:
    status = FLAT.index("status")
    good = [
        s in _STATUSES and d in alike for s, d in zip(columns[status], columns[-1], strict=True)
    ]
    for model_id in compress(columns[0], [not fine for fine in good]):
        log.warning("The model %s can't be read and is left out", model_id)
    return [tuple(compress(column, good)) for column in columns]


def _shared(texts: Sequence[str]) -> tuple[str, ...]:
    """The same texts, each in memory once."""
    once = {text: text for text in set(texts)}
    return tuple(map(once.__getitem__, texts))


def _row(spec: ModelSpec) -> Row:
    return (
        spec.id,
        spec.provider,
        spec.name,
        spec.status,
        spec.reason,
        spec.path,
        fits(spec.size_bytes),
        fits(spec.modified_ns),
        spec.architecture,
        fits(spec.parameters),
        spec.quantisation,
        fits(spec.context_length),
        spec.model_dump_json(exclude=set(FLAT), exclude_defaults=True),
    )
