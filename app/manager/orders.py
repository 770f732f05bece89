"""Orders that a hundred thousand rows are put into, and hits picked out of them."""

import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, compress
from operator import itemgetter
from typing import Any, overload

from app.domain.model_kinds import Kind
from app.domain.models import ModelId, ModelOrder
from app.manager.model_rows import ModelRows
from app.manager.selections import Selection

KIND_VALUES: Mapping[ModelOrder, Callable[[Kind], Any]] = {
    ModelOrder.PROVIDER: lambda kind: kind.provider,
    ModelOrder.ARCHITECTURE: lambda kind: kind.architecture,
    ModelOrder.QUANTISATION: lambda kind: kind.quantisation,
    ModelOrder.PARAMETERS: lambda kind: kind.parameters,
    ModelOrder.CONTEXT: lambda kind: kind.context_length,
}


class Hits(Sequence[ModelId]):
    """Models whose ids are looked up as they are asked for: seldom is more seen than a page."""

    def __init__(self, rows: "array[int]", columns: ModelRows) -> None:
        self._rows = rows
        # Both stay as they are for these rows when all are laid out anew.
        self._ids, self._at = columns.ids, columns.rows()

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> ModelId: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[ModelId, ...]: ...
    def __getitem__(self, at: int | slice) -> ModelId | tuple[ModelId, ...]:
        if isinstance(at, slice):
            return tuple(map(self._ids.__getitem__, self._rows[at]))
        return self._ids[self._rows[at]]

    def __iter__(self) -> Iterator[ModelId]:
        return map(self._ids.__getitem__, self._rows)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Hits) and other._ids is self._ids:
            return self._rows == other._rows
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def index(self, value: ModelId, start: int = 0, stop: int = sys.maxsize) -> int:
        """Where a model is among them.

        Raises:
            ValueError: it is none of them.
        """
        row = self._at.get(value)
        if row is None:
            raise ValueError(value)
        return self._rows.index(row, start, stop)


class Standing:
    """Every model in one order."""

    def __init__(self, rows: Sequence[int], columns: ModelRows) -> None:
        self.rows = array("L", rows)
        self._columns = columns
        as_they_are = rows == range(len(columns))
        self._ids = tuple(columns.ids) if as_they_are else None
        # In one go, a hundred thousand are picked in a millisecond or two.
        self._pick = itemgetter(*rows) if len(rows) > 1 and not as_they_are else None

    def hits(self, selected: Selection) -> Sequence[ModelId]:
        """The selected models in this order."""
        if self._ids is not None:
            return self._ids if all(selected) else tuple(compress(self._ids, selected))
        told = self._pick(selected) if self._pick else [selected[row] for row in self.rows]
        # All of them are asked for most of the time.
        rows = self.rows if all(told) else array("L", compress(self.rows, told))
        return Hits(rows, self._columns)


def by_order(
    rows: Sequence[int], columns: ModelRows, order: ModelOrder, *, descending: bool
) -> Sequence[int]:
    """Rows that come by name in another order; equal ones stay as they are, unknown ones go last."""
    match order:
        case ModelOrder.NAME:
            return rows[::-1] if descending else rows
        case ModelOrder.SIZE:
            return by_value(rows, columns.sizes(), descending=descending)
    value = KIND_VALUES[order]
    # Whatever is false is unknown: no name, no number.
    values = [value(kind) or None for kind in columns.kinds.values()]
    groups: dict[Any, list[int]] = {value: [] for value in (*values, None)}
    put = [groups[value].append for value in values]
    numbers = columns.kinds.numbers()
    for row in rows:
        put[numbers[row]](row)
    unknown = groups.pop(None)
    known = sorted(groups, reverse=descending)
    return [*chain.from_iterable(map(groups.__getitem__, known)), *unknown]


def by_value(rows: Sequence[int], values: Sequence[int], *, descending: bool) -> list[int]:
    """The same by a number of each row; 0 is unknown."""
    all_of_them = rows == range(len(values))
    known = [*compress(rows, values if all_of_them else map(values.__getitem__, rows))]
    known.sort(key=values.__getitem__, reverse=descending)
    if len(known) == len(rows):
        return known
    return [*known, *(row for row in rows if not values[row])]
