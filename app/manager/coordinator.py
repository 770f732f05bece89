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

from app.domain.chat_templates import ThinkingSwitch
from app.domain.error_reports import report_of
from app.domain.errors import AppError, DoesNotFit, LoadCancelled, UnknownModel
from app.domain.events import InstanceChanged, ModelEvicted
from app.domain.eviction import Decision
from app.domain.generation import ChatMessage, GenerationRequest, Role
from app.domain.instances import COMING, ENDED, NEXT_STATES, InstanceState, InstanceView
from app.domain.load_settings import LoadSettings, LoadWish
from app.domain.memory import MemoryView
from app.domain.models import ModelId, ModelSpec
from app.domain.recovery import Setback
from app.domain.settings import Settings
from app.manager.events import EventBus, forget_cause
from app.manager.instances import Instance, Lease
from app.manager.memory_plans import MemoryPlans
from app.manager.rooms import Rooms
from app.manager.setbacks import Setbacks
from app.ports.engines import Engine, Provider
from app.ports.processes import Devices
from app.tasks import TaskScope

log = logging.getLogger(__name__)

WISHLESS = LoadWish()
WARM_UP_TOKENS = 8


class Coordinator:
    """Owns the instances: loads, leases, drains and ends them."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        devices: Devices,
        events: EventBus,
        plans: MemoryPlans,
        settings: Callable[[], Settings],
    ) -> None:
        self._providers = providers
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
        self._pinned: set[ModelId] = set()
        self._rooms = Rooms(self._instances, devices, plans, settings)
        self._rooms.reserve = self._reserve
        self._rooms.evict = self._evict
        self._rooms.announce = self._announce
        self._setbacks = Setbacks()
        self._closed = False
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

    def wish(self, model_id: ModelId) -> LoadWish | None:
        """How a person asked for the instance of one model; None where there is none."""
        instance = self._instances.get(model_id)
        return instance.wish if instance is not None else None

    def setback(self, model_id: ModelId) -> Setback:
        """The failures in a row of a model, loaded as it was last."""
        instance = self._instances.get(model_id)
        return (
            Setback() if instance is None else self._setbacks.of(instance.spec, instance.settings)
        )

    def offloads(self, spec: ModelSpec) -> bool | None:
        """Whether the model's provider computes on GPUs; None until that is known."""
        provider = self._providers.get(spec.provider)
        return provider.offloads if provider is not None else None

    def charged(self) -> int:
        """Bytes that the ledger holds for all instances."""
        return self._rooms.charged()

    def budget(self, memory: MemoryView) -> int:
        """Bytes that models may take together."""
        return self._rooms.budget(memory)

    def room(self) -> int:
        """Bytes that one more model may take now."""
        return self._rooms.free()

    def room_without_idle(self) -> int:
        """The same when every model leaves that nobody uses and nobody keeps."""
        return self._rooms.free_without_idle()

    def outlook(
        self, model_id: ModelId, need: int, spared: ModelId | None = None
    ) -> tuple[Decision, int]:
        """What a load of `need` bytes would do now, and the room that it could have at once.

        Args:
            model_id: the model.
            need: bytes that it will take.
            spared: a model that doesn't leave for it.
        """
        return self._rooms.outlook(model_id, need, spared)

    def refusal(self, spec: ModelSpec, settings: LoadSettings) -> DoesNotFit:
        """The error for a model that there is no room for even when others leave."""
        return self._rooms.refusal(spec, settings)

    def pinned(self, model_id: ModelId) -> bool:
        """Whether the model is kept loaded once it is."""
        return model_id in self._pinned

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
        wish: LoadWish = WISHLESS,
        *,
        insist: bool = True,
        spared: ModelId | None = None,
    ) -> Lease:
        """A lease on the model, loading it first when it isn't loaded.

        However many ask at once, the model is loaded once. When the last of those who wait gives
        up, so does the load.

        Args:
            spec: the model.
            settings: how to load it.
            owner: who uses it, by name.
            wish: what else a person asked for; its own settings aren't looked at.
            insist: load it although it has just failed repeatedly, as a person may ask.
            spared: a model that doesn't leave for this one.

        Raises:
            ModelError: it can't be loaded; everybody who waits gets the same error.
            LoadCancelled: the load was cancelled by `cancel`, `end` or `aclose`.
        """
        while True:
            instance = self._instances.get(spec.id)
            if self._closed:
                raise _cancelled(spec)
            if instance is None or instance.state in ENDED:
                if not insist:
                    self._setbacks.check(spec, settings)
                instance = self._bring_up(spec, settings, wish)
                instance.spared = spared
            elif instance.state is InstanceState.READY:
                return self._lease(instance, owner)
            elif instance.state in {InstanceState.DRAINING, InstanceState.STOPPING}:
                await instance.ended.wait()
                continue
            instance.priority = max(instance.priority, wish.priority)
            return await self._wait_ready(instance, owner)

    def pin(self, model_id: ModelId, *, pinned: bool) -> None:
        """Keep a model loaded from now on, or no longer."""
        (self._pinned.add if pinned else self._pinned.discard)(model_id)
        instance = self._instances.get(model_id)
        if instance is not None:
            instance.pinned = pinned
            self._announce(instance)
        self._rooms.stir()

    def settings_changed(self, before: Settings) -> None:
        """Look whether somebody can be loaded or has to leave, since a setting has changed."""
        self._rooms.settings_changed(before)

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
        elif instance.state is InstanceState.READY and not self._closed:
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
        """End every process, without waiting for leases; nobody gets a model any more."""
        self._closed = True
        self._rooms.close()
        instances = list(self._instances.values())
        loads = [item.bringing_up for item in instances if item.bringing_up is not None]
        for instance in instances:
            self._cancel_load(instance)
        await asyncio.gather(*loads, return_exceptions=True)
        engines = [instance.engine for instance in instances if instance.engine is not None]
        await asyncio.gather(*(engine.close() for engine in engines), return_exceptions=True)
        await self._tasks.aclose()
        for instance in instances:
            self._end_with_the_app(instance)

    def _end_with_the_app(self, instance: Instance) -> None:
        instance.leases.clear()
        if instance.state in {InstanceState.READY, InstanceState.DRAINING}:
            self._move(instance, InstanceState.STOPPING)
        if instance.state is InstanceState.STOPPING:
            self._move(instance, InstanceState.STOPPED)
        self._forget(instance)

    # Loading

    def _bring_up(self, spec: ModelSpec, settings: LoadSettings, wish: LoadWish) -> Instance:
        generation = next(self._generations)
        instance = Instance(spec, settings, generation, wish, self._rooms.idle_limit)
        instance.pinned = spec.id in self._pinned
        # A retry takes the place of the failed instance at the end of the loading order.
        self._instances.pop(spec.id, None)
        self._instances[spec.id] = instance
        self._announce(instance)
        instance.bringing_up = self._tasks.start(f"load {spec.name}", self._load(instance))
        return instance

    async def _load(self, instance: Instance) -> None:
        instance.begun = True
        # How long loads take weighs in evictions: on the loop's clock, tests see the same each time.
        clock = asyncio.get_running_loop().time
        try:
            if instance.spec.remote is None:
                await self._rooms.take(instance, await self._weigh(instance))
                started = clock()
                await self._load_here(instance)
            else:
                started = clock()
                self._move(instance, InstanceState.CONNECTING)
                instance.engine = await self._provide(instance)
                await instance.engine.probe()
        except asyncio.CancelledError:
            await self._abandon(instance, None)
        except Exception as error:
            # The edge to the providers: any fault fails this load only.
            if not isinstance(error, AppError):
                log.exception("Loading %s failed", instance.spec.name)
            await self._abandon(instance, error)
        else:
            self._ready(instance, clock() - started)

    async def _load_here(self, instance: Instance) -> None:
        self._move(instance, InstanceState.STARTING)
        self._move(instance, InstanceState.LOADING)
        instance.engine = await self._provide(instance)
        self._move(instance, InstanceState.WARMING)
        await instance.engine.probe()
        if instance.wish.warm_up:
            await _warm_up(instance.spec, instance.engine)

    async def _weigh(self, instance: Instance) -> MemoryView:
        """The machine's memory, once it is known as well as need be what the model takes."""
        memory = self._rooms.memory()
        room = self._rooms.free(memory)
        asked = not instance.wish.anyway and await self._plans.weigh(
            instance.spec, instance.settings, room, memory.total
        )
        return self._rooms.memory() if asked else memory

    def _reserve(self, instance: Instance, size: int, plentiful: bool) -> None:
        instance.predicted = size
        instance.plentiful = plentiful
        instance.reason = ""
        self._move(instance, InstanceState.RESERVING)

    async def _provide(self, instance: Instance) -> Engine:
        def progressed(share: float) -> None:
            if instance.state is InstanceState.LOADING:
                instance.progress = max(0.0, min(1.0, share))
                self._announce(instance)
                self.progressed(instance.view())

        provider = self._providers.get(instance.spec.provider)
        if provider is None:
            raise UnknownModel(
                f"The account of {instance.spec.name} is gone.", "Add it again in the Settings."
            )
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
        instance.rest()
        self._move(instance, InstanceState.READY)
        self._tasks.start(f"watch {instance.spec.name}", self._watch(instance, instance.engine))
        if instance.spec.remote is None:
            trying = self._try_switch(instance, instance.engine)
            self._tasks.start(f"try {instance.spec.name}", trying)
        for waiter, owner in tuple(instance.waiters.items()):
            if not waiter.done():
                waiter.set_result(self._lease(instance, owner))
        self._rooms.stir()

    def _cancel_load(self, instance: Instance) -> None:
        # STOPPING is not among them: a second cancel would interrupt the reaping.
        if instance.state not in COMING or instance.bringing_up is None or instance.failing:
            return
        instance.bringing_up.cancel()
        if not instance.begun:
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
        self._refuse(instance, _cancelled(instance.spec))

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
            instance.rest()
            instance.unused.set()
        self._rooms.stir()
        if self._instances.get(instance.spec.id) is instance:
            self._announce(instance)

    # Ending

    def _evict(self, instance: Instance, reason: str, for_model: ModelId | None) -> None:
        instance.reason = reason
        instance.evicted, instance.evicted_for = True, for_model
        self._move(instance, InstanceState.DRAINING)
        self._tasks.start(f"evict {instance.spec.name}", self._drain(instance))

    async def _drain(self, instance: Instance) -> None:
        await instance.unused.wait()
        if instance.state is not InstanceState.DRAINING:
            return
        assert instance.engine is not None
        self._move(instance, InstanceState.STOPPING)
        await instance.engine.close()
        freed = instance.charged
        self._move(instance, InstanceState.STOPPED)
        self._forget(instance)
        if not instance.evicted:
            self._setbacks.forget(instance.spec.id)
            return
        event = ModelEvicted(
            model_id=instance.spec.id,
            reason=instance.reason,
            for_model=instance.evicted_for,
            freed_bytes=freed,
        )
        self._events.publish(event)
        log.info("%s was unloaded: %s", instance.spec.name, instance.reason)

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
            self._rooms.stir()
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


async def _warm_up(spec: ModelSpec, engine: Engine) -> None:
    """Have a model compute a little, so that the first prompt finds everything touched."""
    if spec.embeds_only:
        await engine.embed(["Hello"])
        return
    greeting = ChatMessage(role=Role.USER, text="Hello")
    request = GenerationRequest(messages=(greeting,), max_tokens=WARM_UP_TOKENS, ignore_end=True)
    async for _ in engine.generate(request):
        pass


def _cancelled(spec: ModelSpec) -> LoadCancelled:
    return LoadCancelled(f"Loading {spec.name} was cancelled.", "Load it again to use it.")


def _as_app_error(error: Exception) -> AppError:
    if isinstance(error, AppError):
        return error
    report = report_of(error)
    return AppError(report.what, report.remedy, report.detail)
