"""Rows that are measured together, and how a selection of them runs."""

import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.benchmarks.judging import Effort
from tests.benchmarks.rows import Bar, Row, unmeasured


@dataclass(frozen=True)
class Family:
    """Rows of one measurement, by the names that `--rows` knows, in the order it gives them."""

    names: tuple[str, ...]
    measure: Callable[[Effort], Sequence[Row]]


def run(families: Iterable[Family], pattern: str, effort: Effort) -> dict[str, Row]:
    """The rows whose names match; what fails is told and doesn't keep the others from running."""
    rows: dict[str, Row] = {}
    for family in families:
        wanted = [name for name in family.names if fnmatchcase(name, pattern)]
        if wanted:
            measured = dict(zip(family.names, _measured(family, effort), strict=True))
            rows |= {name: measured[name] for name in wanted}
    return rows


def _measured(family: Family, effort: Effort) -> Sequence[Row]:
    start = time.monotonic()
    _tell(f"{', '.join(family.names)} …")
    try:
        rows = family.measure(effort)
    except Exception as error:  # noqa: BLE001 - the other families still count
        traceback.print_exc()
        rows = [Row(name, [unmeasured(name, Bar(0, ""), repr(error))]) for name in family.names]
    for row in rows:
        for part in row.parts:
            if part.figure is None:
                _tell(f"  {part.name}: no figure, {part.note}")
            else:
                figure = part.figure
                _tell(
                    f"  {part.name}: {figure.value:.4g} [{figure.low:.4g}, {figure.high:.4g}], "
                    f"bar {part.bar}, {'holds' if part.holds else 'MISSED'} ({part.note})"
                )
    _tell(f"  took {time.monotonic() - start:.0f} s")
    return rows


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
