"""Errors as values: what is kept with a message, an instance or an event."""

from app.domain.base import Frozen
from app.domain.crashes import CrashReport
from app.domain.errors import AppError, ErrorKind


class ErrorReport(Frozen):
    """What happened, what to do, and the detail one click away."""

    kind: ErrorKind
    what: str
    """One sentence that says what happened."""
    remedy: str
    """One sentence that says what to do."""
    detail: str = ""
    """The technical detail, shown on request."""
    crash: CrashReport | None = None
    """What ended the model's process, where that is the matter."""
    retry_at: float | None = None
    """Seconds since the epoch; until then the same is refused unless a person insists."""


def report_of(error: BaseException) -> ErrorReport:
    """The report of any exception; one that isn't ours is an internal fault."""
    if isinstance(error, AppError):
        return ErrorReport(
            kind=error.kind,
            what=error.what,
            remedy=error.remedy,
            detail=error.detail,
            crash=error.crash,
            retry_at=error.retry_at,
        )
    return ErrorReport(
        kind=ErrorKind.INTERNAL,
        what="Something inside Modelyard went wrong.",
        remedy="Try it again; the log has the details.",
        detail=f"{type(error).__name__}: {error}",
    )
