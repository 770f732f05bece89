"""What the event log is read for: what an event is about, what led to it and what followed."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from app.domain.error_reports import ErrorReport
from app.domain.events import (
    AccountRefreshed,
    AccountsChanged,
    AliasAssigned,
    AnnotationChanged,
    AutoSwitched,
    BudgetMoved,
    CapabilityDetected,
    Cause,
    ConversionEnded,
    ConversionProgressed,
    DeletionUndone,
    Event,
    FellBack,
    FoldersChanged,
    HealthChanged,
    KeyChanged,
    LoadAbandoned,
    LoadFailed,
    LoadSettingsChanged,
    LocalServersFound,
    MemoryPlanned,
    ModelCrashed,
    ModelDeleted,
    ModelEvicted,
    ModelLoaded,
    ModelLoading,
    ModelPinned,
    ModelRecovered,
    ModelsChanged,
    ModelSwitched,
    ModelUnloaded,
    NoticeRaised,
    ProfilingCompleted,
    ProfilingProgressed,
    Published,
    ReloadRolledBack,
    ScanFinished,
    ScanProgressed,
    SearchesChanged,
    SwitchRolledBack,
)
from app.domain.models import ModelId


class Topic(StrEnum):
    """What an event is about; what the log is filtered by."""

    MODELS = "models"
    SWITCHES = "switches"
    MEMORY = "memory"
    ERRORS = "errors"
    REMOTE = "remote"
    LIBRARY = "library"
    PROGRAM = "program"
    """Settings and the program's own life."""


TOPICS: Mapping[type[Event], Topic] = {
    **dict.fromkeys(
        (
            *(ModelLoading, ModelLoaded, LoadFailed, LoadAbandoned, ModelUnloaded, ModelPinned),
            *(ModelCrashed, ModelRecovered, HealthChanged, CapabilityDetected, FellBack),
            *(LoadSettingsChanged, ProfilingProgressed, ProfilingCompleted, ReloadRolledBack),
        ),
        Topic.MODELS,
    ),
    **dict.fromkeys((AliasAssigned, ModelSwitched, SwitchRolledBack, AutoSwitched), Topic.SWITCHES),
    **dict.fromkeys((ModelEvicted, MemoryPlanned), Topic.MEMORY),
    **dict.fromkeys(
        (AccountsChanged, KeyChanged, AccountRefreshed, LocalServersFound, BudgetMoved),
        Topic.REMOTE,
    ),
    **dict.fromkeys(
        (
            *(ModelsChanged, AnnotationChanged, SearchesChanged, ModelDeleted, DeletionUndone),
            *(ConversionProgressed, ConversionEnded, FoldersChanged, ScanProgressed, ScanFinished),
        ),
        Topic.LIBRARY,
    ),
    NoticeRaised: Topic.ERRORS,
}


def topics_of(event: Event) -> frozenset[Topic]:
    """What an event is about; one that tells of an error is about errors as well."""
    topic = TOPICS.get(type(event), Topic.PROGRAM)
    return frozenset((topic, Topic.ERRORS) if error_of(event) is not None else (topic,))


def main_topic(event: Event) -> Topic:
    """The one word for an event: an error first of all."""
    error = error_of(event) is not None
    return Topic.ERRORS if error else TOPICS.get(type(event), Topic.PROGRAM)


def error_of(event: Event) -> ErrorReport | None:
    """The error that an event tells of."""
    found = getattr(event, "report", None) or getattr(event, "error", None)
    return found if isinstance(found, ErrorReport) else None


def models_of(event: Event) -> tuple[ModelId, ...]:
    """The models that an event names, the one it is most about first."""
    fields = ("model_id", "made", "for_model", "previous", "stays")
    named = [getattr(event, field, None) for field in fields]
    ids = [*getattr(event, "ids", ()), *(name for name in named if isinstance(name, str))]
    return tuple(dict.fromkeys(ModelId(name) for name in ids))


class Chain(NamedTuple):
    """Events that one thing led to, oldest first, each with how many steps it is from that."""

    cause: Cause | None
    """What the first one was caused by, where that is a gesture or a command, or not kept."""
    events: tuple[tuple[Published, int], ...]


def chains(log: Iterable[Published]) -> list[Chain]:
    """A log in order as chains of causes, the one in which something happened last first.

    What a gesture or a command led to is one chain, and so is what follows from an event that
    nothing led to. An event stands after its cause and all that this cause had led to before.
    """
    by_number = {published.seq: published for published in log}
    effects: dict[int, list[Published]] = {}
    roots: dict[Cause, list[Published]] = {}
    for published in by_number.values():
        cause = published.cause
        if isinstance(cause, int) and cause in by_number:
            effects.setdefault(cause, []).append(published)
        else:
            # The minus keeps what has no cause apart from what an event that isn't kept led to.
            roots.setdefault(-published.seq if cause is None else cause, []).append(published)
    found = []
    for starts in roots.values():
        events: list[tuple[Published, int]] = []
        left = [(start, 0) for start in reversed(starts)]
        while left:
            published, depth = left.pop()
            events.append((published, depth))
            left += [(effect, depth + 1) for effect in reversed(effects.get(published.seq, ()))]
        found.append(Chain(starts[0].cause, tuple(events)))
    found.sort(key=lambda chain: max(item.seq for item, _ in chain.events), reverse=True)
    return found
