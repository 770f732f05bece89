"""Switching an alias to another model, and back when that fails."""

import asyncio
import logging
import time
from typing import Protocol

from app.domain.error_reports import report_of
from app.domain.errors import AppError, NotLoaded
from app.domain.events import ModelSwitched, NoticeRaised, SwitchRolledBack
from app.domain.eviction import Verdict
from app.domain.instances import InstanceState, InstanceView
from app.domain.models import ModelId, ModelStatus
from app.domain.switching import By, SwitchMethod, SwitchPlan, plan_switch
from app.manager.aliases import Aliases
from app.manager.coordinator import Coordinator
from app.manager.events import EventBus
from app.manager.instances import Lease
from app.manager.memory import Memory
from app.manager.specs import Specs
from app.tasks import TaskScope

log = logging.getLogger(__name__)


class Loads(Protocol):
    """What a switch needs of whoever loads models."""

    async def acquire_for_command(
        self, model_id: ModelId, *, spared: ModelId | None = None
    ) -> Lease:
        """A lease on the model, loading it first when it isn't loaded."""
        ...


class Switches:
    """Plans and makes switches; each changes the routing once, or not at all."""

    def __init__(
        self,
        aliases: Aliases,
        coordinator: Coordinator,
        specs: Specs,
        memory: Memory,
        loads: Loads,
        events: EventBus,
    ) -> None:
        self._aliases = aliases
        self._coordinator = coordinator
        self._specs = specs
        self._memory = memory
        self._loads = loads
        self._events = events
        self._draining: list[tuple[str, asyncio.Event]] = []
        """Aliases whose old model makes room for the new one; each set when that is settled."""
        self._tasks = TaskScope("switches")
        self._closing = False

    @property
    def draining(self) -> bool:
        """Whether one model makes room for another, so that neither is loaded."""
        return bool(self._draining)

    def begin_close(self) -> None:
        """From now on no failed switch is undone."""
        self._closing = True

    async def settled(self) -> None:
        """Wait until everything that follows a switch has ended."""
        await self._tasks.join()

    async def until_routed(self, name: str) -> None:
        """Wait while an alias's old model makes room for the new one."""
        while waits := [settled for alias, settled in self._draining if alias == name]:
            await waits[0].wait()

    def plan(self, model_id: ModelId, alias: str) -> SwitchPlan:
        """What `switch` would do now."""
        target = self._coordinator.view(model_id)
        loaded = target is not None and target.state is InstanceState.READY
        leaving = self._leaving(model_id, alias)
        if loaded or self._specs.get(model_id).remote is not None:
            leaving_id = leaving.model_id if leaving is not None else None
            return plan_switch(model_id, leaving_id, need=0, free=0, freed_by_leaving=0)
        going = leaving if leaving is not None and not leaving.pinned else None
        need = self._memory.predict(model_id)
        decision, free = self._coordinator.outlook(model_id, need, self._spared(model_id, alias))
        beside = decision.verdict in {Verdict.LOAD, Verdict.EVICT} or decision.claims
        return plan_switch(
            model_id,
            going.model_id if going is not None else None,
            need=need,
            free=max(free, need) if beside else free,
            freed_by_leaving=going.charged if going is not None else 0,
            evicting=decision.models if decision.verdict is Verdict.EVICT else (),
            beside=beside,
            waits=decision.verdict is Verdict.WAIT,
        )

    async def switch(
        self, model_id: ModelId, alias: str, *, by: By = By.PERSON, reason: str = "switched"
    ) -> SwitchPlan:
        """Point an alias at another model, loading that first.

        Raises:
            DoesNotFit: the plan is to refuse.
            ModelError: the new model can't be loaded; the alias is as it was.
        """
        self._specs.loadable(model_id)
        await self._memory.weigh(model_id)
        plan = self.plan(model_id, alias)
        if plan.method is SwitchMethod.REFUSE:
            raise self._memory.refusal(model_id)
        if plan.method is SwitchMethod.DRAIN_FIRST and plan.leaving is not None:
            await self._drain_and_switch(plan.leaving, plan, alias, by=by, reason=reason)
        else:
            await self._overlap(plan, alias, by=by, reason=reason)
        return plan

    async def roll_back(self, alias: str) -> SwitchPlan:
        """Point an alias at the last model before this one that can still be used.

        Raises:
            NotLoaded: it never pointed elsewhere, or nothing of that is left.
            ModelError: the earlier model can't be loaded; the alias is as it was.
        """
        earlier = self.usable_earlier(alias)
        if not earlier:
            raise NotLoaded(
                "There is no earlier model to go back to.", "Choose a model in the Library."
            )
        return await self.switch(earlier[0], alias, reason="rolled back")

    def usable_earlier(self, alias: str) -> tuple[ModelId, ...]:
        """Where the alias pointed before and can be pointed again, the latest first."""
        return tuple(item for item in self._aliases.earlier(alias) if self._usable(item))

    async def _overlap(self, plan: SwitchPlan, alias: str, *, by: By, reason: str) -> None:
        before = self._aliases.target(alias)
        try:
            spared = self._spared(plan.target, alias)
            with await self._loads.acquire_for_command(plan.target, spared=spared) as lease:
                self._route(alias, lease, gap_seconds=0, by=by, reason=reason)
        except BaseException as error:
            self._events.publish(_rolled_back(alias, plan.target, before, error))
            raise

    async def _drain_and_switch(
        self, leaving: ModelId, plan: SwitchPlan, alias: str, *, by: By, reason: str
    ) -> None:
        """Switch where only one model fits. Prompts to the alias wait for the outcome meanwhile."""
        started = time.monotonic()
        draining = (alias, asyncio.Event())
        self._draining.append(draining)
        try:
            await self._coordinator.end(leaving)
            with await self._loads.acquire_for_command(plan.target) as lease:
                gap = time.monotonic() - started
                self._route(alias, lease, gap_seconds=gap, by=by, reason=reason)
        except BaseException as error:
            if not self._closing:
                undo = self._switch_back(alias, plan.target, leaving, error)
                self._tasks.start("switch back", undo)
            raise
        finally:
            self._draining.remove(draining)
            draining[1].set()

    async def _switch_back(
        self, alias: str, target: ModelId, leaving: ModelId, cause: BaseException
    ) -> None:
        try:
            with await self._loads.acquire_for_command(leaving):
                self._events.publish(_rolled_back(alias, target, leaving, cause))
        except AppError as error:
            log.warning("The switch failed and %s couldn't be loaded again: %s", leaving, error)
            self._events.publish(NoticeRaised(report=report_of(error)))

    def _route(self, alias: str, lease: Lease, *, gap_seconds: float, by: By, reason: str) -> None:
        model_id = lease.spec.id
        if not lease.lasting:
            raise NotLoaded(
                f"{lease.spec.name} crashed or was ejected as it became ready.",
                "Switch to it again, or choose another model.",
            )
        previous = self._aliases.target(alias)
        self._aliases.assign(alias, model_id, by=by, reason=reason, gap_seconds=gap_seconds)
        self._events.publish(
            ModelSwitched(name=alias, model_id=model_id, previous=previous, gap_seconds=gap_seconds)
        )

    def _spared(self, model_id: ModelId, alias: str) -> ModelId | None:
        """The model that stays until the switch has succeeded."""
        leaving = self._leaving(model_id, alias)
        return leaving.model_id if leaving is not None else None

    def _leaving(self, model_id: ModelId, alias: str) -> InstanceView | None:
        current = self._aliases.target(alias)
        if current is None or current == model_id:
            return None
        view = self._coordinator.view(current)
        return view if view is not None and view.state is InstanceState.READY else None

    def _usable(self, model_id: ModelId) -> bool:
        view = self._coordinator.view(model_id)
        if view is not None and view.state is InstanceState.READY:
            return True
        try:
            return self._specs.get(model_id).status is ModelStatus.AVAILABLE
        except AppError:
            return False


def _rolled_back(
    alias: str, target: ModelId, stays: ModelId | None, error: BaseException
) -> SwitchRolledBack:
    cancelled = isinstance(error, asyncio.CancelledError)
    report = None if cancelled else report_of(error)
    return SwitchRolledBack(name=alias, model_id=target, stays=stays, error=report)
