"""`python -m tests.benchmarks NAME`: measure what is promised, and say what holds.

The last line is JSON, one row for each row of the promise; the exit status is 1 when one falls
short. Progress and reasons go to standard error.
"""

import argparse
import importlib
import json
import sys
import time

import psutil

from tests.benchmarks import families, notes
from tests.benchmarks.judging import Effort
from tests.benchmarks.machine import cores, describe

BENCHMARKS = ("engine", "library", "manager", "remote", "window")
ROUNDS, QUICK_ROUNDS = 10, 1
BUSY = 0.3
"""The load average for each core above which others are at work."""


def main(arguments: list[str] | None = None) -> int:
    """Run one benchmark and return the exit status."""
    options = _parser().parse_args(arguments)
    benchmark = importlib.import_module(f"tests.benchmarks.{options.name}")
    effort = Effort(options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS), options.quick)
    machine = describe()
    for key, value in machine.items():
        print(f"{key}: {value}", file=sys.stderr)
    if psutil.getloadavg()[0] > BUSY * cores():
        print("this machine is busy: the figures will be of that as well", file=sys.stderr)
    start = time.monotonic()
    measured = families.run(benchmark.FAMILIES, options.rows, effort)
    if not measured:
        print(f"no row is called {options.rows}: {', '.join(benchmark.ORDER)}", file=sys.stderr)
        return 2
    rows = [measured[name] for name in benchmark.ORDER if name in measured]
    if options.write:
        minutes = (time.monotonic() - start) / 60
        section = notes.section(options.name, benchmark.TITLE, machine, rows, minutes)
        kept = notes.NOTES.read_text(encoding="utf-8") if notes.NOTES.exists() else ""
        notes.NOTES.write_text(notes.replace(kept, options.name, section), encoding="utf-8")
    result = {
        "benchmark": options.name,
        "rows": [row.as_json() for row in rows],
        "machine": machine,
        **({"quick": True} if options.quick else {}),
    }
    print(json.dumps(result, ensure_ascii=False))
    return 0 if all(row.holds for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__.splitlines()[0]
    )
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--quick", action="store_true", help="one short round, no evidence")
    parser.add_argument("--rounds", type=int, help=f"rounds of each arm, {ROUNDS} by default")
    parser.add_argument("--rows", default="*", metavar="PATTERN", help='for example "busy-*"')
    parser.add_argument("--write", action="store_true", help=f"update {notes.NOTES.name}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
