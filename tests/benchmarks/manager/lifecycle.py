"""Ten thousand random interleavings of everything that can happen to models."""

import logging
import sys
import time
from collections.abc import Sequence

from hypothesis.stateful import run_state_machine_as_test

from tests.benchmarks.judging import Effort
from tests.benchmarks.rows import Bar, Part, Row
from tests.benchmarks.statistics import Estimate
from tests.manager.test_lifecycle_machine import EVERY, STEPS, Lifecycle, effort

QUICK = 200
BLOCK = 1_000
"""What is tried together: Hypothesis remembers each to repeat none, and grows slow over many."""


def interleavings(allowed: Effort) -> Sequence[Row]:
    """Run the state machine; the figure is how many interleavings break what must hold."""
    wanted = QUICK if allowed.quick else EVERY
    start, run, broken, note = time.monotonic(), 0, 0, ""

    class Counted(Lifecycle):
        def __init__(self) -> None:
            nonlocal run
            super().__init__()
            run += 1

    # The machine crashes models all the time, and each would be told.
    logging.disable(logging.WARNING)
    try:
        while run < wanted:
            run_state_machine_as_test(Counted, settings=effort(min(BLOCK, wanted - run)))
            print(f"{run:,} of {wanted:,} interleavings", file=sys.stderr)
    except Exception as error:  # noqa: BLE001 - whatever breaks the machine is the finding
        broken, note = 1, f"{type(error).__name__}: {error}; "
    finally:
        logging.disable(logging.NOTSET)
    note += f"{run:,} of up to {STEPS} steps in {time.monotonic() - start:.0f} s"
    part = Part(
        "interleavings that break an invariant", Bar(0, ""), Estimate.exact(broken), note=note
    )
    return [Row("random interleavings of the life of models: broken invariants", [part])]
