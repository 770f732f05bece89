"""What the event log is read for: what an event is about, what led to it and what followed."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from app.domain.error_reports import ErrorReport
from app.domain.events import (
    AccountRefreshed,
    AccountRemoved,
    AccountsChanged,
    AliasAssigned,
    AnnotationChanged,
    AutoSwitched,
    BudgetMoved,
    CapabilityDetected,
    Cause,
    ConversionEnded,
    ConversionProgressed,
    CopiesDeleted,
    DeletionUndone,
    Event,
    FellBack,
    FoldersChanged,
    HealthChanged,
    KeyChanged,
    KeyRemoved,
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
        (
            *(AccountsChanged, AccountRemoved, KeyChanged, KeyRemoved),
            *(AccountRefreshed, LocalServersFound, BudgetMoved),
        ),
        Topic.REMOTE,
    ),
    **dict.fromkeys(
        (
            *(
                ModelsChanged,
                AnnotationChanged,
                SearchesChanged,
                ModelDeleted,
                DeletionUndone,
                CopiesDeleted,
            ),
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
    effects: dict[int, list[Published]] = {}
    starts: dict[Cause, list[Published]] = {}
    chain_of: dict[int, Cause] = {}
    latest: dict[Cause, int] = {}
    for published in log:
        cause = published.cause
        if isinstance(cause, int) and cause in chain_of:
            chain = chain_of[cause]
            effects.setdefault(cause, []).append(published)
        else:
            # The minus keeps what has no cause apart from what an event that isn't kept led to.
            chain = -published.seq if cause is None else cause
            starts.setdefault(chain, []).append(published)
        chain_of[published.seq] = chain
        latest[chain] = published.seq
    newest = sorted(starts, key=latest.__getitem__, reverse=True)
    return [_chain(starts[chain], effects) for chain in newest]


def _chain(starts: Sequence[Published], effects: Mapping[int, Sequence[Published]]) -> Chain:
    if len(starts) == 1 and starts[0].seq not in effects:
        return Chain(starts[0].cause, ((starts[0], 0),))
    events: list[tuple[Published, int]] = []
    left = [(start, 0) for start in reversed(starts)]
    while left:
        published, depth = left.pop()
        events.append((published, depth))
        left += [(effect, depth + 1) for effect in reversed(effects.get(published.seq, ()))]
    return Chain(starts[0].cause, tuple(events))
