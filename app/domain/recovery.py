"""When a model that failed may be loaded again without a person asking for it."""

from app.domain.base import Frozen
from app.domain.crashes import CrashCause
from app.domain.error_reports import ErrorReport
from app.domain.errors import ErrorKind

FREE_FAILURES = 2
"""So many in a row may follow one another at once: the first may have been an accident."""
FIRST_WAIT = 30.0
"""Seconds; each further failure doubles it."""
LONGEST_WAIT = 900.0
HEALTHY_SECONDS = 60.0
"""A model that was ready for so long before it crashed was loaded well."""

MOST_RESTARTS = 3
"""A model that crashed is brought up again by itself so often in a row."""
FIRST_RESTART = 5.0
"""Seconds: time for a person to see what happened and to choose otherwise."""
HOPELESS = frozenset({CrashCause.OUT_OF_MEMORY, CrashCause.ILLEGAL_INSTRUCTION})
"""What the same load would only meet again; the machine would suffer for it."""


class Setback(Frozen):
    """The failures in a row of one model with the same settings."""

    count: int = 0
    failed_at: float | None = None
    """Seconds since the epoch; None while it is loaded, so that nothing keeps it waiting."""

    @property
    def retry_at(self) -> float | None:
        """When it may be loaded by itself again, in seconds since the epoch; None for at once."""
        if self.failed_at is None or self.count < FREE_FAILURES:
            return None
        # Beyond this doubling the longest wait has long been reached, and a float overflows.
        doublings = min(self.count - FREE_FAILURES, 16)
        return self.failed_at + min(LONGEST_WAIT, FIRST_WAIT * 2.0**doublings)


def counts(error: ErrorReport) -> bool:
    """Whether an error is a failed load: a refusal that costs nothing may be met any time."""
    for_size = error.kind in {ErrorKind.DOES_NOT_FIT, ErrorKind.TOO_MANY}
    return not for_size or error.crash is not None


def after_failure(before: Setback, now: float) -> Setback:
    """The record after a load that failed."""
    return Setback(count=before.count + 1, failed_at=now)


def after_ready(before: Setback) -> Setback:
    """The record after a load that succeeded; how good it is remains to be seen."""
    return Setback(count=before.count)


def after_crash(before: Setback, lived: float, now: float) -> Setback:
    """The record after a loaded model's process ended on its own.

    Args:
        before: the record.
        lived: for how many seconds it was ready.
        now: seconds since the epoch.
    """
    return Setback(count=1 if lived >= HEALTHY_SECONDS else before.count + 1, failed_at=now)


def restart_at(setback: Setback, error: ErrorReport | None) -> float | None:
    """When a crashed model is brought up again by itself, in seconds since the epoch.

    Args:
        setback: its failures in a row.
        error: what it failed for.

    Returns:
        None when it is left to a person.
    """
    if setback.failed_at is None or setback.count > MOST_RESTARTS:
        return None
    if error is None or not counts(error):
        return None
    if error.crash is not None and error.crash.cause in HOPELESS:
        return None
    return max(setback.retry_at or 0.0, setback.failed_at + FIRST_RESTART)
