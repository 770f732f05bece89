"""What can be done about a failure, as the buttons beside it."""

import math
from dataclasses import dataclass

from app.domain.errors import ErrorKind, ErrorReport, UnknownModel
from app.domain.instances import ENDED
from app.domain.models import ModelId, ModelSpec
from app.domain.safer_loads import SaferLoad
from app.manager.models import Models

RETRY, DISMISS = "Retry", "Dismiss"
ASK_ACTIVE = "Ask the active model"
LEAVE_DOWN = "Don't restart"
LOAD_SAFER, LOAD_ANYWAY = "Load more safely", "Load anyway"
NEW_CONVERSATION, EDIT_PROMPT = "New conversation", "Edit prompt"
DROP_OLDEST = "Drop the oldest turns"

ANYWAY_NOTE = "The size is an estimate. Loaded anyway, the model may slow the machine down, or be ended by it."


@dataclass(frozen=True)
class WaysOut:
    """Texts of buttons, the gentlest first, and what to know before one is pressed."""

    actions: tuple[str, ...] = (RETRY,)
    note: str = ""


def ways_out(*, safer: SaferLoad | None, refused: bool) -> WaysOut:
    """What can be done about a model that isn't loaded.

    Args:
        safer: the next safer way to load it.
        refused: whether it was refused for its size, and may be loaded all the same.
    """
    if safer is not None:
        return WaysOut((LOAD_SAFER, RETRY), f"More safely: {safer.words}.")
    if refused:
        return WaysOut((LOAD_ANYWAY, RETRY), ANYWAY_NOTE)
    return WaysOut()


def restarting(ways: WaysOut, seconds: float) -> WaysOut:
    """The same for a model that starts again by itself in so many seconds."""
    note = f"It starts again by itself in {math.ceil(max(0.0, seconds))} s."
    return WaysOut((*ways.actions, LEAVE_DOWN), f"{note} {ways.note}".strip())


def of_model(models: Models, model_id: ModelId) -> WaysOut:
    """What can be done about a model that failed or crashed."""
    return ways_out(safer=models.safer(model_id), refused=models.refused(model_id))


def of_answer(
    models: Models, error: ErrorReport, asked: ModelId | None, other: ModelSpec | None = None
) -> WaysOut:
    """What can be done about a failed answer.

    Args:
        models: knows how the model is now.
        error: why it failed.
        asked: the model that is asked again; None where there is none any more.
        other: the active model, where that is another one and can answer.
    """
    if error.kind is ErrorKind.HISTORY_OVERFLOW:
        return WaysOut((DROP_OLDEST, NEW_CONVERSATION))
    if error.kind is ErrorKind.CONTEXT_OVERFLOW:
        return WaysOut((NEW_CONVERSATION, EDIT_PROMPT))
    ways = _of_asked(models, error, asked)
    if other is None or asked is None:
        return ways
    try:
        name = models.get(asked).name
    except UnknownModel:
        note = f"The model that began this answer is gone. {other.name} is active."
        return WaysOut((ASK_ACTIVE,), note)
    note = f"Retry asks {name}, which began this answer. {other.name} is active."
    return WaysOut((*ways.actions, ASK_ACTIVE), f"{note} {ways.note}".strip())


def _of_asked(models: Models, error: ErrorReport, asked: ModelId | None) -> WaysOut:
    view = models.instance(asked) if asked is not None else None
    if view is None or view.state not in ENDED or view.error is None:
        return WaysOut()
    # An older message may tell of a failure that has nothing to do with the model's last one.
    return of_model(models, view.model_id) if view.error.kind is error.kind else WaysOut()
