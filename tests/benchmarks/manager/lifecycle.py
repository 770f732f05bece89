"""Ten thousand random interleavings of everything that can happen to models."""

import logging
import time
from collections.abc import Sequence

from hypothesis import Verbosity, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.benchmarks.judging import Effort
from tests.benchmarks.rows import Bar, Part, Row
from tests.benchmarks.statistics import Estimate
from tests.manager.test_lifecycle_machine import STEPS, Lifecycle

INTERLEAVINGS, QUICK_INTERLEAVINGS = 10_000, 200


def interleavings(effort: Effort) -> Sequence[Row]:
    """Run the state machine; the figure is how many interleavings break what must hold."""
    count = QUICK_INTERLEAVINGS if effort.quick else INTERLEAVINGS
    start, broken, note = time.monotonic(), 0, ""
    options = settings(
        max_examples=count,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=(),
        verbosity=Verbosity.quiet,
    )
    # The machine crashes models all the time, and each would be told.
    logging.disable(logging.WARNING)
    try:
        run_state_machine_as_test(Lifecycle, settings=options)
    except Exception as error:  # noqa: BLE001 - whatever breaks the machine is the finding
        broken, note = 1, f"{type(error).__name__}: {error}; "
    finally:
        logging.disable(logging.NOTSET)
    note += f"{count:,} of up to {STEPS} steps in {time.monotonic() - start:.0f} s"
    part = Part(
        "interleavings that break an invariant", Bar(0, ""), Estimate.exact(broken), note=note
    )
    return [Row("random interleavings of the life of models: broken invariants", [part])]
