"""Every action of the window as data: menus, buttons, shortcuts and tooltips derive from it."""

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.instances import COMING, ENDED, InstanceState, InstanceView
from app.domain.models import ModelId, ModelSpec, ModelStatus


@dataclass(frozen=True)
class Context:
    """What the window knows when it decides which actions make sense."""

    page: str = "library"
    model: ModelSpec | None = None
    """The selected model."""
    instance: InstanceView | None = None
    """The selected model's instance."""
    active: ModelId | None = None
    scanning: bool = False
    folders: int = 0
    restorable: int = 0
    earlier: int = 0
    """How many models were active before and can be again."""
    safer: bool = False
    """The selected model crashed and can be loaded with less to go wrong."""
    favourite: bool = False
    """The selected model is marked."""
    deletable: bool = False
    """Files of the selected model are the user's to delete."""
    searching: bool = False
    """The Library is searched for something."""
    refused: bool = False
    """The selected model was refused for its size and can be loaded all the same."""


def _always(_: Context) -> bool:
    return True


def _loadable(context: Context) -> bool:
    available = context.model is not None and context.model.status is ModelStatus.AVAILABLE
    return available and (context.instance is None or context.instance.state in ENDED)


def _loading(context: Context) -> bool:
    return context.instance is not None and context.instance.state in COMING


def _ready(context: Context) -> bool:
    return context.instance is not None and context.instance.state is InstanceState.READY


def _chattable(context: Context) -> bool:
    return context.model is not None and _ready(context) and not context.model.embeds_only


def _switchable(context: Context) -> bool:
    if context.model is None or context.model.status is not ModelStatus.AVAILABLE:
        return False
    if context.model.id == context.active and not _loadable(context):
        return False
    return _loadable(context) or _ready(context)


def _plannable(context: Context) -> bool:
    return _loadable(context) and context.model is not None and context.model.remote is None


def _settable(context: Context) -> bool:
    if context.model is not None and context.model.remote is not None:
        return False
    available = context.model is not None and context.model.status is ModelStatus.AVAILABLE
    return available or _ready(context)


def _testable(context: Context) -> bool:
    available = context.model is not None and context.model.status is ModelStatus.AVAILABLE
    return available and not (context.model and context.model.embeds_only)


def _convertible(context: Context) -> bool:
    model = context.model
    return model is not None and bool(model.path) and model.status is ModelStatus.AVAILABLE


def _held(context: Context) -> bool:
    return context.instance is not None and context.instance.state not in ENDED


def _pinned(context: Context) -> bool:
    return context.instance is not None and context.instance.pinned


def _profilable(context: Context) -> bool:
    return _loadable(context) or _ready(context)


@dataclass(frozen=True)
class ActionInfo:
    """One action: what it is called, where it is found and when it makes sense."""

    id: str
    text: str
    icon: str = ""
    shortcut: tuple[str, ...] = ()
    """Key sequences in Qt's portable form, the first one is shown."""
    enabled: Callable[[Context], bool] = _always
    tooltip: str = ""


PAGES = ("library", "loaded", "playground", "profile", "activity", "settings")

ACTIONS: dict[str, ActionInfo] = {
    info.id: info
    for info in (
        ActionInfo("library", "Library", "library", ("Ctrl+1",)),
        ActionInfo("loaded", "Loaded", "loaded", ("Ctrl+2",)),
        ActionInfo("playground", "Playground", "playground", ("Ctrl+3",)),
        ActionInfo("profile", "Profile", "profile", ("Ctrl+4",)),
        ActionInfo("activity", "Activity", "activity", ("Ctrl+5",)),
        ActionInfo("settings", "Settings", "settings", ("Ctrl+6", "Ctrl+,")),
        ActionInfo(
            "add_folder",
            "Add folder…",
            "folder",
            ("Ctrl+O",),
            tooltip="Look for models in a folder and everything below it",
        ),
        ActionInfo(
            "add_file",
            "Add file…",
            "file",
            ("Ctrl+Shift+O",),
            tooltip="Add one GGUF file from anywhere",
        ),
        ActionInfo(
            "export_library",
            "Export…",
            tooltip="Write what is known of the models, and the settings, into a JSON file",
        ),
        ActionInfo(
            "import_library",
            "Import…",
            tooltip="Take in models and settings from a JSON file that was exported",
        ),
        ActionInfo(
            "add_account",
            "Add account…",
            "key",
            tooltip="Use models of OpenAI, Anthropic or a server that speaks OpenAI's protocol",
        ),
        ActionInfo(
            "audit_keys",
            "Audit keys…",
            tooltip="Search Modelyard's own files and processes for every key",
        ),
        ActionInfo("spending", "Spending…", tooltip="Show what models took and cost, by month"),
        ActionInfo(
            "support_bundle",
            "Support bundle…",
            tooltip="Write what helps to find a fault into a file, without anything private",
        ),
        ActionInfo(
            "rescan",
            "Rescan folders",
            "retry",
            ("F5",),
            enabled=lambda context: context.folders > 0 and not context.scanning,
            tooltip="Look for new, changed and missing models",
        ),
        ActionInfo(
            "cancel_scan", "Cancel scan", "cancel", enabled=lambda context: context.scanning
        ),
        ActionInfo(
            "palette",
            "Command palette…",
            "search",
            ("Ctrl+K",),
            tooltip="Find any action or model by a few letters of its name",
        ),
        ActionInfo("search", "Search models", "search", ("Ctrl+F", "/")),
        ActionInfo(
            "save_search",
            "Save search…",
            "bookmark",
            ("Ctrl+Shift+B",),
            enabled=lambda context: context.searching,
            tooltip="Keep the search under a name",
        ),
        ActionInfo(
            "smallest",
            "Smallest that fits",
            "smallest",
            ("Ctrl+Shift+M",),
            enabled=lambda context: context.page == "library",
            tooltip="Select the smallest model that the search finds and that fits",
        ),
        ActionInfo(
            "columns",
            "Columns…",
            enabled=lambda context: context.page == "library",
            tooltip="Choose the columns of the library's table",
        ),
        ActionInfo(
            "duplicates",
            "Duplicates…",
            "copy",
            tooltip="Show which models lie on the disk several times",
        ),
        ActionInfo(
            "load",
            "Load",
            "load",
            ("Ctrl+L",),
            enabled=_loadable,
            tooltip="Load the selected model into memory",
        ),
        ActionInfo(
            "load_safer",
            "Load more safely",
            "load",
            enabled=lambda context: context.safer,
            tooltip="Load the selected model with less to go wrong, this once",
        ),
        ActionInfo(
            "load_anyway",
            "Load anyway",
            "load",
            enabled=lambda context: context.refused,
            tooltip="Load the selected model although it may not fit into memory",
        ),
        ActionInfo(
            "cancel_load",
            "Cancel load",
            "cancel",
            enabled=_loading,
            tooltip="Stop loading the selected model",
        ),
        ActionInfo(
            "chat",
            "Chat",
            "playground",
            enabled=_chattable,
            tooltip="Make the selected model active and open the Playground",
        ),
        ActionInfo(
            "switch",
            "Switch",
            "switch",
            ("Ctrl+Shift+S",),
            enabled=_switchable,
            tooltip="Send new prompts to the selected model; answers under way finish first",
        ),
        ActionInfo(
            "roll_back",
            "Roll back",
            "retry",
            enabled=lambda context: context.earlier > 0,
            tooltip="Send new prompts to the model that was active before",
        ),
        ActionInfo(
            "eject",
            "Eject",
            "eject",
            ("Ctrl+E",),
            enabled=_ready,
            tooltip="Free the selected model's memory once its answers are complete",
        ),
        ActionInfo(
            "pin",
            "Keep loaded",
            enabled=lambda context: _held(context) and not _pinned(context),
            tooltip="Never unload the selected model to make room or for being idle",
        ),
        ActionInfo(
            "unpin",
            "Don't keep loaded",
            enabled=lambda context: _held(context) and _pinned(context),
            tooltip="Let the selected model be unloaded when it is idle",
        ),
        ActionInfo(
            "load_settings",
            "Load settings…",
            "settings",
            ("Ctrl+Shift+L",),
            enabled=_settable,
            tooltip="Choose how the selected model is loaded: context, threads, memory",
        ),
        ActionInfo(
            "profile_model",
            "Profile",
            "profile",
            ("Ctrl+P",),
            enabled=_profilable,
            tooltip="Measure the selected model's speed",
        ),
        ActionInfo(
            "test_model",
            "Test",
            enabled=_testable,
            tooltip="Load the selected model and ask it for JSON and a tool call",
        ),
        ActionInfo(
            "convert",
            "Convert…",
            enabled=_convertible,
            tooltip="Quantise the selected model to another type, as a new file beside it",
        ),
        ActionInfo(
            "plan_memory",
            "Plan exactly",
            enabled=_plannable,
            tooltip="Ask llama.cpp what the selected model would take, without loading it",
        ),
        ActionInfo(
            "favourite",
            "Mark as favourite",
            "star",
            ("Ctrl+D",),
            enabled=lambda context: context.model is not None and not context.favourite,
            tooltip="Put a star to the selected model, so that it is found again",
        ),
        ActionInfo(
            "unfavourite",
            "Unmark favourite",
            "star-filled",
            ("Ctrl+D",),
            enabled=lambda context: context.model is not None and context.favourite,
            tooltip="Take the star of the selected model away",
        ),
        ActionInfo(
            "annotate",
            "Tags and note",
            "tag",
            ("Ctrl+T",),
            enabled=lambda context: context.model is not None,
            tooltip="Write tags, a note and names for the selected model",
        ),
        ActionInfo(
            "delete_model",
            "Delete",
            "trash",
            ("Ctrl+Backspace",),
            enabled=lambda context: context.deletable and not _held(context),
            tooltip="Move the selected model's files to the trash",
        ),
        ActionInfo(
            "restore",
            "Restore last models",
            "retry",
            enabled=lambda context: context.restorable > 0,
            tooltip="Load the models again that were loaded last time",
        ),
        ActionInfo("new_conversation", "New conversation", "plus", ("Ctrl+N",)),
        ActionInfo("quit", "Quit Modelyard", "close", ("Ctrl+Q",)),
    )
}

MODEL_ACTIONS = (
    "chat",
    "load",
    "load_safer",
    "load_anyway",
    "cancel_load",
    "switch",
    "eject",
    "pin",
    "unpin",
    "load_settings",
    "profile_model",
)
"""What can be done with one model, in the order that menus and buttons show."""

FILE_ACTIONS = (
    *("add_folder", "add_file", "rescan", "duplicates", ""),
    *("add_account", "audit_keys", "spending", ""),
    *("export_library", "import_library", "support_bundle", "", "new_conversation", "", "quit"),
)
NOTE_ACTIONS = ("favourite", "unfavourite", "annotate", "delete_model")
"""What a person notes of one model and does with its files, in the order of menus and buttons."""

MENUS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("&File", FILE_ACTIONS),
    (
        "&Model",
        (
            *MODEL_ACTIONS,
            *("plan_memory", "test_model", "convert", "", *NOTE_ACTIONS, ""),
            *("roll_back", "restore"),
        ),
    ),
    ("&View", (*PAGES, "", "palette", "search", "save_search", "smallest", "columns")),
)
"""Menu titles with the ids of their actions; an empty id is a separator."""
