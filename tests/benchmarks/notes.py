"""The benchmark notes: one section a benchmark, written anew by the command."""

import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.benchmarks.rows import Part, Row, rounded

NOTES = Path(__file__).with_name("RESULTS.md")
HEAD = """# Benchmark results

Written by `python -m tests.benchmarks NAME --write`. Arms run in turn (A B A B), each round in a
fresh process. Figures are medians; the interval is a 95 % bootstrap over the rounds, drawn in pairs
for ratios. A bar is held when the value is within it; the interval says how sure that is. "A/A" is an
arm over the same arm: what a difference on this machine means.
"""
NOTHING = "-"
MARK = "<!-- benchmark: {} -->"


def section(
    name: str, title: str, machine: Mapping[str, str], rows: Iterable[Row], minutes: float
) -> str:
    """One benchmark's results, as Markdown."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    lines = [MARK.format(name), f"## {title}", "", f"{today}, {minutes:.0f} minutes.", ""]
    lines += [f"- {key}: {value}" for key, value in machine.items()]
    lines += [
        "",
        "| figure | part | value | interval | bar | rounds | A/A | holds | note |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        for index, part in enumerate(row.parts):
            lines.append(_line(row.figure if index == 0 else "", part))
    return "\n".join([*lines, ""])


def replace(notes: str, name: str, written: str) -> str:
    """The notes with one benchmark's section replaced or added."""
    parts = (notes or HEAD).split("<!-- benchmark: ")
    others = [part for part in parts[1:] if not part.startswith(f"{name} -->")]
    sections = [f"<!-- benchmark: {part}".rstrip() + "\n" for part in others]
    return "\n".join([parts[0].rstrip() + "\n", *sections, written])


def _line(figure: str, part: Part) -> str:
    value = interval = NOTHING
    if part.figure is not None:
        value = f"{rounded(part.figure.value):g}"
        interval = f"{rounded(part.figure.low):g} to {rounded(part.figure.high):g}"
    spread = f"{part.against_itself:.2f}" if part.against_itself else NOTHING
    cells = (
        figure, part.name, value, interval, str(part.bar), str(part.rounds), spread,
        "yes" if part.holds else "**no**", part.note,
    )  # fmt: skip
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
