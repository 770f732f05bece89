"""Events and gestures as one plain sentence each."""

from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from PySide6.QtCore import QDateTime, QLocale

from app.domain import events
from app.domain.activity import Topic
from app.domain.events import Cause, Event
from app.domain.models import ACTIVE, ModelId
from app.domain.spending import BudgetLevel
from app.ui import words

Name = Callable[[ModelId], str]
"""Tells a model's name."""

TOPIC_WORDS: dict[Topic, str] = {
    Topic.MODELS: "Models",
    Topic.SWITCHES: "Switches",
    Topic.MEMORY: "Memory",
    Topic.ERRORS: "Errors",
    Topic.REMOTE: "Remote",
    Topic.LIBRARY: "Library",
    Topic.PROGRAM: "Program",
}
"""The word for many of them, on a filter."""
KIND_WORDS: dict[Topic | None, str] = {
    None: "request",
    Topic.MODELS: "model",
    Topic.SWITCHES: "switch",
    Topic.MEMORY: "memory",
    Topic.ERRORS: "error",
    Topic.REMOTE: "remote",
    Topic.LIBRARY: "library",
    Topic.PROGRAM: "program",
}
"""The word for one."""

GESTURES: dict[str, str] = {
    "undo delete": "{} was called back by hand.",
    "undo remove account": "An account was called back by hand.",
    "undo remove key": "A key was called back by hand.",
    "cancel scan": "The scan was cancelled by hand.",
    "rescan unwatched": "Folders that nobody watches were looked at again.",
    "delete run": "A kept run was deleted by hand.",
    "delete conversation": "A conversation was deleted by hand.",
    "cancel restart": "The restart of {} was cancelled by hand.",
    "forget search": "The saved search {} was removed by hand.",
    "choose load settings of": "Load settings were chosen for {}.",
    "choose conversion of": "A conversion was chosen for {}.",
    "load default": "The default model was asked for.",
    "load": "{} was asked for.",
    "reload": "{} was asked for with other settings.",
    "cancel": "The load of {} was cancelled by hand.",
    "eject": "{} was ejected by hand.",
    "pin": "Whether {} stays loaded was changed by hand.",
    "plan": "An exact memory plan was asked for {}.",
    "test": "{} was tested by hand.",
    "dismiss": "A failure of {} was dismissed.",
    "switch": "A switch was asked for.",
    "roll back": "The way back to the model before was asked for.",
    "restore": "The models of last time were asked for.",
    "add folder": "A folder was added by hand.",
    "add file": "A file was added by hand.",
    "add dropped": "Files were added by hand.",
    "add account": "An account was added by hand.",
    "remove account": "An account was removed by hand.",
    "remove": "{} was taken out of the library by hand.",
    "rescan": "The folders were looked at again.",
    "mark": "The mark of {} was changed by hand.",
    "delete": "{} was deleted by hand.",
    "convert": "A conversion of {} was asked for.",
    "end": "The conversion of {} was cancelled by hand.",
    "save search": "A search was saved.",
    "save settings": "Settings were changed by hand.",
    "save state": "Saving was asked for.",
    "write notes": "Tags and notes were written.",
    "import": "A library was imported.",
    "profile": "A profile was asked for.",
}
"""What a gesture was, by how its name begins, longer ones first; the rest is a model or a path."""
OF_A_CONVERSATION = "Something was asked in the Playground."


def gesture(cause: Cause, name: Name) -> str:
    """What led to something, where that was a person or a command and no event."""
    if isinstance(cause, int):
        return "It followed from something that is no longer listed."
    said = cause.rpartition(" #")[0] or cause
    for begin, sentence in GESTURES.items():
        if said == begin or said.startswith(f"{begin} "):
            rest = said.removeprefix(begin).strip()
            return sentence.format(_named(rest, name) if rest else "A model")
    if ":" in said.partition(" ")[0]:
        return OF_A_CONVERSATION
    return f"It was asked for: {said}."


def _named(rest: str, name: Name) -> str:
    if "/" in rest or "\\" in rest:
        return PurePath(rest).name
    return name(ModelId(rest))


def _alias(alias: str) -> str:
    return "New prompts go" if alias == ACTIVE else f"The alias {alias} leads"


def _loading(event: events.ModelLoading, name: Name) -> str:
    share = f", {words.percent(event.progress)}" if event.progress is not None else ""
    return f"{name(event.model_id)} is on its way: {words.STATE_WORDS[event.state]}{share}."


def _loaded(event: events.ModelLoaded, name: Name) -> str:
    taken = f" and takes {words.size(event.memory)}" if event.memory else ""
    return f"{name(event.model_id)} was loaded in {words.duration(event.load_seconds)}{taken}."


def _evicted(event: events.ModelEvicted, name: Name) -> str:
    freed = f" {words.size(event.freed_bytes)} were freed." if event.freed_bytes else ""
    if event.for_model is not None:
        other = name(event.for_model)
        said = f"{name(event.model_id)} was ejected to make room for {other}"
        more = event.reason.removeprefix(f"makes room for {other}").strip(" ,")
        return f"{said}: {more}.{freed}" if more else f"{said}.{freed}"
    return f"{name(event.model_id)} was ejected: {event.reason}.{freed}"


def _crashed(event: events.ModelCrashed, name: Name) -> str:
    back = " It is brought up again by itself." if event.restarts_at is not None else ""
    return f"{name(event.model_id)} crashed. {event.error.what}{back}"


def _switched(event: events.ModelSwitched, name: Name) -> str:
    before = f" instead of {name(event.previous)}" if event.previous is not None else ""
    waited = f"; they waited {words.duration(event.gap_seconds)}" if event.gap_seconds else ""
    return f"{_alias(event.name)} to {name(event.model_id)}{before}{waited}."


def _assigned(event: events.AliasAssigned, name: Name) -> str:
    if event.model_id is not None:
        return f"{_alias(event.name)} to {name(event.model_id)}."
    gone = "No model is active any more." if event.name == ACTIVE else ""
    return gone or f"The alias {event.name} was removed."


def _rolled_back(event: events.SwitchRolledBack, name: Name) -> str:
    why = event.error.what if event.error is not None else "It was cancelled."
    stays = f"{name(event.stays)} stays" if event.stays is not None else "no model is active"
    return f"The switch to {name(event.model_id)} was rolled back, {stays}. {why}"


def _auto_switched(event: events.AutoSwitched, name: Name) -> str:
    return (
        f"{name(event.model_id)} stands in for {name(event.previous)}, "
        f"which answered badly: {event.reason.rstrip('.')}."
    )


def _reload_rolled_back(event: events.ReloadRolledBack, name: Name) -> str:
    why = event.error.what if event.error is not None else "It was cancelled."
    return f"{name(event.model_id)} is loaded with its former settings again. {why}"


def _health(event: events.HealthChanged, name: Name) -> str:
    reason = f": {event.health.reason.rstrip('.')}" if event.health.reason else ""
    state = event.health.state.value.replace("_", " ")
    return f"{name(event.model_id)} is {'well' if state == 'ok' else state}{reason}."


def _detected(event: events.CapabilityDetected, name: Name) -> str:
    can = "can do" if event.value else "can't do"
    return f"{name(event.model_id)} {can} {event.capability}: {event.source}."


def _pinned(event: events.ModelPinned, name: Name) -> str:
    kept = "is kept loaded from now on" if event.pinned else "may be ejected again"
    return f"{name(event.model_id)} {kept}."


def _scanned(event: events.ScanFinished, _: Name) -> str:
    folder = PurePath(event.folder).name or event.folder
    if event.error is not None:
        return f"The scan of {folder} failed. {event.error.what}"
    how = "was cancelled" if event.cancelled else "is done"
    return f"The scan of {folder} {how}: {words.amount(event.models, 'model')}."


def _converted(event: events.ConversionEnded, name: Name) -> str:
    whole = f"The conversion of {name(event.model_id)} to {event.quantisation}"
    if event.error is not None:
        return f"{whole} failed. {event.error.what}"
    if event.made is None:
        return f"{whole} was cancelled."
    return f"{name(event.model_id)} was converted to {event.quantisation}."


def _models_changed(event: events.ModelsChanged, name: Name) -> str:
    if len(event.ids) == 1:
        return f"{name(event.ids[0])} was added to the library, changed or removed."
    return f"{words.amount(len(event.ids), 'model')} in the library were added, changed or removed."


def _refreshed(event: events.AccountRefreshed, _: Name) -> str:
    if event.error is not None:
        return f"{event.account_id} couldn't be asked for its models. {event.error.what}"
    return f"{event.account_id} offers {words.amount(event.models, 'model')}."


def _servers(event: events.LocalServersFound, _: Name) -> str:
    if not event.servers:
        return "No other server was found on this machine."
    kinds = ", ".join(server.base_url for server in event.servers)
    return f"Servers on this machine answered: {kinds}."


def _budget(event: events.BudgetMoved, _: Name) -> str:
    if event.state.level is BudgetLevel.SPENT:
        return "This month's budget is spent."
    near = event.state.level is BudgetLevel.NEAR
    return "This month's budget is nearly spent." if near else "The budget has room again."


def _profiling(event: events.ProfilingProgressed, name: Name) -> str:
    return f"{name(event.model_id)} is being measured: request {event.request} of {event.requests}."


def _restored(event: events.StateRestored, _: Name) -> str:
    return f"{words.amount(len(event.ids), 'model')} of last time were asked for again."


SENTENCES: dict[type[Event], Callable[[Any, Name], str]] = {
    events.ModelLoading: _loading,
    events.ModelLoaded: _loaded,
    events.ModelEvicted: _evicted,
    events.ModelCrashed: _crashed,
    events.ModelSwitched: _switched,
    events.AliasAssigned: _assigned,
    events.SwitchRolledBack: _rolled_back,
    events.AutoSwitched: _auto_switched,
    events.ReloadRolledBack: _reload_rolled_back,
    events.HealthChanged: _health,
    events.CapabilityDetected: _detected,
    events.ModelPinned: _pinned,
    events.ScanFinished: _scanned,
    events.ConversionEnded: _converted,
    events.ModelsChanged: _models_changed,
    events.AccountRefreshed: _refreshed,
    events.LocalServersFound: _servers,
    events.BudgetMoved: _budget,
    events.ProfilingProgressed: _profiling,
    events.StateRestored: _restored,
    events.LoadFailed: lambda e, name: f"{name(e.model_id)} couldn't be loaded. {e.error.what}",
    events.LoadAbandoned: lambda e, name: f"The load of {name(e.model_id)} was cancelled.",
    events.ModelUnloaded: lambda e, name: f"{name(e.model_id)} was ejected; its memory is free.",
    events.ModelRecovered: lambda e, name: (
        f"{name(e.model_id)} was brought up again after {words.duration(e.down_seconds)}."
    ),
    events.FellBack: lambda e, name: (
        f"{name(e.model_id)} didn't answer, and the next model was asked. {e.error.what}"
    ),
    events.ModelDeleted: lambda e, _: f"{e.name} left the library; its files go to the trash.",
    events.CopiesDeleted: lambda e, _: (
        f"{words.amount(e.count, 'copy', 'copies')} of {e.name} left for the trash."
    ),
    events.DeletionUndone: lambda e, name: f"What was deleted of {name(e.model_id)} is back.",
    events.AnnotationChanged: lambda e, name: f"What is noted of {name(e.model_id)} changed.",
    events.SearchesChanged: lambda e, _: "The saved searches changed.",
    events.FoldersChanged: lambda e, _: "The folders of the library changed.",
    events.ConversionProgressed: lambda e, name: (
        f"{name(e.model_id)} is being converted to {e.quantisation}, {words.percent(e.progress)}."
    ),
    events.ScanProgressed: lambda e, _: (
        f"{PurePath(e.folder).name or e.folder} is being scanned: "
        f"{words.amount(e.files, 'file')}, {words.amount(e.models, 'model')}."
    ),
    events.ProfilingStarted: lambda e, name: f"The measuring of {name(e.model_id)} began.",
    events.ProfilingCompleted: lambda e, name: (
        f"{name(e.model_id)} was measured."
        if e.run_id is not None
        else f"The measuring of {name(e.model_id)} ended early."
    ),
    events.SettingChanged: lambda e, _: f"The setting {e.key.replace('_', ' ')} changed.",
    events.LoadSettingsChanged: lambda e, name: (
        f"The next load of {name(e.model_id)} takes other settings."
    ),
    events.MemoryPlanned: lambda e, name: f"What {name(e.model_id)} takes is known better.",
    events.NoticeRaised: lambda e, _: f"{e.report.what} {e.report.remedy}",
    events.AccountsChanged: lambda e, _: f"The account {e.account_id} was changed.",
    events.AccountRemoved: lambda e, _: f"The account {e.name} was removed.",
    events.KeyChanged: lambda e, _: f"The key of {e.account_id} was changed.",
    events.KeyRemoved: lambda e, _: f"The key of {e.name} was removed.",
    events.ManagerInitialised: lambda e, _: (
        f"Modelyard started with {words.amount(e.models, 'model')}."
    ),
    events.StateSaved: lambda e, _: "Everything that had changed was saved.",
}
"""The sentence of each event that is listed; those that only say that a value moved have none."""


def sentence(event: Event, name: Name) -> str:
    """What happened, in one sentence; empty for what isn't worth one."""
    make = SENTENCES.get(type(event))
    return make(event, name) if make is not None else ""


def clock(at: float) -> str:
    """The time of day to the second."""
    return QDateTime.fromMSecsSinceEpoch(int(at * 1000)).toString("HH:mm:ss")


def full_time(at: float) -> str:
    """Date and time to the second, in the locale's form."""
    when = QDateTime.fromMSecsSinceEpoch(int(at * 1000))
    day = QLocale().toString(when.date(), QLocale.FormatType.LongFormat)
    return f"{day}, {clock(at)}"
