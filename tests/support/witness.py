"""A provider and a witness who see to it that nothing happens to models that must not."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from app.domain.events import (
    AliasAssigned,
    Cause,
    Event,
    InstanceChanged,
    ModelSwitched,
    SwitchRolledBack,
)
from app.domain.instances import ENDED, InstanceState, InstanceView
from app.domain.models import ModelId
from app.manager.manager import Manager
from tests.support.fakes import FakeDevices, FakeEngine, FakeProvider

IN_USE = frozenset({InstanceState.READY, InstanceState.DRAINING, InstanceState.CRASHED})
"""States in which an instance may have leases."""


class WatchedProvider(FakeProvider):
    """Knows every process that it ever started, and can hold each part of a load and its end."""

    def __init__(self, fault: Callable[[str], None]) -> None:
        super().__init__()
        self.fault = fault
        self.processes: list[FakeEngine] = []
        self.opening: Counter[ModelId] = Counter()
        self.canary = asyncio.Event()
        self.canary.set()
        self.closing: Callable[[ModelId], None] = lambda model_id: None
        """Told of each process that is asked to end."""

    @property
    def gates(self) -> tuple[asyncio.Event, ...]:
        """What a load, its first token and the end of a process wait for."""
        return self.go, self.canary, self.reaped

    def living(self, model_id: ModelId | None = None) -> list[FakeEngine]:
        """The processes of one model, or all."""
        return [
            item for item in self.processes if lives(item) and model_id in {None, item.model.id}
        ]

    async def load(self, spec: Any, *arguments: Any, **keywords: Any) -> FakeEngine:
        if self.opening[spec.id] or self.living(spec.id):
            self.fault(f"two processes of {spec.name} at once")
        self.opening[spec.id] += 1
        try:
            engine = await super().load(spec, *arguments, **keywords)
        finally:
            self.opening[spec.id] -= 1
        self.processes.append(engine)
        probe, close = engine.probe, engine.close

        async def held_probe() -> None:
            await self.canary.wait()
            await probe()

        async def held_close() -> None:
            self.closing(spec.id)
            await self.reaped.wait()
            await close()

        engine.probe, engine.close = held_probe, held_close
        return engine


def lives(engine: FakeEngine) -> bool:
    return not engine._ended.done()


class Witness:
    """Hears of every change in the moment in which it is made, and notes what must not be."""

    def __init__(self, manager: Manager, devices: FakeDevices, provider: WatchedProvider) -> None:
        self.manager = manager
        self.devices = devices
        self.provider = provider
        self.faults: list[str] = []
        self.targets: dict[str, ModelId | None] = {}
        self.views: dict[ModelId, InstanceView] = {}
        self.charged = 0
        self.places = 0
        self.outcomes: dict[Cause, list[Event]] = {}
        self.shut = False
        """The program is ending: processes end under those who use them."""
        self.over = False
        """It has ended."""
        provider.fault = self.faults.append
        provider.closing = self._closing
        self._heard = manager.events.subscribe(self._wake)

    def _wake(self) -> None:
        for published in self._heard.take():
            match published.event:
                case InstanceChanged(instance=view):
                    self._instance(view)
                case AliasAssigned() as assigned:
                    self._assigned(assigned)
                case ModelSwitched() | SwitchRolledBack() as outcome if published.cause:
                    self.outcomes.setdefault(published.cause, []).append(outcome)
                    if len(self.outcomes[published.cause]) > 1:
                        self._fault(f"a switch ended twice: {self.outcomes[published.cause]}")

    def _instance(self, view: InstanceView) -> None:
        before = self.views.get(view.model_id)
        known = before is not None and before.generation == view.generation
        leases = len(before.leases) if before is not None and known else 0
        state = view.state
        if before is not None and view.generation < before.generation:
            self._fault(f"{view.model_id} came back from an earlier load")
        if before is not None and not known and before.state not in ENDED:
            self._fault(f"{view.model_id} was loaded while it was {before.state}")
        if len(view.leases) > leases and state is not InstanceState.READY:
            self._fault(f"a lease was given on {view.model_id}, which was {state}")
        crashed = before is not None and before.state is InstanceState.CRASHED
        if view.leases and state not in IN_USE and not crashed and not self.shut:
            self._fault(f"{view.model_id} is in use and {state}")
        if state is InstanceState.DRAINING and before is not None and before.state is not state:
            self._leaves(view)
        if self.over and state not in ENDED:
            self._fault(f"{view.model_id} became {state} after the end")
        self.views[view.model_id] = view
        self._weigh()

    def _leaves(self, view: InstanceView) -> None:
        if view.reason and view.pinned:
            self._fault(f"{view.model_id} is kept loaded and left: {view.reason}")
        if view.reason.startswith("idle") and view.leases:
            self._fault(f"{view.model_id} left as idle while it was used")

    def _weigh(self) -> None:
        """What is committed only ever grows within the budget; one that shrinks ends nobody."""
        coordinator = self.manager._coordinator
        views = coordinator.views()
        # Counted here once more: whoever counts wrongly believes himself within the budget.
        charged = sum(
            max(view.memory_predicted, view.memory_measured or 0)
            for view in views
            if view.state not in ENDED
        )
        if charged > max(self.charged, coordinator.budget(self.devices.memory())):
            self._fault(f"{charged:,} bytes are committed")
        self.charged = charged
        most = self.manager.settings.current().max_loaded
        # Whoever was cancelled while it waited never had any.
        reserved = (view.memory_predicted and view.state not in ENDED for view in views)
        places = sum(map(bool, reserved))
        if most is not None and places > max(self.places, most):
            self._fault(f"{places} models are loaded where {most} may be")
        self.places = places

    def _assigned(self, event: AliasAssigned) -> None:
        """A name moves to a model that is ready, or to none; else it stays at its predecessor."""
        if event.previous != self.targets.get(event.name):
            self._fault(f"{event.name} wasn't at {event.previous}")
        self.targets[event.name] = event.model_id
        if event.model_id is None:
            return
        view = self.manager.models.instance(event.model_id)
        if view is None or view.state is not InstanceState.READY:
            self._fault(f"{event.name} points at {event.model_id}, which isn't ready")

    def _closing(self, model_id: ModelId) -> None:
        view = self.manager.models.instance(model_id)
        if view is not None and view.leases and view.state in IN_USE and not self.shut:
            self._fault(f"the process of {model_id} is ended under those who use it")

    def _fault(self, words: str) -> None:
        self.faults.append(words)
