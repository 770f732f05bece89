"""What a benchmark says: rows with a bar each, and whether the bar is held."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.statistics import Estimate


@dataclass(frozen=True)
class Bar:
    """What a figure is held against."""

    limit: float
    unit: str
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g} {self.unit}".rstrip()

    def holds(self, figure: Estimate) -> bool:
        """Whether the value is within the bar; the interval says how sure that is."""
        return self.margin(figure.value) >= 0

    def margin(self, value: float) -> float:
        """How far a value lies on the right side, as a share of the bar."""
        beyond = value - self.limit if self.at_least else self.limit - value
        return beyond / abs(self.limit or 1)


@dataclass(frozen=True)
class Part:
    """One measured figure of a row: a row may stand for several models or thread counts."""

    name: str
    bar: Bar
    figure: Estimate | None
    """None where it can't be measured; then `note` says why."""
    rounds: int = 0
    against_itself: float | None = None
    """An arm divided by the same arm: what a difference means here."""
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is measured and its bar not missed."""
        return self.figure is not None and self.bar.holds(self.figure)

    def as_json(self) -> dict[str, Any]:
        """The part as it stands in the benchmark's last line."""
        figure = self.figure
        return {
            "part": self.name,
            "value": rounded(figure.value) if figure else None,
            "interval": [rounded(figure.low), rounded(figure.high)] if figure else None,
            "bar": self.bar.limit,
            "unit": self.bar.unit,
            "holds": self.holds,
            "rounds": self.rounds,
            "against_itself": rounded(self.against_itself) if self.against_itself else None,
            "note": self.note,
        }


@dataclass(frozen=True)
class Row:
    """One row of the table that was promised."""

    figure: str
    parts: Sequence[Part]

    @property
    def holds(self) -> bool:
        """Whether every part holds."""
        return all(part.holds for part in self.parts)

    @property
    def deciding(self) -> Part:
        """The part that speaks for the row: one that misses, else the one nearest to its bar."""
        return min(self.parts, key=lambda part: (part.holds, _margin(part)))

    def as_json(self) -> dict[str, Any]:
        """The row as it stands in the benchmark's last line."""
        part = self.deciding
        return {
            "figure": self.figure,
            "value": rounded(part.figure.value) if part.figure else None,
            "bar": part.bar.limit,
            "unit": f"{part.bar.unit}, {'at least' if part.bar.at_least else 'at most'}".lstrip(
                " ,"
            ),
            "holds": self.holds,
            "part": part.name,
            "parts": [each.as_json() for each in self.parts],
        }


def unmeasured(name: str, bar: Bar, reason: str) -> Part:
    """A part that there is no figure for, which therefore doesn't hold."""
    return Part(name, bar, None, note=reason)


def rounded(value: float) -> float:
    """Four significant digits: no round is good for more."""
    return float(f"{value:.4g}")


def _margin(part: Part) -> float:
    return part.bar.margin(part.figure.value) if part.figure else float("-inf")
