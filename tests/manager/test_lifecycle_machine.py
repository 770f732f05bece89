"""Random interleavings of everything that can happen to models, and what must hold throughout."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.domain.errors import AppError, InvalidFile
from app.domain.instances import ENDED, InstanceState
from app.domain.load_settings import LoadSettings, LoadWish
from app.domain.models import ACTIVE, Folder, ModelId
from app.manager.instances import Lease
from app.manager.manager import Manager
from tests.support.clock import JumpingLoop
from tests.support.fakes import GIGABYTE, FakeDevices, fake_ports, spec
from tests.support.witness import IN_USE, WatchedProvider, Witness, lives

SMALL, MIDDLE, LARGE, GIANT = (
    spec(f"m{size}", size_bytes=size * GIGABYTE) for size in (2, 3, 4, 12)
)
MODELS = (SMALL, MIDDLE, LARGE, GIANT)
FOLDER = "/models"
BROKEN = InvalidFile("It is broken.", "Download it again.")
RESTING = frozenset({InstanceState.READY, InstanceState.FAILED, InstanceState.CRASHED})
STEPS = 20
SUITE, EVERY = 500, 10_000
"""How many interleavings the tests run, and how many the benchmark."""
FEW = 4
"""Calls before the program may be ended, so that something is under way."""
ANSWERS = (AppError, asyncio.CancelledError)
"""How a call may end beside well."""
LONG = 7200.0
"""Seconds within which everything has to have ended; longer than any patience or pause."""

OFTEN = [model.id for model in (SMALL, MIDDLE, LARGE, SMALL, MIDDLE, LARGE, GIANT)]
"""What never fits is asked for less often."""
IDS = st.sampled_from(OFTEN)
TURNS = st.sampled_from([0, 1, 2, 3, 5, 12])
"""Of the loop, before anything else happens: a load of a model that fits takes some ten."""


def effort(examples: int) -> settings:
    """So many interleavings, none of them timed, remembered or made smaller."""
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


class Lifecycle(RuleBasedStateMachine):
    """A manager over fakes on a clock that jumps; users come and go in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = JumpingLoop()
        self.users: list[tuple[asyncio.Task[None], asyncio.Event]] = []
        self.held: list[Lease] = []
        self.calls: list[asyncio.Task[Any]] = []
        """The commands that were given."""
        self.closing: asyncio.Task[None] | None = None
        self._do(self._start())

    async def _start(self) -> None:
        ports = fake_ports()
        ports.devices = FakeDevices(total=8 * GIGABYTE)
        ports.provider = self.provider = WatchedProvider(lambda words: None)
        ports.offer(*MODELS)
        ports.store.kept_folders[FOLDER] = Folder(path=FOLDER)
        self.ports = ports
        self.context = ports.manager()
        self.manager: Manager = await self.context.__aenter__()
        self.models = self.manager.models
        self.witness = Witness(self.manager, ports.devices, self.provider)

    # Moving on

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        self.loop.run_until_complete(work)

    async def _turn(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    def _go_on(self, turns: int) -> None:
        if turns:
            self._do(self._turn(turns))

    def _call(self, work: Coroutine[Any, Any, object], turns: int) -> None:
        self.calls.append(self.loop.create_task(work))
        self._go_on(turns)

    # What people and programs do

    @rule(name=st.sampled_from([*OFTEN, ACTIVE]), insist=st.booleans(), turns=TURNS)
    def acquire(self, name: str, insist: bool, turns: int) -> None:
        done = asyncio.Event()

        async def use() -> None:
            async with self.models.lease(name, "chat", LoadWish() if insist else None) as lease:
                self.held.append(lease)
                try:
                    await done.wait()
                finally:
                    self.held.remove(lease)

        self.users.append((self.loop.create_task(use()), done))
        self._go_on(turns)

    @precondition(lambda self: self.users)
    @rule(which=st.integers(0, 50), rude=st.booleans(), turns=TURNS)
    def release(self, which: int, rude: bool, turns: int) -> None:
        user, done = self.users.pop(which % len(self.users))
        done.set()
        if rude:
            user.cancel()
        self.calls.append(user)
        self._go_on(turns)

    @rule(model=IDS, priority=st.integers(0, 2), turns=TURNS)
    def load(self, model: ModelId, priority: int, turns: int) -> None:
        self._call(self.models.load(model, priority=priority), turns)

    @rule(model=IDS, turns=TURNS)
    def cancel(self, model: ModelId, turns: int) -> None:
        self._call(self.models.cancel_load(model), turns)

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 50), turns=TURNS)
    def give_up(self, which: int, turns: int) -> None:
        self.calls[-1 - which % len(self.calls)].cancel()
        self._go_on(turns)

    @rule(model=st.sampled_from([*OFTEN, None]), turns=TURNS)
    def switch(self, model: ModelId | None, turns: int) -> None:
        models = self.models
        self._call(models.roll_back() if model is None else models.switch(model), turns)

    @rule(model=IDS, drain=st.booleans(), turns=TURNS)
    def evict(self, model: ModelId, drain: bool, turns: int) -> None:
        self._call(self.models.eject(model, drain=drain), turns)

    @rule(model=IDS, context=st.sampled_from([1024, 2048]), turns=TURNS)
    def reload(self, model: ModelId, context: int, turns: int) -> None:
        wanted = LoadSettings(context_length=context)
        self._call(self.models.reload(model, wanted), turns)

    @rule(model=IDS, pinned=st.booleans(), turns=TURNS)
    def pin(self, model: ModelId, pinned: bool, turns: int) -> None:
        self._call(self.models.pin(model) if pinned else self.models.unpin(model), turns)

    @rule(
        budget=st.sampled_from([None, 0.5, 2.5e9, 4e9]),
        most=st.sampled_from([None, 1, 2]),
        minutes=st.sampled_from([None, 1, 10]),
    )
    def limit(self, budget: float | None, most: int | None, minutes: int | None) -> None:
        async def change() -> None:
            await self.manager.settings.set("memory_budget", budget)
            await self.manager.settings.set("max_loaded", most)
            await self.manager.settings.set("time_to_live_minutes", minutes)

        self._do(change())

    @rule(seconds=st.sampled_from([1.0, 31.0, 61.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self._do(asyncio.sleep(seconds))

    # What befalls them

    @precondition(lambda self: self.provider.living())
    @rule(which=st.integers(0, 50), turns=TURNS)
    def crash(self, which: int, turns: int) -> None:
        living = self.provider.living()
        living[which % len(living)].crash()
        self._go_on(turns)

    @rule(model=IDS, how=st.sampled_from([None, "load", "first token"]))
    def fail(self, model: ModelId, how: str | None) -> None:
        failing = {"load": self.provider.failures, "first token": self.provider.probe_failures}
        for kept in failing.values():
            kept.pop(model, None)
        if how is not None:
            failing[how][model] = BROKEN

    @rule(which=st.sampled_from([None, 0, 1, 2]))
    def hold(self, which: int | None) -> None:
        for number, gate in enumerate(self.provider.gates):
            (gate.clear if number == which else gate.set)()

    @precondition(lambda self: self.closing is None)
    @rule(
        model=IDS,
        change=st.sampled_from(["rename", "delete", "return", "folder goes", "folder comes"]),
        turns=TURNS,
    )
    def rescan(self, model: ModelId, change: str, turns: int) -> None:
        library, disk = self.manager.library, self.ports.files.disk
        found = next(item for item in MODELS if item.id == model)
        others = [item for item in disk[FOLDER] if item.id != model]
        if change == "rename":
            disk[FOLDER] = [*others, found.model_copy(update={"path": f"{FOLDER}/new.gguf"})]
        elif change == "delete":
            disk[FOLDER] = others
        elif change == "return":
            disk[FOLDER] = [*others, found]
        elif change == "folder goes":
            self._call(library.remove_folder(FOLDER), 0)
        else:
            self._call(library.add_folder(FOLDER), 0)
        self._call(library.rescan(), turns)

    @precondition(lambda self: self.closing is None and len(self.calls) >= FEW)
    @rule(turns=TURNS)
    def shut_down(self, turns: int) -> None:
        self._close()
        self._go_on(turns)

    # What must hold

    @invariant()
    def holds(self) -> None:
        assert not self.witness.faults, self.witness.faults
        for alias in self.models.aliases():
            assert alias.model_id == self.witness.targets[alias.name]
        for lease in self.held:
            instance = lease._instance
            assert self.witness.shut or instance.state in IN_USE
            assert self.witness.shut or lease.engine in self.provider.processes
            assert self.witness.shut or not lease.engine.closed

    def teardown(self) -> None:
        try:
            self._do(self._finish())
        finally:
            self.loop.close()

    async def _finish(self) -> None:
        """Everybody who waits is told, by itself or by the end of the program; nothing outlives it."""
        if self.closing is None:
            await self._settle()
            self._close()
        assert self.closing is not None
        self._open_gates()
        await self._all_end(self.closing)
        assert all(view.state in ENDED for view in self.models.instances())
        assert not any(map(lives, self.provider.processes)), "a process outlived the program"
        assert not self.provider.opening.total(), "a load outlived the program"
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, f"tasks left behind: {[task.get_name() for task in left]}"
        assert not self.witness.faults, self.witness.faults

    async def _settle(self) -> None:
        """While the program runs everybody gets an answer, and then nothing is half done."""
        self._open_gates()
        await self._all_end()
        await asyncio.sleep(LONG)
        views = self.models.instances()
        assert {view.state for view in views} <= RESTING
        assert not any(view.leases for view in views), "somebody who has left holds a lease"
        self._call(self.models.load(SMALL.id), 0)
        await self._all_end()

    def _close(self) -> None:
        async def close() -> None:
            self.witness.shut = True
            await self.context.__aexit__(None, None, None)
            self.witness.over = True

        self.closing = self.loop.create_task(close())

    def _open_gates(self) -> None:
        for gate in self.provider.gates:
            gate.set()
        for _, done in self.users:
            done.set()

    async def _all_end(self, *others: asyncio.Task[Any]) -> None:
        tasks = [*others, *self.calls, *(user for user, _ in self.users)]
        async with asyncio.timeout(LONG):
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, ANSWERS):
                raise end


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = effort(SUITE)
