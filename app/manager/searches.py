"""The library's query line and the searches that are kept."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from operator import le
from typing import Final, Literal, Protocol

from app.domain import memory as rules
from app.domain.errors import SettingError
from app.domain.events import SearchesChanged
from app.domain.instances import InstanceState, InstanceView
from app.domain.models import (
    Capability,
    ModelId,
    ModelOrder,
    ModelPage,
    ModelQuery,
    ModelStatus,
)
from app.domain.query_language import (
    KIND,
    Completion,
    Field,
    Flag,
    ParsedQuery,
    Term,
    comparison,
    completions,
    matcher,
    parse,
)
from app.manager.annotations import Annotations
from app.manager.events import EventBus
from app.manager.needs import Needs
from app.manager.orders import Standing
from app.manager.registry import Registry
from app.manager.selections import Selection, both, either, without
from app.ports.stores import LibraryStore

NAME_LENGTH = 80


NEED: Final = "need"
"""An order by what models would take of memory."""

Order = ModelOrder | Literal["need"] | Mapping[ModelId, float]
"""An order that the index knows, or numbers of some models, whom the others follow by name."""


class Room(Protocol):
    """What queries ask about memory."""

    def room_without_idle(self) -> int:
        """Bytes that one more model may take once those leave that nobody uses."""
        ...


class Searches:
    """Finds models by query lines, and owns the ones that have a name."""

    def __init__(  # noqa: PLR0913 - one argument a part it joins, each named
        self,
        *,
        registry: Registry,
        annotations: Annotations,
        store: LibraryStore,
        events: EventBus,
        memory: Room,
        instances: Callable[[], tuple[InstanceView, ...]],
        needs: Needs,
    ) -> None:
        self._registry = registry
        self._memory = memory
        self._instances = instances
        self._annotations = annotations
        self._store = store
        self._events = events
        self.needs = needs
        self._saved: dict[str, str] = {}

    async def start(self) -> None:
        """Read what is kept."""
        self._saved = await self._store.searches()

    def find(
        self,
        line: str,
        *,
        context_length: int | None = None,
        offset: int = 0,
        limit: int | None = 200,
    ) -> ModelPage:
        """A page of the models that a query line asks for, by name.

        Args:
            line: the query.
            context_length: what `fits` is judged at; None takes each model's own settings.
            offset: how many hits to leave out.
            limit: how many to give at most; None for all of them.
        """
        query = parse(line)
        asked = ModelQuery(words=query.words, offset=offset, limit=limit)
        return self._registry.query(asked, among=self._selected(query, context_length))

    def ordered(
        self,
        line: str,
        order: Order = ModelOrder.NAME,
        *,
        descending: bool = False,
        context_length: int | None = None,
    ) -> Sequence[ModelId]:
        """Every model that a query line asks for; no spec is built to find or order them.

        Args:
            line: the query.
            order: what they come by.
            descending: whether the largest comes first.
            context_length: what `fits` and needs are told at; None takes each model's own settings.
        """
        query = parse(line)
        known = order if isinstance(order, ModelOrder) else ModelOrder.NAME
        asked = ModelQuery(words=query.words, order=known, descending=descending)
        ranks: Standing | Mapping[ModelId, float] | None = None
        if order == NEED:
            ranks = self.needs.standing(context_length, descending=descending)
        elif isinstance(order, Mapping):
            ranks = order
        return self._registry.hits(asked, self._selected(query, context_length), ranks)

    def _selected(self, query: ParsedQuery, context_length: int | None) -> Selection | None:
        """The rows of models that are what the fields of a query ask for; None for any."""
        rows = self._registry.rows
        if query.simple:
            return None
        selected: Selection = rows.there()
        if any(term.field in KIND for term in query.terms):
            selected = both(selected, rows.alike(matcher(query.terms)))
        for word in query.excluded:
            selected = without(selected, self._registry.containing(word))
        for term in query.terms:
            if term.field not in KIND:
                met = self._meeting(term, context_length)
                selected = without(selected, met) if term.negated else both(selected, met)
        return selected

    def _meeting(self, term: Term, context_length: int | None) -> Selection:
        """The rows of models that a term, taken as it is without its minus, asks for."""
        rows, wanted = self._registry.rows, term.value
        ask: dict[Field | Flag, Callable[[], Selection]] = {
            Field.SIZE: lambda: rows.sized(comparison(term), term.number),
            Field.NAME: lambda: rows.named(wanted),
            Field.PATH: lambda: either([rows.lying(wanted), rows.of(self._copied_to(wanted))]),
            Field.TAG: lambda: rows.of(self._annotations.tagged(wanted)),
            Flag.LOADED: lambda: rows.of(v.model_id for v in self._instances() if _ready(v)),
            Flag.FAVOURITE: lambda: rows.of(self._annotations.favourites()),
            Flag.DUPLICATE: lambda: rows.of(self._registry.copied()),
            Flag.FITS: lambda: self._fitting(context_length),
        }
        return ask[term.field]()

    def _copied_to(self, text: str) -> list[ModelId]:
        """Models with a copy whose path contains a casefolded text."""
        copied = map(self._registry.get, self._registry.copied())
        return [s.id for s in copied if any(text in path.casefold() for path in s.copies)]

    def _fitting(self, context_length: int | None) -> Selection:
        rows, room = self._registry.rows, self._memory.room_without_idle()
        # What runs elsewhere takes nothing here, however little is free.
        fits = bytes(map(le, self.needs.all(context_length), repeat(max(room, 0))))
        usable = rows.alike(lambda kind: kind.status is ModelStatus.AVAILABLE)
        found = bytearray(both(fits, usable))
        for view in self._instances():
            # What is there needn't find its room again.
            row, spec = rows.row(view.model_id), self._registry.find(view.model_id)
            if row is not None and spec is not None and usable[row]:
                need = self.needs.of(spec, context_length)
                found[row] = rules.fit(need, room + view.charged) is not rules.Fit.TOO_BIG
        return found

    def smallest(
        self, needs: Iterable[Capability] = (), line: str = "", context_length: int | None = None
    ) -> ModelId | None:
        """The smallest model that can do what is needed and fits now; None when there is none.

        Args:
            needs: what it must be able to do.
            line: what else it must be, as a query line.
            context_length: tokens that it must follow and fit with; None asks for no length.
        """
        wanted = [Term(field=Field.CAPABILITY, value=need) for need in needs]
        if context_length is not None:
            follows = Term(field=Field.CONTEXT, sign=">=", number=context_length)
            wanted.append(follows)
        query = parse(line)
        wanted += (*query.terms, Term(field=Flag.FITS))
        among = self._selected(query.model_copy(update={"terms": tuple(wanted)}), context_length)
        found = ModelQuery(words=query.words, order=ModelOrder.SIZE, limit=1)
        return next(iter(self._registry.query(found, among=among).ids), None)

    def values(self) -> dict[Field, tuple[str, ...]]:
        """What there is to ask for, by field."""
        providers, architectures, quantisations = self._registry.labels()
        return {
            Field.QUANTISATION: tuple(filter(None, quantisations)),
            Field.PROVIDER: tuple(providers),
            Field.ARCHITECTURE: tuple(filter(None, architectures)),
            Field.TAG: self._annotations.tags(),
        }

    def complete(self, line: str, cursor: int) -> tuple[Completion, ...]:
        """The ways to go on with the word at the cursor."""
        return completions(line, cursor, self.values())

    def saved(self) -> dict[str, str]:
        """Every saved search's line by its name, in the order of their saving."""
        return dict(self._saved)

    async def save(self, name: str, line: str) -> None:
        """Keep a line under a name, in place of the one that has it.

        Raises:
            SettingError: the name is empty or too long, or the line isn't understood.
        """
        name = " ".join(name.split())
        if not 0 < len(name) <= NAME_LENGTH:
            raise SettingError(
                f"A search's name has 1 to {NAME_LENGTH} characters.", "Choose another name."
            )
        problems = parse(line).problems
        if problems:
            raise SettingError(problems[0], "Change the search, then save it.")
        await self._store.save_search(name, line)
        self._saved[name] = line
        self._events.publish(SearchesChanged())

    async def forget(self, name: str) -> None:
        """Remove a saved search; an unknown one is ignored."""
        if self._saved.pop(name, None) is not None:
            await self._store.forget_search(name)
            self._events.publish(SearchesChanged())


def _ready(view: InstanceView) -> bool:
    return view.state is InstanceState.READY
