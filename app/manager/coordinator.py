"""The coordinator: the one writer of all that is loaded.

Every transition is a plain function on the event loop that never awaits, so nothing can come between
a check and what follows from it: there is no lock, and releasing a lease is synchronous. Decisions
are pure functions of the domain; the effects, loading and closing, run as tasks that report back
with the instance they were started for.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from app.domain import memory as rules
from app.domain.chat_templates import ThinkingSwitch
from app.domain.errors import AppError, ErrorReport, LoadCancelled, report_of
from app.domain.events import InstanceChanged
from app.domain.instances import COMING, ENDED, NEXT_STATES, InstanceState, InstanceView, LeaseView
from app.domain.load_settings import LoadSettings
from app.domain.memory import MemoryView
from app.domain.models import ModelId, ModelSpec
from app.domain.recovery import Setback
from app.manager.events import EventBus, forget_cause
from app.manager.memory_plans import MemoryPlans, refusal
from app.manager.setbacks import Setbacks
from app.ports import Devices, Engine, Provider
from app.tasks import TaskScope

log = logging.getLogger(__name__)


class Lease:
    """Somebody uses an instance. It is held until released; releasing twice is harmless."""

    def __init__(
        self, instance: "Instance", owner: str, release: Callable[["Lease"], None]
    ) -> None:
        self._instance = instance
        self._release = release
        self.view = LeaseView(owner=owner, since=time.time())

    @property
    def spec(self) -> ModelSpec:
        """The model that is used."""
        return self._instance.spec

    @property
    def settings(self) -> LoadSettings:
        """How it was loaded."""
        return self._instance.settings

    @property
    def engine(self) -> Engine:
        """The loaded model."""
        engine = self._instance.engine
        assert engine is not None, "a lease is only given on a READY instance"
        return engine

    def release(self) -> None:
        """Give the instance back."""
        self._release(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class Instance:
    """One load of one model, from QUEUED to its end. Only the coordinator changes it."""

    def __init__(
        self, spec: ModelSpec, settings: LoadSettings, generation: int, *, anyway: bool = False
    ) -> None:
        self.spec = spec
        self.settings = settings
        self.anyway = anyway
        """It is loaded although it isn't predicted to fit."""
        self.plentiful = False
        """There is much more memory than it is predicted to take."""
        self.generation = generation
        self.state = InstanceState.QUEUED
        self.progress: float | None = None
        self.leases: list[Lease] = []
        self.predicted = 0
        self.measured: int | None = None
        self.loaded_at: float | None = None
        self.load_seconds: float | None = None
        self.error: AppError | None = None
        self.engine: Engine | None = None
        self.thinking: ThinkingSwitch | None = None
        self.bringing_up: asyncio.Task[None] | None = None
        self.failing = False
        """The load has failed and its process is being reaped; there is nothing to cancel."""
        self.waiters: dict[asyncio.Future[Lease], str] = {}
        """Those who wait for READY, each with a future of its own, and their names."""
        self.unused = asyncio.Event()
        """Set while nobody holds a lease."""
        self.ended = asyncio.Event()
        self.unused.set()

    def view(self) -> InstanceView:
        """This instance at this moment."""
        report: ErrorReport | None = report_of(self.error) if self.error is not None else None
        return InstanceView(
            model_id=self.spec.id,
            generation=self.generation,
            state=self.state,
            progress=self.progress,
            leases=tuple(lease.view for lease in self.leases),
            memory_predicted=self.predicted,
            memory_measured=self.measured,
            settings=self.settings,
            context_length=self.engine.context_length if self.engine is not None else None,
            template=self.engine.template if self.engine is not None else None,
            thinking=self.thinking,
            threads=self.engine.threads if self.engine is not None else None,
            loaded_at=self.loaded_at,
            load_seconds=self.load_seconds,
            anyway=self.anyway,
            error=report,
        )


class Coordinator:
    """Owns the instances: loads, leases, drains and ends them."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        devices: Devices,
        events: EventBus,
        plans: MemoryPlans,
    ) -> None:
        self._providers = providers
        self._devices = devices
        self._events = events
        self._plans = plans
        self.moved: Callable[[InstanceView], None] = lambda view: None
        """Told of each new state at once, before anybody who waits for it."""
        self.progressed: Callable[[InstanceView], None] = lambda view: None
        """Told of each step of a load."""
        self.detected: Callable[[ModelId, ThinkingSwitch | None], None] = lambda model_id, switch: (
            None
        )
        """Told whether a model that is READY was found to have a switch for reasoning."""
        self.released: Callable[[Lease, int], None] = lambda lease, memory: None
        """Told of each use that ended, and of the resident bytes it left."""
        self._generations = itertools.count(1)
        self._instances: dict[ModelId, Instance] = {}
        self._setbacks = Setbacks()
        self._tasks = TaskScope("coordinator")

    # Queries

    def views(self) -> tuple[InstanceView, ...]:
        """Every instance that isn't STOPPED, in the order of loading."""
        return tuple(instance.view() for instance in self._instances.values())

    def view(self, model_id: ModelId) -> InstanceView | None:
        """The instance of one model, or None."""
        instance = self._instances.get(model_id)
        return instance.view() if instance is not None else None

    def spec(self, model_id: ModelId) -> ModelSpec | None:
        """The spec that an instance was loaded from; it may have left the registry since."""
        instance = self._instances.get(model_id)
        return instance.spec if instance is not None else None

    def setback(self, model_id: ModelId) -> Setback:
        """The failures in a row of a model, loaded as it was last."""
        instance = self._instances.get(model_id)
        return (
            Setback() if instance is None else self._setbacks.of(instance.spec, instance.settings)
        )

    def offloads(self, spec: ModelSpec) -> bool | None:
        """Whether the model's provider computes on GPUs; None until that is known."""
        return self._providers[spec.provider].offloads

    def charged(self) -> int:
        """Bytes that the ledger holds for all instances."""
        return sum(view.charged for view in self.views())

    def room(self) -> int:
        """Bytes that one more model may take now."""
        return self._room(self._devices.memory(), freed=0)

    def room_without_idle(self) -> int:
        """The same when every model that nobody uses is ejected."""
        return self._room(self._devices.memory(), freed=self._idle_bytes())

    def _idle_bytes(self) -> int:
        idle = (view for view in self.views() if not view.leases)
        return sum(view.charged for view in idle if view.state is InstanceState.READY)

    def _room(self, memory: MemoryView, freed: int) -> int:
        arriving = sum(view.charged for view in self.views() if view.state in COMING)
        left = memory.model_copy(update={"available": memory.available + freed})
        return rules.room(left, self.charged() - freed, arriving)

    # Commands

    def warm(self) -> None:
        """Have the providers prepare for a load."""
        for provider in self._providers.values():
            provider.warm()

    async def acquire(
        self,
        spec: ModelSpec,
        settings: LoadSettings,
        owner: str,
        *,
        anyway: bool = False,
        insist: bool = True,
    ) -> Lease:
        """A lease on the model, loading it first when it isn't loaded.

        However many ask at once, the model is loaded once. When the last of those who wait gives
        up, so does the load.

        Args:
            spec: the model.
            settings: how to load it.
            owner: who uses it, by name.
            anyway: load it although it isn't predicted to fit.
            insist: load it although it has just failed repeatedly, as a person may ask.

        Raises:
            ModelError: it can't be loaded; everybody who waits gets the same error.
            LoadCancelled: the load was cancelled by `cancel` or `end`.
        """
        while True:
            instance = self._instances.get(spec.id)
            if instance is None or instance.state in ENDED:
                if not insist:
                    self._setbacks.check(spec, settings)
                instance = self._bring_up(spec, settings, anyway=anyway)
            elif instance.state is InstanceState.READY:
                return self._lease(instance, owner)
            elif instance.state in {InstanceState.DRAINING, InstanceState.STOPPING}:
                await instance.ended.wait()
                continue
            return await self._wait_ready(instance, owner)

    def cancel(self, model_id: ModelId) -> None:
        """End a load that is under way; harmless otherwise."""
        instance = self._instances.get(model_id)
        if instance is not None:
            self._cancel_load(instance)

    async def end(self, model_id: ModelId) -> None:
        """Let the leases finish, end the process, and forget the instance."""
        instance = self._instances.get(model_id)
        if instance is None:
            return
        if instance.state in COMING:
            self.cancel(model_id)
        elif instance.state is InstanceState.READY:
            self._move(instance, InstanceState.DRAINING)
            self._tasks.start(f"drain {instance.spec.name}", self._drain(instance))
        elif instance.state in ENDED:
            self.dismiss(model_id)
            return
        await instance.ended.wait()

    def dismiss(self, model_id: ModelId) -> None:
        """Forget an instance that failed or crashed; harmless otherwise."""
        instance = self._instances.get(model_id)
        if instance is not None and instance.state in ENDED:
            self._setbacks.forget(model_id)
            self._forget(instance)

    async def aclose(self) -> None:
        """End every process, without waiting for leases."""
        instances = list(self._instances.values())
        loads = [item.bringing_up for item in instances if item.bringing_up is not None]
        for instance in instances:
            self._cancel_load(instance)
        await asyncio.gather(*loads, return_exceptions=True)
        engines = [instance.engine for instance in instances if instance.engine is not None]
        await asyncio.gather(*(engine.close() for engine in engines), return_exceptions=True)
        await self._tasks.aclose()

    # Loading

    def _bring_up(self, spec: ModelSpec, settings: LoadSettings, *, anyway: bool) -> Instance:
        instance = Instance(spec, settings, next(self._generations), anyway=anyway)
        # A retry takes the place of the failed instance at the end of the loading order.
        self._instances.pop(spec.id, None)
        self._instances[spec.id] = instance
        self._announce(instance)
        instance.bringing_up = self._tasks.start(f"load {spec.name}", self._load(instance))
        return instance

    async def _load(self, instance: Instance) -> None:
        started = time.monotonic()
        try:
            self._move(instance, InstanceState.RESERVING)
            memory = self._devices.memory()
            if not instance.anyway and await self._weigh(instance, memory):
                memory = self._devices.memory()
            self._reserve(instance, memory)
            instance.engine = await self._provide(instance)
            self._move(instance, InstanceState.WARMING)
            await instance.engine.probe()
        except asyncio.CancelledError:
            await self._abandon(instance, None)
        except Exception as error:
            # The edge to the providers: any fault fails this load only.
            if not isinstance(error, AppError):
                log.exception("Loading %s failed", instance.spec.name)
            await self._abandon(instance, error)
        else:
            self._ready(instance, time.monotonic() - started)

    async def _weigh(self, instance: Instance, memory: MemoryView) -> bool:
        room = self._room(memory, freed=0)
        return await self._plans.weigh(instance.spec, instance.settings, room, memory.total)

    def _reserve(self, instance: Instance, memory: MemoryView) -> None:
        room, freed = self._room(memory, freed=0), self._idle_bytes()
        room_without_idle = self._room(memory, freed)
        plan = self._plans.plan(instance.spec, instance.settings)
        instance.predicted = plan.host
        instance.plentiful = rules.fit(plan.host, room) is rules.Fit.FITS
        if plan.host > room and not instance.anyway:
            raise refusal(instance.spec.name, plan, room, room_without_idle)
        self._move(instance, InstanceState.STARTING)

    async def _provide(self, instance: Instance) -> Engine:
        def progressed(share: float) -> None:
            if instance.state is InstanceState.LOADING:
                instance.progress = max(0.0, min(1.0, share))
                self._announce(instance)
                self.progressed(instance.view())

        self._move(instance, InstanceState.LOADING)
        provider = self._providers[instance.spec.provider]
        return await provider.load(
            instance.spec, instance.settings, progressed, plentiful=instance.plentiful
        )

    def _ready(self, instance: Instance, seconds: float) -> None:
        assert instance.engine is not None
        instance.measured = instance.engine.memory()
        instance.loaded_at = time.time()
        instance.load_seconds = seconds
        instance.progress = None
        self._setbacks.ready(instance.spec, instance.settings)
        self._move(instance, InstanceState.READY)
        self._tasks.start(f"watch {instance.spec.name}", self._watch(instance, instance.engine))
        self._tasks.start(f"try {instance.spec.name}", self._try_switch(instance, instance.engine))
        for waiter, owner in tuple(instance.waiters.items()):
            if not waiter.done():
                waiter.set_result(self._lease(instance, owner))

    def _cancel_load(self, instance: Instance) -> None:
        # STOPPING is not among them: a second cancel would interrupt the reaping.
        if instance.state not in COMING or instance.bringing_up is None or instance.failing:
            return
        instance.bringing_up.cancel()
        if instance.state is InstanceState.QUEUED:
            # A task that is cancelled before its first step never runs, so it can't clean up.
            self._cancelled(instance)
        else:
            self._move(instance, InstanceState.STOPPING)

    async def _abandon(self, instance: Instance, error: Exception | None) -> None:
        """End a load that was cancelled (no error) or failed; its process is reaped first."""
        instance.failing = error is not None
        if instance.engine is not None:
            await instance.engine.close()
        if error is None or instance.state is InstanceState.STOPPING:
            self._cancelled(instance)
        else:
            instance.error = _as_app_error(error)
            self._setbacks.failed(instance.spec, instance.settings, instance.error)
            self._move(instance, InstanceState.FAILED)
            self._refuse(instance, instance.error)

    def _cancelled(self, instance: Instance) -> None:
        self._move(instance, InstanceState.STOPPED)
        self._forget(instance)
        name = instance.spec.name
        self._refuse(
            instance, LoadCancelled(f"Loading {name} was cancelled.", "Load it again to use it.")
        )

    def _refuse(self, instance: Instance, error: AppError) -> None:
        for waiter in tuple(instance.waiters):
            if not waiter.done():
                waiter.set_exception(error)

    async def _wait_ready(self, instance: Instance, owner: str) -> Lease:
        waiter: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
        instance.waiters[waiter] = owner
        try:
            return await waiter
        except asyncio.CancelledError:
            # The lease may have been granted in the turn in which the waiter gave up.
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                waiter.result().release()
            raise
        finally:
            del instance.waiters[waiter]
            if not instance.waiters:
                self._cancel_load(instance)

    # Leases

    def _lease(self, instance: Instance, owner: str) -> Lease:
        lease = Lease(instance, owner, lambda held: self._release(instance, held))
        instance.leases.append(lease)
        instance.unused.clear()
        self._announce(instance)
        return lease

    def _release(self, instance: Instance, lease: Lease) -> None:
        if lease not in instance.leases:
            return
        instance.leases.remove(lease)
        if instance.state not in ENDED and instance.engine is not None:
            instance.measured = instance.engine.memory() or instance.measured
            if instance.measured is not None:
                self.released(lease, instance.measured)
        if not instance.leases:
            instance.unused.set()
        if self._instances.get(instance.spec.id) is instance:
            self._announce(instance)

    # Ending

    async def _drain(self, instance: Instance) -> None:
        await instance.unused.wait()
        if instance.state is not InstanceState.DRAINING:
            return
        assert instance.engine is not None
        self._move(instance, InstanceState.STOPPING)
        await instance.engine.close()
        self._setbacks.forget(instance.spec.id)
        self._move(instance, InstanceState.STOPPED)
        self._forget(instance)

    async def _try_switch(self, instance: Instance, engine: Engine) -> None:
        instance.thinking = await engine.find_thinking()
        self.detected(instance.spec.id, instance.thinking)
        if instance.thinking is not None and instance.state is InstanceState.READY:
            self._announce(instance)

    async def _watch(self, instance: Instance, engine: Engine) -> None:
        cause = await engine.wait_ended()
        if cause is None or instance.state not in {InstanceState.READY, InstanceState.DRAINING}:
            return
        instance.error = cause
        forget_cause()
        ready_at = instance.loaded_at or time.time()
        self._setbacks.crashed(instance.spec, instance.settings, cause, ready_at)
        self._move(instance, InstanceState.CRASHED)
        log.warning("%s crashed: %s %s", instance.spec.name, cause.what, cause.detail)

    # Transitions

    def _move(self, instance: Instance, state: InstanceState) -> None:
        allowed = NEXT_STATES[instance.state]
        assert state in allowed, f"{instance.state} can't become {state}"
        instance.state = state
        if state in ENDED:
            instance.progress = None
            instance.ended.set()
        self._announce(instance)
        self.moved(instance.view())

    def _forget(self, instance: Instance) -> None:
        if self._instances.get(instance.spec.id) is instance:
            del self._instances[instance.spec.id]
        if instance.state is not InstanceState.STOPPED:
            gone = instance.view().model_copy(update={"state": InstanceState.STOPPED})
            self._events.publish(InstanceChanged(instance=gone))

    def _announce(self, instance: Instance) -> None:
        self._events.publish(InstanceChanged(instance=instance.view()))


def _as_app_error(error: Exception) -> AppError:
    if isinstance(error, AppError):
        return error
    report = report_of(error)
    return AppError(report.what, report.remedy, report.detail)
