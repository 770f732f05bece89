"""The Activity page's state: what happened in this run, why, and what is looked for in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, QTimer, Signal

from app.domain.activity import Chain, Topic
from app.domain.events import (
    ConversionEnded,
    ConversionProgressed,
    Event,
    LoadAbandoned,
    LoadFailed,
    ManagerInitialised,
    ModelCrashed,
    ModelEvicted,
    ModelLoaded,
    ModelLoading,
    ModelUnloaded,
    ProfilingCompleted,
    ProfilingProgressed,
    Published,
    ScanFinished,
    ScanProgressed,
)
from app.domain.models import ModelId
from app.manager.events import KEPT, Subscription
from app.manager.manager import Manager
from app.ui import words
from app.ui.viewmodels.activity_rows import (
    EVERYTHING,
    Book,
    Entry,
    Filter,
    Key,
    Row,
    lines_of,
    rows_of,
)
from app.ui.viewmodels.activity_table import ActivityTable
from app.ui.viewmodels.event_words import clock, full_time, gesture

REFRESH_MS = 200
"""How often the log follows what happens, at most."""

Work = tuple[type[Event], str]
"""What goes on: the event that tells of it, and the model or folder that it is done to."""
GOES_ON: Mapping[type[Event], str] = {
    ModelLoading: "model_id",
    ScanProgressed: "folder",
    ConversionProgressed: "model_id",
    ProfilingProgressed: "model_id",
}
"""The events that tell how far something has come, with the field that names it."""
ENDS: Mapping[type[Event], type[Event]] = {
    ScanFinished: ScanProgressed,
    ConversionEnded: ConversionProgressed,
    ProfilingCompleted: ProfilingProgressed,
    **dict.fromkeys(
        (LoadAbandoned, LoadFailed, ModelCrashed, ModelEvicted, ModelLoaded, ModelUnloaded),
        ModelLoading,
    ),
}
"""The events that end that, with what they end."""


Lines = tuple[tuple[Entry, int], ...]
Shown = tuple[tuple[Chain, Filter, bool | None], Lines, list[Row]]
"""A chain as it was asked for, its lines, and its rows."""


@dataclass(frozen=True)
class Story:
    """One entry with what led to it and what followed."""

    entry: Entry
    causes: tuple[Entry, ...]
    """The first cause first."""
    effects: tuple[Entry, ...]
    """In the order in which they happened."""
    origin: str = ""
    """The gesture or command behind all of it; empty where there was none."""


class Activity(QObject):
    """Reads the bus while somebody looks; what is kept is the bus's own, so it has its bound.

    What goes on has one entry, however often it tells how far it has come.
    """

    changed = Signal()
    """Other rows are shown, or what is looked for is another."""

    def __init__(self, manager: Manager, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._manager = manager
        self._book = Book(self.name)
        self._going_on: dict[Work, Published] = {}
        self._chains: list[Chain] = []
        self._entries: dict[int, Entry] = {}
        self._folds: dict[Key, bool] = {}
        self._shown: dict[int, Shown] = {}
        self._subscription: Subscription | None = None
        self.table = ActivityTable(self)
        self.filter = EVERYTHING
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self.refresh)

    def watch(self, *, seen: bool) -> None:
        """Follow what happens while somebody looks; otherwise it costs nothing."""
        if seen and self._subscription is None:
            self._subscription = self._manager.events.subscribe(self._timer.start)
            self.refresh()
        elif not seen and self._subscription is not None:
            self._timer.stop()
            self._subscription.close()
            self._subscription = None
            self._going_on.clear()

    def refresh(self) -> None:
        """Take what came meanwhile."""
        if self._subscription is not None:
            taken = self._subscription.take()
            if self._subscription.lost:
                self._going_on.clear()
            for published in taken:
                self._follow(published)
        going_on = [*self._going_on.values()]
        log = [*self._manager.events.kept(), *going_on]
        log.sort(key=lambda published: published.seq)
        self._chains, self._entries = self._book.read(log)
        self._show()

    def look_for(
        self,
        *,
        words: str | None = None,
        topics: frozenset[Topic] | None = None,
        model: ModelId | None = None,
        any_model: bool = False,
    ) -> None:
        """Change some of what is looked for.

        Args:
            words: all of them stand in the sentence.
            topics: one of them fits; none of them for all.
            model: the model that is told of.
            any_model: tell of every model again.
        """
        asked = self.filter
        if words is not None:
            asked = replace(asked, words=words)
        if topics is not None:
            asked = replace(asked, topics=topics)
        if model is not None or any_model:
            asked = replace(asked, model=model)
        if asked != self.filter:
            self.filter = asked
            self._show()

    def look_for_everything(self) -> None:
        """Forget what was looked for."""
        self.filter = EVERYTHING
        self._show()

    def fold(self, key: Key, *, is_open: bool) -> None:
        """Open a chain, or fold it."""
        self._folds[key] = is_open
        self._show()

    def reveal(self, key: Key) -> None:
        """Have an entry among the rows, whatever is looked for or folded."""
        if self.table.row_of(key) >= 0:
            return
        for _, lines, _ in self._shown.values():
            if any(entry.key == key for entry, _ in lines):
                self._folds[lines[0][0].key] = True
        self.look_for_everything()

    def story(self, key: Key) -> Story | None:
        """What led to an entry and what followed; None when it isn't kept any more."""
        for (chain, _, _), lines, _ in self._shown.values():
            for place, (entry, _) in enumerate(lines):
                if entry.key == key:
                    return self._told(chain, lines, place)
        return None

    def models(self) -> list[tuple[ModelId, str]]:
        """The models that the log tells of, by name."""
        ids = {model for entry in self._entries.values() for model in entry.models[:2]}
        if self.filter.model is not None:
            ids.add(self.filter.model)
        return sorted(((model, self.name(model)) for model in ids), key=lambda pair: pair[1])

    def openable(self, entry: Entry) -> tuple[tuple[ModelId, str], ...]:
        """The models of an entry that the library can show."""
        found = (self._manager.spec(model) for model in entry.models[:2])
        return tuple((spec.id, spec.name) for spec in found if spec is not None)

    def name(self, model_id: ModelId) -> str:
        """A model's name; what is left of its id when it is gone."""
        spec = self._manager.spec(model_id)
        return spec.name if spec is not None else model_id.rpartition(":")[2] or model_id

    def count(self) -> int:
        """How many events are listed, asked for or not."""
        return len(self._entries)

    def idle(self) -> bool:
        """Whether nothing has happened but the start."""
        return all(
            isinstance(item.event, ManagerInitialised) for c in self._chains for item, _ in c.events
        )

    def summary(self) -> str:
        """How much is listed, and from when on."""
        kept = self._manager.events.kept()
        if not kept:
            return ""
        since = f"since {clock(kept[0].at)}; a restart begins anew"
        if len(kept) == KEPT:
            return f"The last {words.amount(self.count(), 'event')}, {since}"
        return f"{words.amount(self.count(), 'event')} of this run, {since}"

    def text(self) -> str:
        """What is shown, as text."""
        return "".join(f"{line_of(row)}\n" for row in self.table.rows)

    def story_text(self, key: Key) -> str:
        """One entry with what led to it and what followed, as text."""
        story = self.story(key)
        if story is None:
            return ""
        lines = [f"{full_time(story.entry.at)}: {story.entry.text}"]
        error = story.entry.error
        if error is not None:
            lines += [part for part in (error.remedy, error.detail) if part]
        led = [story.origin] if story.origin else []
        led += [f"{clock(cause.at)} {cause.text}" for cause in story.causes]
        parts = (
            ("What led to it:", led),
            ("What followed:", [f"{clock(effect.at)} {effect.text}" for effect in story.effects]),
        )
        for title, told in parts:
            lines += [title, *(f"  {line}" for line in told)] if told else []
        return "\n".join(lines)

    def _told(self, chain: Chain, lines: Lines, place: int) -> Story:
        entry, depth = lines[place]
        headed = lines[0][0].key.startswith("cause ")
        causes: list[Entry] = []
        above = depth
        for earlier, at_depth in reversed(lines[:place]):
            if at_depth < above:
                causes.insert(0, earlier)
                above = at_depth
        if headed and causes:
            del causes[0]
        effects: list[Entry] = []
        for later, at_depth in lines[place + 1 :]:
            if at_depth <= depth:
                break
            effects.append(later)
        origin = ""
        if headed and place:
            origin = lines[0][0].text
        elif chain.cause is not None and not headed:
            origin = gesture(chain.cause, self.name)
        return Story(entry, tuple(causes), tuple(effects), origin)

    def _follow(self, published: Published) -> None:
        kind = type(published.event)
        work = ENDS.get(kind, kind)
        if work not in GOES_ON:
            return
        which = work, str(getattr(published.event, GOES_ON[work]))
        before = self._going_on.pop(which, None)
        if work is kind:
            # Under its first number it stays where it began.
            number = before.seq if before is not None else published.seq
            self._going_on[which] = published.model_copy(update={"seq": number})

    def _fold_of(self, chain: Chain) -> bool | None:
        first = f"cause {chain.cause}" if chain.cause is not None else ""
        opened = self._folds.get(first)
        return self._folds.get(str(chain.events[0][0].seq)) if opened is None else opened

    def _show(self) -> None:
        before, self._shown = self._shown, {}
        rows: list[Row] = []
        for chain in self._chains:
            # Most chains are over: what was shown of them is shown again.
            number = chain.events[0][0].seq
            asked = chain, self.filter, self._fold_of(chain)
            known = before.get(number)
            if known is None or known[0] != asked:
                lines = lines_of(chain, self._entries, self.name)
                known = asked, lines, rows_of(lines, self.filter, self._folds)
            self._shown[number] = known
            rows += known[2]
        self.table.replace(rows)
        self.changed.emit()


def line_of(row: Row) -> str:
    """A row as a line of text."""
    return f"{clock(row.entry.at)}  {'    ' * row.depth}{row.entry.text}"
