"""A column of many rows and few values, in which all rows with some values are found at once."""

from array import array
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

FEW = 256
"""So many values fit into a byte a row, which C code translates in one go."""


class Labels(Generic[T]):
    """The value of each row."""

    def __init__(self, values: Sequence[T], rows: Sequence[int]) -> None:
        """Take the values, some of them perhaps the same, and which of them each row has.

        Rows that come as bytes are taken in one go.
        """
        self._numbers: dict[T, int] = {}
        table = [self._number(value) for value in values]
        self._rows: bytearray | array[int]
        if isinstance(rows, bytes):
            self._rows = bytearray(rows.translate(bytes(table).ljust(FEW, b"\0")))
        else:
            numbers = map(table.__getitem__, rows)
            self._rows = bytearray(numbers) if len(self._numbers) <= FEW else array("L", numbers)

    def __getitem__(self, row: int) -> T:
        return self.values()[self._rows[row]]

    def __setitem__(self, row: int, value: T) -> None:
        number = self._number(value)
        self._widen()
        self._rows[row] = number

    def append(self, value: T) -> None:
        """Add a row."""
        number = self._number(value)
        self._widen()
        self._rows.append(number)

    def values(self) -> list[T]:
        """Every value that some row has or had."""
        return list(self._numbers)

    def every(self) -> list[T]:
        """The value of each row."""
        return [*map(self.values().__getitem__, self._rows)]

    def marks(self, test: Callable[[T], bool]) -> bytes:
        """What `marked` looks rows up in: for each value whether the test holds."""
        return bytes(map(test, self._numbers)).ljust(FEW, b"\0")

    def marked(self, marks: bytes, start: int, end: int) -> bytes:
        """1 for each row of a stretch whose value is marked, 0 for each other."""
        rows = self._rows[start:end]
        if isinstance(rows, bytearray):
            return bytes(rows.translate(marks))
        return bytes(map(marks.__getitem__, rows))

    def _number(self, value: T) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    def _widen(self) -> None:
        if len(self._numbers) > FEW and isinstance(self._rows, bytearray):
            self._rows = array("L", list(self._rows))
