"""Why an action makes no sense now, in a few words."""

from app.domain.instances import ENDED
from app.domain.models import ModelSpec, ModelStatus
from app.ui.actions import Context

NO_MODEL = "no model is selected"
OTHERWISE = "not possible now"
NOT_HERE = "only on the Library page"
NOT_LOADED = "it isn't loaded"

OF_MODELS = frozenset(
    {
        *("load", "load_safer", "load_anyway", "cancel_load", "chat", "switch", "eject"),
        *("pin", "unpin", "load_settings", "profile_model", "test_model", "convert"),
        *("plan_memory", "favourite", "unfavourite", "annotate", "delete_model"),
    }
)
"""The actions that are for the model that is selected."""

_WORDS = {
    "load_safer": "it hasn't crashed",
    "load_anyway": "it wasn't refused for its size",
    "cancel_load": "it isn't loading",
    "eject": NOT_LOADED,
    "pin": NOT_LOADED,
    "chat": NOT_LOADED,
    "switch": "it is on its way or leaving",
    "profile_model": "it is on its way or leaving",
    "unpin": "it isn't kept loaded",
    "favourite": "it is marked already",
    "unfavourite": "it isn't marked",
    "convert": "it has no file here",
    "cancel_scan": "no scan is under way",
    "save_search": "the Library isn't searched for anything",
    "smallest": NOT_HERE,
    "columns": NOT_HERE,
    "roll_back": "no other model was active before",
    "restore": "there is nothing to restore",
}


_OF_FILES = ("load", "plan_memory", "switch", "profile_model", "load_settings", "test_model")


def why(action: str, context: Context) -> str:
    """Why an action that is disabled is."""
    if action in OF_MODELS:
        return NO_MODEL if context.model is None else _of_model(action, context, context.model)
    if action == "rescan":
        return "a scan is under way" if context.scanning else "the library has no folders"
    return _WORDS.get(action, OTHERWISE)


def _of_model(action: str, context: Context, model: ModelSpec) -> str:
    held = context.instance is not None and context.instance.state not in ENDED
    usable = model.status is ModelStatus.AVAILABLE
    match action:
        case "chat" | "test_model" if model.embeds_only:
            said = "it makes embeddings only"
        case "delete_model":
            said = "it is loaded" if held else "its files aren't in a folder of yours"
        case "switch" if usable and model.id == context.active:
            said = "it is active already"
        case "pin" | "load" | "plan_memory" if held:
            said = "it is kept loaded already" if action == "pin" else "it is loaded already"
        case _ if action in _OF_FILES and not usable:
            said = "its file is missing or broken"
        case _:
            said = _WORDS.get(action, OTHERWISE)
    return said
