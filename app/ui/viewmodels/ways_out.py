"""What can be done about a failure, as the buttons beside it."""

import math
from dataclasses import dataclass

from app.domain.errors import ErrorKind, ErrorReport
from app.domain.instances import ENDED
from app.domain.models import ModelId, ModelSpec
from app.domain.safer_loads import SaferLoad
from app.manager.models import Models

RETRY, DISMISS = "Retry", "Dismiss"
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
    models: Models, error: ErrorReport, model_id: ModelId | None, other: ModelSpec | None = None
) -> WaysOut:
    """What can be done about a failed answer.

    Args:
        models: knows how the model is now.
        error: why it failed.
        model_id: the model that the next try goes to, where it is the one that failed.
        other: the model that it goes to, where it is another one.
    """
    if error.kind is ErrorKind.HISTORY_OVERFLOW:
        return WaysOut((DROP_OLDEST, NEW_CONVERSATION))
    if error.kind is ErrorKind.CONTEXT_OVERFLOW:
        return WaysOut((NEW_CONVERSATION, EDIT_PROMPT))
    if other is not None:
        return WaysOut(note=f"Retry asks {other.name}; its answer takes this one's place.")
    view = models.instance(model_id) if model_id is not None else None
    if view is None or view.state not in ENDED or view.error is None:
        return WaysOut()
    # An older message may tell of a failure that has nothing to do with the model's last one.
    return of_model(models, view.model_id) if view.error.kind is error.kind else WaysOut()
