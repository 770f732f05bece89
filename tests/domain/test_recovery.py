"""A failure that repeats is waited out, longer each time."""

from app.domain.crashes import CrashCause, CrashReport
from app.domain.error_reports import ErrorReport
from app.domain.errors import ErrorKind
from app.domain.recovery import (
    FIRST_WAIT,
    HEALTHY_SECONDS,
    LONGEST_WAIT,
    Setback,
    after_crash,
    after_failure,
    after_ready,
    counts,
)


def test_that_the_first_failure_may_be_followed_by_a_try_at_once():
    assert after_failure(Setback(), now=100).retry_at is None


def test_that_each_further_failure_doubles_the_wait_up_to_a_limit():
    setback, waits = Setback(), []
    for _ in range(40):
        setback = after_failure(setback, now=100)
        waits.append(setback.retry_at - 100 if setback.retry_at else 0)
    assert waits[:5] == [0, FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]
    assert waits[-1] == LONGEST_WAIT


def test_that_nothing_waits_for_a_model_that_was_loaded():
    twice = after_failure(after_failure(Setback(), now=100), now=101)
    assert after_ready(twice).retry_at is None


def test_that_loading_well_and_crashing_soon_is_the_same_failure_again():
    setback = after_crash(after_ready(after_failure(Setback(), now=100)), lived=1, now=110)
    assert (setback.count, setback.retry_at) == (2, 110 + FIRST_WAIT)


def test_that_a_crash_after_a_healthy_life_is_the_first():
    setback = after_crash(Setback(count=5), lived=HEALTHY_SECONDS, now=110)
    assert (setback.count, setback.retry_at) == (1, None)


def test_that_a_refusal_for_its_size_is_no_failed_load():
    def error(kind, crash=None):
        return ErrorReport(kind=kind, what="It failed.", remedy="Try again.", crash=crash)

    out_of_memory = CrashReport(cause=CrashCause.OUT_OF_MEMORY)
    assert not counts(error(ErrorKind.DOES_NOT_FIT))
    assert counts(error(ErrorKind.DOES_NOT_FIT, out_of_memory))
    assert counts(error(ErrorKind.CRASHED))
