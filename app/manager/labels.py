"""A column of many rows and few values, in which all rows with some values are found at once."""

from array import array
from collections.abc import Sequence
from typing import Generic, TypeVar

from app.manager.columns import picked

T = TypeVar("T")

FEW = 256
"""So many values fit into a byte a row, which C code translates in one go."""


class Labels(Generic[T]):
    """The value of each row."""

    def __init__(self, values: Sequence[T], rows: Sequence[int]) -> None:
        """Take the values, some of them perhaps the same, and which of them each row has."""
        self._numbers: dict[T, int] = {}
        self._values: list[T] = []
        table = [self._number(value) for value in values]
        numbers = map(table.__getitem__, rows)
        few = len(self._values) <= FEW
        self._rows: bytearray | array[int] = bytearray(numbers) if few else array("L", numbers)

    def __getitem__(self, row: int) -> T:
        return self._values[self._rows[row]]

    def __setitem__(self, row: int, value: T) -> None:
        number = self._number(value)
        self._widen()
        self._rows[row] = number

    def append(self, value: T) -> None:
        """Add a row."""
        number = self._number(value)
        self._widen()
        self._rows.append(number)

    def picked(self, rows: list[int]) -> "Labels[T]":
        """The column of some rows, in their order."""
        return Labels(self._values, picked(self._rows, rows))

    def values(self) -> Sequence[T]:
        """Every value that some row has or had, for reading; the next ones come behind them."""
        return self._values

    def number(self, row: int) -> int:
        """Which of the values a row has."""
        return self._rows[row]

    def numbers(self) -> Sequence[int]:
        """Which of the values each row has, for reading."""
        return self._rows

    def marked(self, marks: Sequence[bool], start: int = 0, end: int | None = None) -> bytes:
        """1 for each row of a stretch whose value is marked, 0 for each other.

        Args:
            marks: for each of the values whether it is.
            start: the first row.
            end: the one after the last; None for all there are.
        """
        rows = self._rows[start:end]
        if isinstance(rows, bytearray):
            return bytes(rows.translate(bytes(marks).ljust(FEW, b"\0")))
        return bytes(map(marks.__getitem__, rows))

    def _number(self, value: T) -> int:
        number = self._numbers.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number

    def _widen(self) -> None:
        if len(self._values) > FEW and isinstance(self._rows, bytearray):
            self._rows = array("L", list(self._rows))
