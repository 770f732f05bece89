"""The library's query line and the searches that are kept."""

from collections.abc import Callable, Iterable
from typing import Protocol

from app.domain import memory as rules
from app.domain.errors import SettingError
from app.domain.events import SearchesChanged
from app.domain.instances import InstanceState, InstanceView
from app.domain.load_settings import LoadSettings
from app.domain.models import (
    Capability,
    ModelId,
    ModelPage,
    ModelQuery,
    ModelSpec,
    ModelStatus,
)
from app.domain.query_language import (
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

    def room(self) -> int:
        """Bytes that one more model may take now."""
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
        ids = self._registry.query(_coarse(query)).ids
        matches = matcher(query, self.surroundings(context_length))
        hits = [model_id for model_id in ids if matches(self._registry.get(model_id))]
        end = len(hits) if limit is None else offset + limit
        more = end if end < len(hits) else None
        return ModelPage(ids=tuple(hits[offset:end]), next_offset=more)

    def matcher(self, line: str, context_length: int | None = None) -> Callable[[ModelSpec], bool]:
        """Whether one model is what a line's fields ask for, leaving its words out."""
        return matcher(parse(line), self.surroundings(context_length))

    def surroundings(self, context_length: int | None = None) -> Surroundings:
        """What queries ask about beside the specs, as it stands now."""
        room: list[int] = []

        def fits(spec: ModelSpec) -> bool:
            # The system is asked once, and only where a query wants to know.
            room.append(room[0] if room else self._memory.room())
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
        """Whether a model fits into what is free now, at a context length.

        Args:
            model_id: the model.
            context_length: tokens; None takes the settings in force.
            room: what `models.room` said, when several models are asked about.
        """
        settings: LoadSettings | None = None
        if context_length is not None:
            own = self._in_force(model_id)
            settings = own.model_copy(update={"context_length": context_length})
        return self._memory.fit(model_id, room, settings)

    def smallest(
        self, needs: Iterable[Capability] = (), line: str = "", context_length: int | None = None
    ) -> ModelId | None:
        """The smallest model that can do what is needed and fits now; None when there is none.

        Args:
            needs: what it must be able to do.
            line: what else it must be, as a query line.
            context_length: tokens that it must follow and fit with; None asks for no length.
        """
        wanted = frozenset(needs)
        room = self._memory.room()
        specs = map(self._registry.get, self.find(line, limit=None).ids)
        able = (
            spec
            for spec in specs
            if spec.status is ModelStatus.AVAILABLE
            and wanted <= spec.abilities
            and (context_length is None or (spec.context_length or 0) >= context_length)
        )
        for spec in sorted(able, key=lambda spec: (spec.size_bytes, spec.name)):
            if self.fit(spec.id, context_length, room) is not rules.Fit.TOO_BIG:
                return spec.id
        return None

    def complete(self, line: str, cursor: int) -> tuple[Completion, ...]:
        """The ways to go on with the word at the cursor."""
        specs = self._registry.all()
        values = {
            Field.QUANTISATION: {spec.quantisation for spec in specs if spec.quantisation},
            Field.PROVIDER: {spec.provider for spec in specs},
            Field.ARCHITECTURE: {spec.architecture for spec in specs if spec.architecture},
            Field.TAG: self._annotations.tags(),
        }
        return completions(line, cursor, values)

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


def _coarse(query: ParsedQuery) -> ModelQuery:
    """What the index can find of it, all of it at once; the terms sort out the rest."""
    capability = next(
        (
            Capability(term.value)
            for term in query.terms
            if term.field is Field.CAPABILITY and not term.negated
        ),
        None,
    )
    return ModelQuery(words=query.words, capability=capability, limit=None)


def _ready(view: InstanceView) -> bool:
    return view.state is InstanceState.READY
