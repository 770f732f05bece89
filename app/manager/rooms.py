"""Who waits for room, and who leaves to make it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from app.domain import memory as rules
from app.domain.errors import AppError, DoesNotFit
from app.domain.eviction import (
    FAIRNESS_SECONDS,
    NOTHING,
    PATIENCE_SECONDS,
    Decision,
    Holding,
    Room,
    Verdict,
    Want,
    decide,
    total,
)
from app.domain.instances import COMING, ENDED, InstanceState
from app.domain.load_settings import LoadSettings
from app.domain.memory import MemoryView
from app.domain.models import ModelId, ModelSpec
from app.domain.settings import Settings
from app.manager.instances import Instance
from app.manager.limits import Limits
from app.manager.memory_plans import MemoryPlans, crowded, refusal
from app.ports.processes import Devices

GOING = frozenset({InstanceState.DRAINING, InstanceState.STOPPING})
HOLDING = frozenset(InstanceState) - ENDED - {InstanceState.QUEUED}
RESOLUTION = 0.001
"""Seconds by which a timer may be early."""


class Rooms:
    """The queue for memory and places over the coordinator's instances, and their idle time.

    It decides and tells the coordinator, which acts; it changes nothing but its own queue and what
    an instance says that it waits for.
    """

    def __init__(
        self,
        instances: Mapping[ModelId, Instance],
        devices: Devices,
        plans: MemoryPlans,
        settings: Callable[[], Settings],
    ) -> None:
        self._instances = instances
        self._devices = devices
        self._plans = plans
        self._settings = settings
        self._limits = Limits(settings)
        self.reserve: Callable[[Instance, int, bool], None] = lambda instance, size, plentiful: None
        """Gives an instance its bytes; told whether there are many more."""
        self.evict: Callable[[Instance, str, ModelId | None], None] = lambda item, why, whom: None
        """Lets an instance go, with the reason and the model that it makes room for."""
        self.announce: Callable[[Instance], None] = lambda instance: None
        """Told of an instance that waits for something else than before."""
        self._waiting: list[Instance] = []
        self._timer: asyncio.TimerHandle | None = None
        self._stirred = False
        self._closed = False

    # Queries

    def memory(self) -> MemoryView:
        """The machine's memory now."""
        return self._devices.memory()

    def budget(self, memory: MemoryView) -> int:
        """Bytes that models may take together."""
        return self._limits.budget(memory)

    def charged(self) -> int:
        """Bytes that the ledger holds for all instances."""
        return sum(instance.charged for instance in self._instances.values())

    def free(self, memory: MemoryView | None = None) -> int:
        """Bytes that one more model may take now; below zero where models take too much already."""
        return self._free(memory or self._devices.memory()).size

    def free_without_idle(self) -> int:
        """The same when every model leaves that nobody uses and nobody keeps."""
        room = self._free(self._devices.memory()) + total(self._idle(self._holdings(None)))
        return max(0, room.size)

    def outlook(
        self, model_id: ModelId, need: int, spared: ModelId | None = None
    ) -> tuple[Decision, int]:
        """What a load would do now, and the bytes that it could have without anybody waiting.

        Args:
            model_id: the model; what it holds already counts as free.
            need: bytes that it will take.
            spared: a model that doesn't leave for it.
        """
        own = self._instances.get(model_id)
        free = self._free(self._devices.memory())
        if own is not None and own.state in HOLDING:
            free += Room(size=own.charged, places=1)
        holdings = self._holdings(own, spared)
        decision = decide(Want(size=need), holdings, free, self._now())
        return decision, max(0, (free + total(self._idle(holdings))).size)

    def refusal(self, spec: ModelSpec, settings: LoadSettings) -> DoesNotFit:
        """The error for a model that there is no room for even when others leave."""
        allowed, memory = self._settings(), self._devices.memory()
        holding = [item for item in self._instances.values() if item.state in HOLDING]
        pinned = [item.spec.name for item in holding if item.pinned]
        if allowed.max_loaded is not None and len(pinned) >= allowed.max_loaded:
            return crowded(spec.name, pinned, allowed.max_loaded)
        return refusal(
            spec.name,
            self._plans.plan(spec, settings),
            max(0, self.free(memory)),
            self.free_without_idle(),
            budget=None if allowed.memory_budget is None else self.budget(memory),
            pinned=pinned,
        )

    def idle_limit(self, instance: Instance) -> float | None:
        """Seconds without use after which an instance leaves; None for never."""
        if instance.pinned:
            return None
        minutes = self._settings().time_to_live_minutes
        general = None if minutes is None else minutes * 60.0
        own = instance.wish.time_to_live
        return general if own is None else own

    # Waiting

    async def take(self, instance: Instance, memory: MemoryView) -> None:
        """Reserve what an instance needs, waiting for it where others will leave or can.

        Raises:
            DoesNotFit: there is no room to be had, or none came in time.
        """
        instance.queued_at = self._now()
        instance.turn = asyncio.get_running_loop().create_future()
        self._waiting.append(instance)
        try:
            self._look(memory)
            await instance.turn
        finally:
            self._waiting.remove(instance)
            # Whoever came behind need not wait for this one any more.
            self.stir()

    def stir(self) -> None:
        """Look soon whether somebody can go on or has to go; call it when anything has changed."""
        if not self._stirred and not self._closed:
            self._stirred = True
            asyncio.get_running_loop().call_soon(self._look)

    def settings_changed(self, before: Settings) -> None:
        """Look soon whether what the settings allow now still holds."""
        newest = max((item.generation for item in self._instances.values()), default=0)
        self._limits.changed(before, self._devices.memory(), newest)
        self.stir()

    def close(self) -> None:
        """Let nobody in or out any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, memory: MemoryView | None = None) -> None:
        self._stirred = False
        if self._closed:
            return
        now = self._now()
        for instance in tuple(self._instances.values()):
            limit = self.idle_limit(instance) if instance.idle else None
            if limit is not None and now >= instance.used_at + limit - RESOLUTION:
                self.evict(instance, f"idle for {span(limit)}", None)
        if self._limits.lowered:
            memory = memory or self._devices.memory()
            self._shed(memory, now)
        claimed = NOTHING
        waiting = [item for item in self._waiting if item.turn is not None and not item.turn.done()]
        for instance in sorted(waiting, key=lambda item: (-item.priority, item.generation)):
            memory = memory or self._devices.memory()
            claimed += self._serve(instance, memory, now, claimed)
        self._arm(now)

    def _shed(self, memory: MemoryView, now: float) -> None:
        """Let idle models go for a limit that was lowered."""
        holdings = [
            item.model_copy(update={"kept": True})
            if not self._limits.applies(self._instances[item.model_id].generation)
            else item
            for item in self._holdings(None)
        ]
        leaving, reason = self._limits.leaving(holdings, memory, now)
        for model_id in leaving:
            self.evict(self._instances[model_id], reason, None)

    def _serve(self, instance: Instance, memory: MemoryView, now: float, claimed: Room) -> Room:
        """Decide about one who waits; what it claims of the room that is on its way."""
        assert instance.turn is not None
        free, holdings = self._free(memory), self._holdings(instance, instance.spared)
        need = self._plans.plan(instance.spec, instance.settings).host
        size = need
        if instance.wish.anyway:
            # It takes what there is and more: nobody leaves where that wouldn't be enough either.
            going = [item for item in holdings if item.going]
            left = free + total(going) - claimed
            if need > (left + total(self._idle(holdings))).size:
                size = max(0, left.size)
        waited = now - instance.queued_at + RESOLUTION
        want = Want(size=size, overdue=waited >= FAIRNESS_SECONDS)
        decision = decide(want, holdings, free, now, claimed)
        if decision.verdict is Verdict.LOAD:
            plentiful = rules.fit(need, max(0, free.size)) is rules.Fit.FITS
            self.reserve(instance, need, plentiful)
            instance.turn.set_result(None)
            return NOTHING
        if decision.verdict is Verdict.REFUSE or waited >= PATIENCE_SECONDS:
            never = decision.verdict is Verdict.REFUSE
            spec, settings = instance.spec, instance.settings
            error = self.refusal(spec, settings) if never else self._late(instance, decision)
            instance.turn.set_exception(error)
            return NOTHING
        if decision.verdict is Verdict.EVICT:
            for model_id in decision.models:
                words = f"makes room for {instance.spec.name}"
                self.evict(self._instances[model_id], words, instance.spec.id)
        self._tell(instance, f"waits for room: {self._doings(decision.models)}")
        return want.room if decision.claims else NOTHING

    def _arm(self, now: float) -> None:
        """Wake up when the next idle time or patience ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        times: list[float] = []
        for instance in self._waiting:
            ends = (instance.queued_at + FAIRNESS_SECONDS, instance.queued_at + PATIENCE_SECONDS)
            times += [at for at in ends if at > now]
        for instance in self._instances.values():
            limit = self.idle_limit(instance) if instance.idle else None
            if limit is not None:
                times.append(instance.used_at + limit)
        if times:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(min(times), self._look)

    # The snapshot

    def _free(self, memory: MemoryView) -> Room:
        instances = [
            item
            for item in self._instances.values()
            if item.state in HOLDING and item.spec.remote is None
        ]
        arriving = sum(item.charged for item in instances if item.state in COMING)
        return Room(
            size=rules.room(memory, self.charged(), arriving, self.budget(memory)),
            places=self._limits.places - len(instances),
        )

    def _holdings(self, asking: Instance | None, spared: ModelId | None = None) -> list[Holding]:
        return [
            Holding(
                model_id=item.spec.id,
                size=item.charged,
                ready=item.state is InstanceState.READY,
                going=item.state in GOING,
                busy=bool(item.leases),
                kept=item.pinned or item.spec.id == spared,
                used_at=item.used_at,
                reload_seconds=item.load_seconds,
            )
            for item in self._instances.values()
            if item.state in HOLDING and item is not asking and item.spec.remote is None
        ]

    @staticmethod
    def _idle(holdings: Iterable[Holding]) -> list[Holding]:
        return [item for item in holdings if item.ready and not item.busy and not item.kept]

    # Words

    def _tell(self, instance: Instance, reason: str) -> None:
        if instance.reason != reason:
            instance.reason = reason
            self.announce(instance)

    def _doings(self, models: Iterable[ModelId]) -> str:
        return ", ".join(
            f"{self._instances[item].spec.name} is {self._doing(item)}" for item in models
        )

    def _doing(self, model_id: ModelId) -> str:
        instance = self._instances[model_id]
        if instance.leases:
            return "answering"
        return "loading" if instance.state in COMING else "leaving"

    def _late(self, instance: Instance, decision: Decision) -> AppError:
        return DoesNotFit(
            f"{instance.spec.name} has waited {span(PATIENCE_SECONDS)} for room: "
            f"{self._doings(decision.models)}.",
            "Try again when that is over, or eject another model.",
        )

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def span(seconds: float) -> str:
    """A stretch of time in words: "1 minute", "90 seconds"."""
    amount, unit = (seconds / 60, "minute") if seconds % 60 == 0 else (seconds, "second")
    return f"{amount:g} {unit}" if amount == 1 else f"{amount:g} {unit}s"
