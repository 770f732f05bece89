"""Which models a query line's fields ask for, found out a slice at a time."""

from collections.abc import Callable, Collection, Iterator, Sequence
from time import perf_counter

from PySide6.QtCore import QObject, QTimer, Signal

from app.domain.models import Capability, ModelId, ModelSpec
from app.domain.query_language import Field, Flag, ParsedQuery, Surroundings, matcher, parse

SLICE_SECONDS = 0.006
PAUSE_MS = 6
"""Between two slices; without one, nothing else would get its turn."""
SHOWN_AFTER = 16
"""Slices after which what was found by then is shown for the first time."""

_MOVING = frozenset({Flag.LOADED, Flag.FITS})


class Sieve(QObject):
    """Remembers verdicts on models until the line, or what it asks about, is another."""

    progressed = Signal()
    """More models are known to pass, or all of them are."""

    def __init__(
        self,
        surroundings: Callable[[], Surroundings],
        narrowed: Callable[[ParsedQuery], tuple[ParsedQuery, frozenset[ModelId] | None]],
        find: Callable[[ModelId], ModelSpec | None],
        parent: QObject | None = None,
    ) -> None:
        """Make one that lets everything pass.

        Args:
            surroundings: what lines ask about beside the specs, as it stands now.
            narrowed: what of a query is to be asked of each model, and the only ones that can
                pass, None for any.
            find: the spec of a model; None when it has just gone.
            parent: the owner.
        """
        super().__init__(parent)
        self._surroundings = surroundings
        self._narrowed = narrowed
        self._find = find
        self._query = ParsedQuery()
        self._rest = ParsedQuery()
        """What of it has to be asked of each model."""
        self._matches: Callable[[ModelSpec], bool] = lambda spec: True
        self._among: frozenset[ModelId] | None = None
        """The only models that can pass, where that is known without looking; None for any."""
        self._verdicts: dict[ModelId, bool] = {}
        self._left: Iterator[ModelId] = iter(())
        self._slices, self._shown_after = 0, SHOWN_AFTER
        self._timer = QTimer(self)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._go_on)

    @property
    def words(self) -> str:
        """The words of the line, which the index finds."""
        return self._query.words

    @property
    def capability(self) -> Capability | None:
        """One of the capabilities that the line asks for, which the index finds as well."""
        asked = (
            Capability(term.value)
            for term in self._query.terms
            if term.field is Field.CAPABILITY and not term.negated
        )
        return next(asked, None)

    @property
    def busy(self) -> bool:
        """Whether there are models that aren't judged yet."""
        return self._timer.isActive()

    def ask(self, line: str) -> None:
        """Let pass what another line asks for."""
        query = parse(line)
        same = (query.terms, query.excluded) == (self._query.terms, self._query.excluded)
        self._query = query
        if not same:
            self.forget()

    def forget(self, ids: Collection[ModelId] | None = None) -> None:
        """These models are to be judged anew, or all of them as what the line asks about moved."""
        if ids is None:
            self._verdicts = {}
        around = self._surroundings()
        self._rest, among = self._narrowed(self._query)
        self._matches = matcher(self._rest, around)
        marked = self._candidates(around)
        known = [found for found in (among, marked) if found is not None]
        self._among = frozenset.intersection(*known) if known else None
        for model_id in ids or ():
            self._verdicts.pop(model_id, None)

    def moves(self) -> bool:
        """Whether who passes depends on what is loaded."""
        return any(term.field in _MOVING for term in self._query.terms)

    def passing(self, ids: Sequence[ModelId]) -> Sequence[ModelId]:
        """Those of the models that are known to pass, in their order."""
        if self._query.simple:
            self._timer.stop()
            return ids
        if self._among is not None:
            ids = tuple(model_id for model_id in ids if model_id in self._among)
        if self._rest.simple:
            self._timer.stop()
            return ids
        self._left = (model_id for model_id in ids if model_id not in self._verdicts)
        if self._judge():
            self._timer.stop()
        elif not self._timer.isActive():
            self._slices, self._shown_after = 0, SHOWN_AFTER
            self._timer.start()
        return tuple(model_id for model_id in ids if self._verdicts.get(model_id))

    def _candidates(self, around: Surroundings) -> frozenset[ModelId] | None:
        sets = {Flag.LOADED: around.loaded, Flag.FAVOURITE: around.favourites}
        asked = (term.field for term in self._query.terms if not term.negated)
        found = [
            frozenset(sets[field]) for field in asked if isinstance(field, Flag) and field in sets
        ]
        return frozenset.intersection(*found) if found else None

    def _go_on(self) -> None:
        done = self._judge()
        self._slices += 1
        if done:
            self._timer.stop()
        if done or self._slices == self._shown_after:
            # To show many rows takes long as well: the more there are the rarer.
            self._shown_after *= 4
            self.progressed.emit()

    def _judge(self) -> bool:
        """Go on for a slice; whether nothing is left."""
        end = perf_counter() + SLICE_SECONDS
        for model_id in self._left:
            spec = self._find(model_id)
            self._verdicts[model_id] = spec is not None and self._matches(spec)
            if perf_counter() > end:
                return False
        return True
