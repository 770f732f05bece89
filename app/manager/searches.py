"""The library's query line and the searches that are kept."""

from collections.abc import Callable, Collection, Iterable
from itertools import chain
from typing import Protocol, cast

from app.domain import memory as rules
from app.domain.errors import SettingError
from app.domain.events import SearchesChanged
from app.domain.instances import InstanceState, InstanceView
from app.domain.load_settings import LoadSettings
from app.domain.models import (
    Capability,
    ModelId,
    ModelOrder,
    ModelPage,
    ModelQuery,
    ModelSpec,
    ModelStatus,
)
from app.domain.query_language import (
    KIND,
    Completion,
    Field,
    ParsedQuery,
    Surroundings,
    completions,
    matcher,
    parse,
)
from app.manager.annotations import Annotations
from app.manager.events import EventBus
from app.manager.registry import Registry
from app.ports import LibraryStore

NAME_LENGTH = 80


class Room(Protocol):
    """What queries ask about memory."""

    def room_without_idle(self) -> int:
        """Bytes that one more model may take once those leave that nobody uses."""
        ...

    def fit(
        self, model_id: ModelId, room: int | None = None, settings: LoadSettings | None = None
    ) -> rules.Fit:
        """Whether a model fits into what is free now."""
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
        in_force: Callable[[ModelId], LoadSettings],
    ) -> None:
        self._registry = registry
        self._memory = memory
        self._instances = instances
        self._in_force = in_force
        self._annotations = annotations
        self._store = store
        self._events = events
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
        if query.simple:
            words = ModelQuery(words=query.words, offset=offset, limit=limit)
            return self._registry.query(words)
        rest, among = self.narrowed(query)
        ids = self._registry.query(_coarse(query)).ids
        if among is not None:
            ids = tuple(model_id for model_id in ids if model_id in among)
        if rest.simple:
            hits = [*ids]
        else:
            matches = matcher(rest, self.surroundings(context_length))
            hits = [model_id for model_id in ids if matches(self._registry.get(model_id))]
        end = len(hits) if limit is None else offset + limit
        more = end if end < len(hits) else None
        return ModelPage(ids=tuple(hits[offset:end]), next_offset=more)

    def matcher(self, line: str, context_length: int | None = None) -> Callable[[ModelSpec], bool]:
        """Whether one model is what a line's fields ask for, leaving its words out."""
        return matcher(parse(line), self.surroundings(context_length))

    def narrowed(self, query: ParsedQuery) -> tuple[ParsedQuery, frozenset[ModelId] | None]:
        """What of a query is still to be asked of each model, and the only ones that can pass it.

        The second is None where any can.
        """
        asked = tuple(term for term in query.terms if term.field in KIND)
        if not asked:
            return query, None
        rest = tuple(term for term in query.terms if term.field not in KIND)
        test = matcher(ParsedQuery(terms=asked), Surroundings())
        # A kind has every attribute that these fields ask a spec for.
        found = self._registry.alike(cast("Callable[[object], bool]", test))
        return query.model_copy(update={"terms": rest}), found

    def surroundings(self, context_length: int | None = None) -> Surroundings:
        """What queries ask about beside the specs, as it stands now."""
        room: list[int] = []

        def fits(spec: ModelSpec) -> bool:
            # The system is asked once, and only where a query wants to know.
            if not room:
                room.append(self._memory.room_without_idle())
            return self.fit(spec.id, context_length, room[0]) is not rules.Fit.TOO_BIG

        tags = {item.model_id: item.tags for item in self._annotations.all()}
        return Surroundings(
            loaded={view.model_id for view in self._instances() if _ready(view)},
            favourites=self._annotations.favourites(),
            tags=tags,
            fits=fits,
        )

    def fit(
        self, model_id: ModelId, context_length: int | None = None, room: int | None = None
    ) -> rules.Fit:
        """Whether a model fits into what is free or idle now, at a context length.

        Args:
            model_id: the model.
            context_length: tokens; None takes the settings in force.
            room: what `memory.room_without_idle` said, when several models are asked about.
        """
        free = self._memory.room_without_idle() if room is None else room
        return self._memory.fit(model_id, free, self.settings_at(model_id, context_length))

    def settings_at(self, model_id: ModelId, context_length: int | None) -> LoadSettings | None:
        """How a model would be loaded at a context length, its own longest at most; None for None."""
        if context_length is None:
            return None
        longest = self._registry.get(model_id).context_length or context_length
        length = min(context_length, longest)
        return self._in_force(model_id).model_copy(update={"context_length": length})

    def smallest(
        self, needs: Iterable[Capability] = (), line: str = "", context_length: int | None = None
    ) -> ModelId | None:
        """The smallest model that can do what is needed and fits now; None when there is none.

        Args:
            needs: what it must be able to do.
            line: what else it must be, as a query line.
            context_length: tokens that it must follow and fit with; None asks for no length.
        """
        wanted, query = frozenset(needs), parse(line)
        room = self._memory.room_without_idle()
        found = _coarse(query, wanted).model_copy(
            update={"status": ModelStatus.AVAILABLE, "order": ModelOrder.SIZE}
        )
        matches = matcher(query, self.surroundings(context_length))
        # One after another: the first that will do ends it, and no other spec is looked at.
        for spec in map(self._registry.get, self._registry.query(found).ids):
            able = wanted <= spec.abilities and matches(spec)
            follows = context_length is None or (spec.context_length or 0) >= context_length
            if not (able and follows):
                continue
            if self.fit(spec.id, context_length, room) is not rules.Fit.TOO_BIG:
                return spec.id
        return None

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


def _coarse(query: ParsedQuery, needs: Collection[Capability] = ()) -> ModelQuery:
    """What the index can find of it, all of it at once; the terms sort out the rest."""
    asked = (
        Capability(term.value)
        for term in query.terms
        if term.field is Field.CAPABILITY and not term.negated
    )
    capability = next(chain(needs, asked), None)
    return ModelQuery(words=query.words, capability=capability, limit=None)


def _ready(view: InstanceView) -> bool:
    return view.state is InstanceState.READY
