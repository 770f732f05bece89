"""The registry: every model that is known, as an in-memory index over its store."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence

from app.domain.errors import UnknownModel
from app.domain.events import ModelsChanged
from app.domain.models import ModelId, ModelPage, ModelQuery, ModelSpec, ModelStatus
from app.manager.events import EventBus
from app.manager.model_index import ModelIndex
from app.manager.model_rows import ModelRows
from app.manager.orders import Standing
from app.manager.selections import Selection
from app.ports.stores import ModelStore
from app.tasks import SLICE, TaskScope, sliced

LARGE = 5_000
"""With so many models it pays to prepare for searches for rare words."""
PAUSE_SECONDS = 0.002
"""Between two blocks that are prepared."""
LULL_SECONDS = 0.5
"""So long without a change, and searches are prepared: while a scan goes on, it would be in vain."""


class Registry:
    """Owns the specs. Each change is kept first and shown after."""

    def __init__(self, store: ModelStore, events: EventBus) -> None:
        self._store = store
        self._events = events
        self._tasks = TaskScope("registry")
        self._background = TaskScope("registry search")
        self._learning: asyncio.Task[None] | None = None
        self._changed_at = 0.0
        self._index = ModelIndex()
        self._all: tuple[ModelSpec, ...] | None = None

    async def start(self) -> None:
        """Read what is kept."""
        self._index = ModelIndex(await self._store.models())
        self._all = None
        self._prepare()

    async def aclose(self) -> None:
        """Finish what is being written."""
        await self.settled()
        await self._background.aclose()

    @property
    def preparing(self) -> bool:
        """Whether searches for rare words will soon be quicker."""
        return self._learning is not None and not self._learning.done()

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, model_id: ModelId) -> bool:
        return model_id in self._index

    def find(self, model_id: ModelId) -> ModelSpec | None:
        """The spec, or None."""
        return self._index.find(model_id)

    def get(self, model_id: ModelId) -> ModelSpec:
        """The spec.

        Raises:
            UnknownModel: the id names nothing.
        """
        spec = self._index.find(model_id)
        if spec is None:
            raise UnknownModel(
                "This model is no longer in the library.",
                "Choose another one, or add its folder again.",
                f"id {model_id}",
            )
        return spec

    def all(self) -> tuple[ModelSpec, ...]:
        """Every spec, by name."""
        if self._all is None:
            self._all = tuple(self._index.specs())
        return self._all

    def search(self, words: str) -> tuple[ModelSpec, ...]:
        """The specs that contain every word, by name."""
        if not words.strip():
            return self.all()
        return tuple(map(self.get, self.query(ModelQuery(words=words, limit=None)).ids))

    def query(
        self,
        query: ModelQuery,
        loaded: Collection[ModelId] = (),
        among: Selection | None = None,
        ranks: Standing | Mapping[ModelId, float] | None = None,
    ) -> ModelPage:
        """A page of the models that match.

        Args:
            query: what to find.
            loaded: the models that are loaded now.
            among: the only rows that can match; None for any.
            ranks: what hits are ordered by in place of the query's order: an order of all, or
                numbers of some, whom the others follow by name.
        """
        return self._index.search(query, loaded, among, ranks)

    def hits(
        self,
        query: ModelQuery,
        among: Selection | None = None,
        ranks: Standing | Mapping[ModelId, float] | None = None,
    ) -> Sequence[ModelId]:
        """Every model that `query` finds, its page left aside; ids are looked up when needed."""
        return self._index.hits(query, (), among, ranks)

    @property
    def rows(self) -> ModelRows:
        """What is known of every model, for selecting some without their specs."""
        return self._index.rows

    def containing(self, word: str) -> Selection:
        """The rows of models that a word, casefolded, finds."""
        return self._index.containing(word)

    def paths(self) -> list[tuple[ModelId, str]]:
        """Where every model lies; quicker than to ask each for its spec."""
        return self._index.paths()

    def count(self, *statuses: ModelStatus) -> int:
        """How many models there are with one of these statuses."""
        return self._index.count(*statuses)

    def copied(self) -> list[ModelId]:
        """The models that several files hold."""
        return self._index.copied()

    def labels(self) -> tuple[list[str], list[str], list[str]]:
        """Every provider, architecture and quantisation there is; no spec is built for it."""
        return self._index.labels()

    def kinds(self) -> tuple[list[str], list[str]]:
        """The provider and the status of every model."""
        return self._index.kinds()

    async def keep(self, specs: Iterable[ModelSpec]) -> None:
        """Add or replace specs; those that say nothing new cost nothing."""
        given = [*specs]
        if len(given) <= SLICE and not self._changed(given):
            return
        # Whoever cancels the caller doesn't undo the writing, so memory must follow it.
        await asyncio.shield(self._tasks.start("keep models", self._keep(given)))

    async def forget(self, ids: Sequence[ModelId]) -> None:
        """Remove specs; unknown ids are ignored."""
        await self.settled()
        async for part in sliced(ids, LARGE):
            known = [model_id for model_id in part if model_id in self._index]
            if known:
                await self._store.forget_models(known)
                self._index.drop(known)
                self._announce(known)

    async def settled(self) -> None:
        """Wait until memory holds all that is being written, also for callers long cancelled."""
        await self._tasks.join()

    async def _keep(self, given: list[ModelSpec]) -> None:
        async for part in sliced(given):
            changed = self._changed(part)
            if changed:
                await self._store.save_models(changed)
                self._index.put(changed)
                self._announce([spec.id for spec in changed])

    def _changed(self, specs: Sequence[ModelSpec]) -> list[ModelSpec]:
        return [spec for spec in specs if self._index.find(spec.id) != spec]

    def _announce(self, ids: Sequence[ModelId]) -> None:
        self._all = None
        self._events.publish(ModelsChanged(ids=tuple(ids)))
        self._prepare()

    def _prepare(self) -> None:
        self._changed_at = asyncio.get_running_loop().time()
        waits = len(self._index) >= LARGE and self._index.unlearned() is not None
        if waits and (self._learning is None or self._learning.done()):
            self._learning = self._background.start("prepare searches", self._learn())

    async def _learn(self) -> None:
        """Look at every block, a millisecond at a time; searches are right before that, too."""
        loop = asyncio.get_running_loop()
        while (block := self._index.unlearned()) is not None:
            lull = loop.time() - self._changed_at
            if lull < LULL_SECONDS:
                await asyncio.sleep(LULL_SECONDS - lull)
                continue
            self._index.learn(block)
            await asyncio.sleep(PAUSE_SECONDS)
