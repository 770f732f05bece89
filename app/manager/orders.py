"""Orders that a hundred thousand rows are put into, and hits picked out of them."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, compress
from operator import itemgetter
from typing import Any, TypeVar

from app.domain.model_kinds import Kind
from app.domain.models import ModelId, ModelOrder
from app.manager.model_rows import ModelRows
from app.manager.selections import Selection

T = TypeVar("T")

KIND_VALUES: Mapping[ModelOrder, Callable[[Kind], Any]] = {
    ModelOrder.PROVIDER: lambda kind: kind.provider,
    ModelOrder.ARCHITECTURE: lambda kind: kind.architecture,
    ModelOrder.QUANTISATION: lambda kind: kind.quantisation,
    ModelOrder.PARAMETERS: lambda kind: kind.parameters,
    ModelOrder.CONTEXT: lambda kind: kind.context_length,
}


class Standing:
    """Every model in one order."""

    def __init__(self, rows: Sequence[int], ids: Sequence[ModelId]) -> None:
        self.rows = rows
        self._as_they_are = rows == range(len(ids))
        # In one go, a hundred thousand are picked in a millisecond or two.
        self._pick = itemgetter(*rows) if len(rows) > 1 and not self._as_they_are else None
        self._ids = tuple(self._picked(ids))

    def hits(self, selected: Selection) -> tuple[ModelId, ...]:
        """The selected models in this order."""
        told = self._picked(selected)
        # All of them are asked for most of the time.
        return self._ids if all(told) else tuple(compress(self._ids, told))

    def _picked(self, column: Sequence[T]) -> Sequence[T]:
        if self._as_they_are:
            return column
        return self._pick(column) if self._pick else [column[row] for row in self.rows]


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
