"""Specs as rows. What is the same for many models is kept once, and read once."""

import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache, partial
from itertools import compress
from operator import attrgetter
from typing import cast

from app.domain.model_columns import ModelColumns
from app.domain.models import ModelId, ModelSpec
from app.storage.model_texts import NAMES, Column, ModelTexts
from app.storage.rows import Row, fits

log = logging.getLogger(__name__)

_COMMON = attrgetter(*(name for name in ModelSpec.model_fields if name not in NAMES))
"""What one spec may share with others: all but what has a column of its own."""
_SAVE = (
    f"INSERT INTO models ({', '.join(NAMES)}) "  # noqa: S608 - constants
    "VALUES (?, ?, ?, (SELECT number FROM model_kinds WHERE text = ?), ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in NAMES[1:])
)


def columns_of(texts: ModelTexts) -> ModelColumns:
    """Every spec in the order of the texts; unreadable ones are logged and left out."""
    alike = _prototypes(texts.kinds)
    places = {str(number): place for place, number in enumerate(alike)}
    columns = texts.columns
    if not places.keys() >= set(columns[NAMES.index("kind")]()):
        columns = _without_unreadable(columns, places)
    ids, names, paths, kinds = (column() for column in columns[:4])
    sizes, dates = columns[4:]
    rows, prototypes = [*map(places.__getitem__, kinds)], [*alike.values()]

    def build(row: int) -> ModelSpec:
        return prototypes[rows[row]].model_copy(
            update={
                "id": ids[row],
                "name": names[row],
                "path": paths[row],
                "size_bytes": int(sizes()[row]),
                "modified_ns": int(dates()[row]),
            }
        )

    return ModelColumns(
        ids=cast("list[ModelId]", ids),
        names=names,
        paths=paths,
        kinds=rows,
        alike=prototypes,
        sizes=lambda: [*map(int, sizes())],
        build=build,
    )


def save(connection: sqlite3.Connection, models: Sequence[ModelSpec]) -> None:
    """Add or replace specs by id."""
    texts: dict[tuple[int, ...], str] = {}
    rows = [_row(spec, texts) for spec in models]
    connection.executemany(
        "INSERT OR IGNORE INTO model_kinds (text) VALUES (?)",
        [(text,) for text in {row[NAMES.index("kind")] for row in rows}],
    )
    connection.executemany(_SAVE, rows)


def forget(connection: sqlite3.Connection, ids: Sequence[ModelId]) -> None:
    """Remove specs, and what was only known of them; unknown ids are ignored."""
    connection.executemany("DELETE FROM models WHERE id = ?", [(model_id,) for model_id in ids])
    connection.execute("DELETE FROM model_kinds WHERE number NOT IN (SELECT kind FROM models)")


def _without_unreadable(columns: list[Column], places: dict[str, int]) -> list[Column]:
    values = [column() for column in columns]
    good = [kind in places for kind in values[NAMES.index("kind")]]
    for model_id in compress(values[0], [not fine for fine in good]):
        log.warning("The model %s can't be read and is left out", model_id)
    return [cache(partial(list, compress(column, good))) for column in values]


def _prototypes(kinds: Mapping[int, str]) -> dict[int, ModelSpec]:
    """A spec for each kind that can be read, to be copied for each model of it."""
    found = {}
    for number, text in kinds.items():
        try:
            found[number] = ModelSpec.model_validate({"id": "", "name": "", **json.loads(text)})
        except (ValueError, TypeError) as error:
            log.warning("The kind %s of model can't be read: %s", number, type(error).__name__)
    return found


def _row(spec: ModelSpec, texts: dict[tuple[int, ...], str]) -> Row:
    """One spec's row.

    Args:
        spec: the spec.
        texts: the documents made so far, by the very objects that they were made of: specs that
            are alike share them, and comparing them would take longer than writing them.
    """
    made_of = tuple(map(id, _COMMON(spec)))
    text = texts.get(made_of)
    if text is None:
        text = spec.model_dump_json(exclude=set(NAMES), exclude_defaults=True)
        texts[made_of] = text
    return (
        spec.id,
        spec.name,
        spec.path,
        text,
        fits(spec.size_bytes),
        fits(spec.modified_ns),
    )
