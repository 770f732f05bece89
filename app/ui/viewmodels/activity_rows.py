"""The rows of the activity log: chains of causes, folded, filtered, each row one sentence."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.domain.activity import Chain, Topic, chains, error_of, main_topic, models_of, topics_of
from app.domain.error_reports import ErrorReport
from app.domain.events import (
    AliasAssigned,
    Event,
    ModelEvicted,
    ModelsChanged,
    ModelSwitched,
    ModelUnloaded,
    Published,
    SwitchRolledBack,
)
from app.domain.models import ModelId
from app.ui.viewmodels.event_words import Name, gesture, sentence

FOLDED_FROM = 9
"""A chain of so many rows is folded until it is opened."""
MERGED_SECONDS = 60.0
"""Changes of models that follow each other within this time are one row."""

Key = str


@dataclass(frozen=True)
class Entry:
    """One event in words."""

    key: Key
    at: float
    """Seconds since the epoch."""
    topic: Topic | None
    """What it is shown as; None for what a person or a command asked for."""
    topics: frozenset[Topic]
    """What it is found under."""
    text: str
    models: tuple[ModelId, ...] = ()
    error: ErrorReport | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    entry: Entry
    chain: Key
    depth: int = 0
    folds: bool = False
    """Others can be folded under it."""
    open: bool = True
    hidden: int = 0
    """How many are folded under it now."""
    aside: bool = False
    """It is only shown as the cause of one that was asked for."""


@dataclass(frozen=True)
class Filter:
    """What is asked for; empty fields ask for nothing in particular."""

    words: str = ""
    topics: frozenset[Topic] = frozenset()
    model: ModelId | None = None

    def __bool__(self) -> bool:
        return bool(self.words.strip() or self.topics or self.model)

    def takes(self, entry: Entry) -> bool:
        """Whether an entry is asked for."""
        if self.topics and not self.topics & entry.topics:
            return False
        if self.model is not None and self.model not in entry.models:
            return False
        text = entry.text.casefold()
        return all(word in text for word in self.words.casefold().split())


EVERYTHING = Filter()


def entry_of(published: Published, name: Name) -> Entry | None:
    """An event in words; None for one that isn't listed."""
    event = published.event
    text = sentence(event, name)
    if not text:
        return None
    return Entry(
        key=str(published.seq),
        at=published.at,
        topic=main_topic(event),
        topics=topics_of(event),
        text=text,
        models=models_of(event),
        error=error_of(event),
    )


def tidied(log: Iterable[Published]) -> list[Published]:
    """A log without what is told twice.

    Changes of models that come in a row are one; an alias isn't said to lead elsewhere where a
    switch says so, nor a model to be ejected where that is said with its reason.
    """
    kept: list[Published] = []
    for published in log:
        before = kept[-1] if kept else None
        if before is not None and before.cause == published.cause:
            merged = _merged(before, published)
            if merged is not None:
                kept[-1] = merged
                continue
        kept.append(published)
    return kept


def _merged(before: Published, after: Published) -> Published | None:
    former, latter = before.event, after.event
    if isinstance(former, ModelsChanged) and isinstance(latter, ModelsChanged):
        if after.at - before.at > MERGED_SECONDS:
            return None
        ids = tuple(dict.fromkeys((*former.ids, *latter.ids)))
        # The later one's number, under which the words of the former would be found again.
        return after.model_copy(update={"event": ModelsChanged(ids=ids)})
    if isinstance(former, AliasAssigned) and isinstance(latter, ModelSwitched):
        same = former.name == latter.name and former.model_id == latter.model_id
        return after if same else None
    if isinstance(former, ModelUnloaded) and isinstance(latter, ModelEvicted):
        return after if former.model_id == latter.model_id else None
    return None


@dataclass
class Book:
    """The words of the events that are kept; each event is put into words once."""

    name: Name
    _entries: dict[int, tuple[Event, Entry | None]] = field(default_factory=dict)

    def read(self, log: Sequence[Published]) -> tuple[list[Chain], dict[int, Entry]]:
        """The chains of what is listed, and the words of it by number."""
        before, self._entries = self._entries, {}
        listed: list[Published] = []
        entries: dict[int, Entry] = {}
        for published in tidied(log):
            known = before.get(published.seq)
            if known is None or known[0] is not published.event:
                known = published.event, entry_of(published, self.name)
            self._entries[published.seq] = known
            if known[1] is not None:
                listed.append(published)
                entries[published.seq] = known[1]
        return chains(listed), entries


def lines_of(
    chain: Chain, entries: Mapping[int, Entry], name: Name
) -> tuple[tuple[Entry, int], ...]:
    """A chain's entries with their depth; what several follow from stands at their head."""
    lines = [(entries[published.seq], depth) for published, depth in chain.events]
    roots = sum(depth == 0 for _, depth in lines)
    if chain.cause is None or roots < 2:
        return tuple(lines)
    first = chain.events[0][0]
    head = Entry(
        key=f"cause {chain.cause}",
        at=first.at,
        topic=None,
        topics=frozenset(),
        text=_asked(chain, name),
    )
    return ((head, 0), *((entry, depth + 1) for entry, depth in lines))


def _asked(chain: Chain, name: Name) -> str:
    assert chain.cause is not None
    said = gesture(chain.cause, name)
    switches = (ModelSwitched, SwitchRolledBack)
    aims = (p.event.model_id for p, _ in chain.events if isinstance(p.event, switches))
    aim = next(aims, None) if said == gesture("switch", name) else None
    return f"A switch to {name(aim)} was asked for." if aim is not None else said


def rows_of(
    lines: Sequence[tuple[Entry, int]], asked: Filter, folds: Mapping[Key, bool]
) -> list[Row]:
    """A chain's rows as they are shown.

    Args:
        lines: the chain.
        asked: what is looked for; chains without any of it have no rows.
        folds: which chains a person opened or folded, by their first entry's key.
    """
    chain = lines[0][0].key
    shown = lines
    taken: Collection[Key] = ()
    looking = bool(asked)
    if looking:
        taken = {entry.key for entry, _ in lines if asked.takes(entry)}
        shown = _with_causes(lines, taken)
    if not shown:
        return []
    is_open = looking or folds.get(chain, len(lines) < FOLDED_FROM)
    rows = [
        Row(entry, chain, depth, aside=looking and entry.key not in taken) for entry, depth in shown
    ]
    if len(rows) == 1:
        return rows
    top = replace(rows[0], folds=True, open=is_open, hidden=0 if is_open else len(rows) - 1)
    return [top, *rows[1:]] if is_open else [top]


def _with_causes(
    lines: Sequence[tuple[Entry, int]], taken: Collection[Key]
) -> list[tuple[Entry, int]]:
    """The entries that are asked for, and those that led to them."""
    kept: set[Key] = set()
    above: list[Key] = []
    for entry, depth in lines:
        del above[depth:]
        above.append(entry.key)
        if entry.key in taken:
            kept.update(above)
    return [line for line in lines if line[0].key in kept]
