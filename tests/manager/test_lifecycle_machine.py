"""Random interleavings of everything that can happen to models, and what must hold throughout."""

import asyncio
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.domain.errors import AppError, InvalidFile
from app.domain.events import AliasAssigned
from app.domain.instances import COMING, ENDED, InstanceState
from app.domain.load_settings import LoadWish
from app.domain.models import ACTIVE, ModelId
from tests.support.clock import JumpingLoop
from tests.support.fakes import GIGABYTE, FakeDevices, fake_ports, spec

MODELS = tuple(spec(f"m{size}", size_bytes=size * GIGABYTE) for size in (1, 2, 3, 4, 12))
IDS = st.sampled_from([model.id for model in MODELS])
BROKEN = InvalidFile("It is broken.", "Download it again.")
STEPS = 20
LONG = 3600.0


class Lifecycle(RuleBasedStateMachine):
    """A manager over fakes on a clock that jumps; users come and go in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = JumpingLoop()
        self.users: list[asyncio.Task[None]] = []
        self.leave: list[asyncio.Event] = []
        self.work: list[asyncio.Task[object]] = []
        self.over = False
        self._do(self._start())

    async def _start(self) -> None:
        self.ports = fake_ports()
        self.ports.devices = FakeDevices(total=8 * GIGABYTE)
        self.ports.offer(*MODELS)
        self.context = self.ports.manager()
        self.manager = await self.context.__aenter__()
        self.models = self.manager.models
        self.seen = self.manager.events.subscribe(lambda: None)
        self.loading: Counter[ModelId] = Counter()
        self.most = 0
        provider = self.ports.provider
        load = provider.load

        async def counted(model, *arguments, **keywords):
            self.loading[model.id] += 1
            self.most = max(self.most, self.loading[model.id])
            try:
                return await load(model, *arguments, **keywords)
            finally:
                self.loading[model.id] -= 1

        provider.load = counted

    def _do(self, work) -> object:
        return self.loop.run_until_complete(work)

    async def _turns(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    def _begin(self, work) -> None:
        async def quietly() -> object:
            try:
                return await work
            except AppError as error:
                return error

        self.work.append(self.loop.create_task(quietly()))

    @rule(model=IDS, insist=st.booleans(), turns=st.integers(0, 6))
    def acquire(self, model: ModelId, insist: bool, turns: int) -> None:
        done = asyncio.Event()

        async def use() -> None:
            try:
                async with self.models.lease(model, "user", LoadWish() if insist else None):
                    await done.wait()
            except AppError:
                pass

        self.users.append(self.loop.create_task(use()))
        self.leave.append(done)
        self._do(self._turns(turns))

    @precondition(lambda self: self.users)
    @rule(data=st.data(), rude=st.booleans(), turns=st.integers(0, 6))
    def release(self, data: st.DataObject, rude: bool, turns: int) -> None:
        at = data.draw(st.integers(0, len(self.users) - 1))
        user, done = self.users.pop(at), self.leave.pop(at)
        done.set()
        if rude:
            user.cancel()
        self.work.append(user)
        self._do(self._turns(turns))

    @rule(model=IDS, priority=st.integers(0, 2), turns=st.integers(0, 8), anyway=st.just(False))
    def load(self, model: ModelId, priority: int, turns: int, anyway: bool) -> None:
        self._begin(self.models.load(model, priority=priority, anyway=anyway))
        self._do(self._turns(turns))

    @rule(model=IDS, turns=st.integers(0, 6))
    def cancel(self, model: ModelId, turns: int) -> None:
        self._do(self.models.cancel_load(model))
        self._do(self._turns(turns))

    @rule(model=IDS, turns=st.integers(0, 8))
    def switch(self, model: ModelId, turns: int) -> None:
        self._begin(self.models.switch(model))
        self._do(self._turns(turns))

    @rule(model=IDS, turns=st.integers(0, 6))
    def evict(self, model: ModelId, turns: int) -> None:
        self._begin(self.models.eject(model))
        self._do(self._turns(turns))

    @rule(model=IDS, turns=st.integers(0, 4))
    def crash(self, model: ModelId, turns: int) -> None:
        view = self.models.instance(model)
        if view is not None and view.state is InstanceState.READY:
            self.ports.provider.engines[model].crash()
        self._do(self._turns(turns))

    @rule(model=IDS, fails=st.booleans())
    def fail(self, model: ModelId, fails: bool) -> None:
        self.ports.provider.failures.pop(model, None)
        if fails:
            self.ports.provider.failures[model] = BROKEN

    @rule(model=IDS, pinned=st.booleans(), turns=st.integers(0, 3))
    def pin(self, model: ModelId, pinned: bool, turns: int) -> None:
        self._do(self.models.pin(model) if pinned else self.models.unpin(model))
        self._do(self._turns(turns))

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        (self.ports.provider.go.clear if held else self.ports.provider.go.set)()

    @rule(turns=st.integers(0, 6))
    def rescan(self, turns: int) -> None:
        self._begin(self.manager.library.rescan())
        self._do(self._turns(turns))

    @rule(
        most=st.sampled_from([None, 1, 2]),
        minutes=st.sampled_from([None, 1, 10]),
    )
    def set(self, most: int | None, minutes: int | None) -> None:
        self._do(self.manager.settings.set("max_loaded", most))
        self._do(self.manager.settings.set("idle_minutes", minutes))

    @rule(seconds=st.sampled_from([1.0, 31.0, 61.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self._do(asyncio.sleep(seconds))

    @invariant()
    def holds(self) -> None:
        views = self.models.instances()
        assert self.manager.memory.ledger().charged <= self.manager.memory.ledger().budget
        assert len({view.model_id for view in views}) == len(views)
        assert self.most <= 1, "two loads of one model at once"
        for view in views:
            assert view.state is not InstanceState.STOPPED
            assert not view.leases or view.state not in COMING
            if view.state in {InstanceState.READY, InstanceState.DRAINING}:
                engine = self.ports.provider.engines[view.model_id]
                assert not view.leases or not engine.closed
        for published in self.seen.take():
            event = published.event
            if isinstance(event, AliasAssigned) and event.name == ACTIVE and event.model_id:
                assert event.model_id in self.ports.provider.engines, "never was loaded"
        active = self.models.active()
        assert active is None or active in self.ports.provider.engines

    def teardown(self) -> None:
        try:
            self._do(self._finish())
        finally:
            self.loop.close()

    async def _finish(self) -> None:
        """Shut down in whatever state it is in: everybody who waits is told, and nothing lives."""
        late = [self.loop.create_task(self.context.__aexit__(None, None, None))]
        await self._turns(2)
        for done in self.leave:
            done.set()
        async with asyncio.timeout(LONG):
            await asyncio.gather(*late, *self.work, *self.users, return_exceptions=True)
        assert not late[0].exception()
        assert all(
            engine.closed for engine in self.ports.provider.engines.values() if not ended(engine)
        )
        assert all(view.state in ENDED for view in self.models.instances())
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, f"tasks left behind: {[task.get_name() for task in left]}"


def ended(engine) -> bool:
    return engine._ended.done()


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(max_examples=500, stateful_step_count=STEPS, deadline=None)
