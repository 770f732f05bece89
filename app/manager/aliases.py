"""The owner of the aliases: where names point, where they pointed before, and why."""

import time
from collections import defaultdict, deque
from collections.abc import Callable

from app.domain.events import AliasAssigned, AliasSaved
from app.domain.models import ACTIVE, Alias, ModelId
from app.domain.switching import AliasChange, By, earlier_targets
from app.manager.behind import Behind
from app.manager.events import EventBus
from app.ports.stores import ModelStore

KEPT_CHANGES = 50
"""How many changes of one alias are remembered."""


class Aliases:
    """Changes the routing at once and keeps it behind."""

    def __init__(
        self,
        store: ModelStore,
        events: EventBus,
        behind: Behind,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._events = events
        self._behind = behind
        self._clock = clock
        self._targets: dict[str, ModelId] = {}
        self._history: dict[str, deque[AliasChange]] = defaultdict(
            lambda: deque(maxlen=KEPT_CHANGES)
        )

    async def start(self) -> None:
        """Read what is kept."""
        self._targets = {alias.name: alias.model_id for alias in await self._store.aliases()}
        for change in reversed(await self._store.alias_history()):
            self._history[change.name].appendleft(change)

    def all(self) -> tuple[Alias, ...]:
        """Every alias, by name."""
        return tuple(Alias(name=n, model_id=m) for n, m in sorted(self._targets.items()))

    def target(self, name: str) -> ModelId | None:
        """Where an alias points; None for a name that is none."""
        return self._targets.get(name)

    def active(self) -> ModelId | None:
        """The model that new prompts go to, loaded or not."""
        return self._targets.get(ACTIVE)

    def points_at(self, model_id: ModelId) -> bool:
        """Whether any alias does."""
        return model_id in self._targets.values()

    def history(self, name: str) -> tuple[AliasChange, ...]:
        """The changes of one alias, the newest first."""
        return tuple(self._history.get(name, ()))

    def earlier(self, name: str) -> tuple[ModelId, ...]:
        """Where an alias pointed before, the latest first and each once."""
        return earlier_targets(self.history(name), self._targets.get(name))

    def assign(
        self,
        name: str,
        model_id: ModelId | None,
        *,
        by: By,
        reason: str,
        gap_seconds: float = 0.0,
    ) -> None:
        """Point a name at a model, or at nothing; without effect where it points there already.

        Args:
            name: the alias.
            model_id: the model; None removes the alias.
            by: who changes it.
            reason: why, in a few words that a person reads.
            gap_seconds: how long no model stood behind the alias.
        """
        previous = self._targets.get(name)
        if previous == model_id:
            return
        if model_id is None:
            del self._targets[name]
        else:
            self._targets[name] = model_id
        change = AliasChange(
            name=name,
            model_id=model_id,
            previous=previous,
            at=self._clock(),
            by=by,
            reason=reason,
            gap_seconds=gap_seconds,
        )
        self._history[name].appendleft(change)
        self._events.publish(AliasAssigned(name=name, model_id=model_id, previous=previous))
        self._behind.run(f"save alias {name}", self._keep(change))

    async def _keep(self, change: AliasChange) -> None:
        await self._store.change_alias(change)
        self._events.publish(AliasSaved(name=change.name, model_id=change.model_id))
