"""What can be done about a failure, as the buttons beside it."""

import math
from dataclasses import dataclass

from app.domain.error_reports import ErrorReport
from app.domain.errors import ErrorKind, UnknownModel
from app.domain.instances import ENDED
from app.domain.models import ModelId, ModelSpec
from app.domain.safer_loads import SaferLoad
from app.manager.memory import Memory
from app.manager.models import Models
from app.ui import words

RETRY, DISMISS = "Retry", "Dismiss"
ASK_ACTIVE = "Ask the active model"
LEAVE_DOWN = "Don't restart"
LOAD_SAFER, LOAD_ANYWAY = "Load more safely", "Load anyway"
NEW_CONVERSATION, EDIT_PROMPT = "New conversation", "Edit prompt"
DROP_OLDEST = "Drop the oldest turns"
SET_KEY, CHANGE_ADDRESS = "Set key…", "Change address…"
SHOW_SPENDING = "Show spending"

ANYWAY_NOTE = "The size is an estimate. Loaded anyway, the model may slow the machine down, or be ended by it."
KEPT_NOTE = "What had come is kept. Retry asks for the whole answer again."
_OF_PROVIDER = {
    ErrorKind.KEY: (SET_KEY, RETRY),
    ErrorKind.KEYRING: (RETRY, SET_KEY),
    ErrorKind.WRONG_SERVER: (CHANGE_ADDRESS, RETRY),
    ErrorKind.UNREACHABLE: (RETRY, CHANGE_ADDRESS),
    ErrorKind.BUDGET: (SHOW_SPENDING, RETRY),
    ErrorKind.CONTENT: (EDIT_PROMPT, RETRY),
}
"""What can be done about a failure at a provider, the likeliest to help first."""
BEYOND = 1.2
"""Predictions are seldom wrong by this factor."""


@dataclass(frozen=True)
class WaysOut:
    """Texts of buttons, the gentlest first, and what to know before one is pressed."""

    actions: tuple[str, ...] = (RETRY,)
    note: str = ""


def ways_out(*, safer: SaferLoad | None, refused: bool, beyond: str = "") -> WaysOut:
    """What can be done about a model that isn't loaded.

    Args:
        safer: the next safer way to load it.
        refused: whether it was refused for its size, and may be loaded all the same.
        beyond: what to expect then, where it needs far more than the machine has.
    """
    if safer is not None:
        return WaysOut((LOAD_SAFER, RETRY), f"More safely: {safer.words}.")
    if refused:
        return WaysOut((LOAD_ANYWAY, RETRY), beyond or ANYWAY_NOTE)
    return WaysOut()


def restarting(ways: WaysOut) -> WaysOut:
    """The same for a model that starts again by itself."""
    return WaysOut((*ways.actions, LEAVE_DOWN), ways.note)


def of_restart(report: ErrorReport, seconds: float | None = None) -> ErrorReport:
    """The error of a model that starts again by itself: that takes the place of the remedy.

    Args:
        report: the error.
        seconds: in how many; None to leave that open.
    """
    when = "soon" if seconds is None else f"in {math.ceil(max(0.0, seconds))} s"
    return report.model_copy(update={"remedy": f"It starts again by itself {when}."})


def far_beyond(need: int, total: int) -> str:
    """What to expect of a load that needs far more than the machine has; empty for any other."""
    if need <= total * BEYOND:
        return ""
    return (
        f"It needs about {words.size(need)}, and this machine has {words.size(total)}. Loaded "
        "anyway, it will read from the disk for every token, or the system will end it; other "
        "programs slow down meanwhile. How it ended is told here."
    )


def of_model(models: Models, memory: Memory, model_id: ModelId) -> WaysOut:
    """What can be done about a model that failed or crashed."""
    refused = models.refused(model_id)
    beyond = far_beyond(memory.predict(model_id), memory.ledger().total) if refused else ""
    return ways_out(safer=models.safer(model_id), refused=refused, beyond=beyond)


def of_answer(
    models: Models,
    memory: Memory,
    error: ErrorReport,
    asked: ModelId | None,
    other: ModelSpec | None = None,
    now: float = 0.0,
) -> WaysOut:
    """What can be done about a failed answer.

    Args:
        models: knows how the model is now.
        memory: knows what it would take.
        error: why it failed.
        asked: the model that is asked again; None where there is none any more.
        other: the active model, where that is another one and can answer.
        now: seconds since the epoch, for failures that tell when to try again.
    """
    if error.kind is ErrorKind.HISTORY_OVERFLOW:
        return WaysOut((DROP_OLDEST, NEW_CONVERSATION))
    if error.kind is ErrorKind.CONTEXT_OVERFLOW:
        return WaysOut((NEW_CONVERSATION, EDIT_PROMPT))
    ways = of_provider(error, now) or _of_asked(models, memory, error, asked)
    if other is None or asked is None:
        return ways
    try:
        name = models.get(asked).name
    except UnknownModel:
        note = f"The model that began this answer is gone. {other.name} is active."
        return WaysOut((ASK_ACTIVE,), note)
    note = f"Retry asks {name}, which began this answer. {other.name} is active."
    return WaysOut((*ways.actions, ASK_ACTIVE), f"{note} {ways.note}".strip())


def of_provider(error: ErrorReport, now: float) -> WaysOut | None:
    """What can be done about a failure at a provider; None for any other."""
    if error.kind is ErrorKind.CUT:
        return WaysOut((RETRY,), KEPT_NOTE)
    if error.retry_at is not None and error.kind in {ErrorKind.RATE_LIMITED, ErrorKind.OVERLOADED}:
        left = math.ceil(error.retry_at - now)
        wait = (
            f"It asks to wait another {words.duration(left)}." if left > 0 else "The wait is over."
        )
        return WaysOut((RETRY,), wait)
    actions = _OF_PROVIDER.get(error.kind)
    return WaysOut(actions) if actions is not None else None


def _of_asked(models: Models, memory: Memory, error: ErrorReport, asked: ModelId | None) -> WaysOut:
    view = models.instance(asked) if asked is not None else None
    if view is None or view.state not in ENDED or view.error is None:
        return WaysOut()
    # An older message may tell of a failure that has nothing to do with the model's last one.
    same = view.error.kind is error.kind
    return of_model(models, memory, view.model_id) if same else WaysOut()
