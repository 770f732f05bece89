"""The owner of what was loaded, so that the next run can load it again."""

from collections.abc import Awaitable, Callable

from app.domain.errors import AppError
from app.domain.events import StateRestored
from app.domain.instances import InstanceState
from app.domain.models import ModelId, ModelSpec, ModelStatus
from app.manager.behind import Behind
from app.manager.coordinator import Coordinator
from app.manager.events import EventBus
from app.manager.instances import Lease
from app.manager.registry import Registry
from app.ports.stores import ModelStore


class Session:
    """Keeps the list of loaded models by the change."""

    def __init__(
        self,
        store: ModelStore,
        registry: Registry,
        coordinator: Coordinator,
        events: EventBus,
        behind: Behind,
    ) -> None:
        self._store = store
        self._registry = registry
        self._coordinator = coordinator
        self._events = events
        self._behind = behind
        self._last: tuple[ModelId, ...] = ()

    async def start(self) -> None:
        """Read what was loaded in the last run."""
        self._last = await self._store.session()

    def restorable(self) -> tuple[ModelSpec, ...]:
        """The models of the last run that can be loaded again and aren't."""
        specs = (self._registry.find(model_id) for model_id in self._last)
        return tuple(
            spec
            for spec in specs
            if spec is not None
            and spec.status is ModelStatus.AVAILABLE
            and self._coordinator.view(spec.id) is None
        )

    def save(self) -> None:
        """Keep what is loaded now, behind."""
        views = self._coordinator.views()
        loaded = [view.model_id for view in views if view.state is InstanceState.READY]
        self._behind.run("save session", self._store.save_session(loaded))

    async def restore(self, acquire: Callable[[ModelId], Awaitable[Lease]]) -> AppError | None:
        """Load the models of the last run; one that fails doesn't keep the others from it.

        Returns:
            The first failure.
        """
        failure: AppError | None = None
        restored = []
        for spec in self.restorable():
            try:
                with await acquire(spec.id):
                    restored.append(spec.id)
            except AppError as error:
                failure = failure or error
        self._events.publish(StateRestored(ids=tuple(restored)))
        return failure
