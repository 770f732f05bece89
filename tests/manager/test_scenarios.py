"""The scenarios of load, lease and eviction that every engine is judged by, with fakes at the ports."""

import asyncio

import pytest

from app.domain.errors import (
    DoesNotFit,
    InvalidFile,
    LoadCancelled,
    LoadStalled,
    WorkerCrashed,
    WorkerHung,
)
from app.domain.events import InstanceChanged, ModelEvicted
from app.domain.instances import InstanceState
from app.domain.load_settings import LoadSettings
from app.domain.models import ModelId
from app.domain.switching import SwitchMethod
from tests.support.clock import run_jumping
from tests.support.fakes import GIGABYTE, FakeDevices, eventually, fake_ports, spec

A, B, C = (spec(name, size_bytes=3 * GIGABYTE) for name in ("a", "b", "c"))
GIANT = spec("giant", size_bytes=12 * GIGABYTE)
BROKEN = InvalidFile("It is broken.", "Download it again.")


def machine(total: int = 8 * GIGABYTE):
    """Room for two of the models."""
    ports = fake_ports()
    ports.devices = FakeDevices(total=total)
    ports.offer(A, B, C, GIANT)
    return ports


def loaded(manager) -> dict[ModelId, InstanceState]:
    return {view.model_id: view.state for view in manager.models.instances()}


def evictions(subscription) -> list[ModelEvicted]:
    return [item.event for item in subscription.take() if isinstance(item.event, ModelEvicted)]


async def hold(manager, model, done: asyncio.Event, owner: str = "chat") -> ModelId:
    async with manager.models.lease(model, owner) as lease:
        await done.wait()
        return lease.spec.id


async def busy(manager, model) -> tuple[asyncio.Task, asyncio.Event]:
    """Somebody who uses a model until the event is set."""
    done = asyncio.Event()
    task = asyncio.ensure_future(hold(manager, model.id, done))
    await eventually(lambda: (v := manager.models.instance(model.id)) and v.leases)
    return task, done


async def test_that_scenario_01_many_who_ask_for_a_cold_model_share_one_load() -> None:
    ports = machine()
    async with ports.manager() as manager:
        done = asyncio.Event()
        users = [asyncio.ensure_future(hold(manager, A.id, done)) for _ in range(20)]
        await eventually(lambda: (v := manager.models.instance(A.id)) and len(v.leases) == 20)
        done.set()
        assert set(await asyncio.gather(*users)) == {A.id}
        assert ports.provider.loads == [A.id]


async def test_that_scenario_02_a_failure_reaches_all_who_wait_and_is_then_not_tried_again() -> (
    None
):
    ports = machine()
    ports.provider.failures[A.id] = BROKEN
    async with ports.manager() as manager:
        for _ in range(2):
            asked = (hold(manager, A.id, asyncio.Event()) for _ in range(3))
            assert await asyncio.gather(*asked, return_exceptions=True) == [BROKEN] * 3
        with pytest.raises(InvalidFile) as refused:
            await hold(manager, A.id, asyncio.Event())
        assert refused.value.retry_at is not None
        assert ports.provider.loads == [A.id, A.id]


async def test_that_scenario_03_ten_thousand_who_give_up_leave_nothing_behind() -> None:
    ports = machine()
    async with ports.manager() as manager:
        ports.provider.go.clear()
        stays = asyncio.ensure_future(manager.models.load(A.id))
        await eventually(lambda: ports.provider.loads)
        goes = [asyncio.ensure_future(manager.models.load(A.id)) for _ in range(10_000)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        instance = manager.models._coordinator._instances[A.id]
        for waiter in goes:
            waiter.cancel()
        await asyncio.wait(goes)
        assert len(instance.waiters) == 1
        stays.cancel()
        await asyncio.wait([stays])
        await eventually(lambda: manager.models.instance(A.id) is None)
        assert ports.provider.cancelled == [A.id]


async def test_that_scenario_04_a_switch_under_500_streams_loses_none() -> None:
    ports = machine()
    async with ports.manager() as manager:
        await manager.models.load(A.id)
        done = asyncio.Event()
        old = [asyncio.ensure_future(hold(manager, "active", done)) for _ in range(500)]
        await eventually(lambda: len(manager.models.instance(A.id).leases) == 500)
        assert (await manager.models.switch(B.id)).method is SwitchMethod.OVERLAP
        new = [asyncio.ensure_future(hold(manager, "active", done)) for _ in range(500)]
        await asyncio.sleep(0)
        done.set()
        assert await asyncio.gather(*old, *new) == [A.id] * 500 + [B.id] * 500


async def test_that_scenario_05_a_busy_model_stays_and_a_waiter_who_leaves_costs_nobody() -> None:
    ports = machine()
    async with ports.manager() as manager:
        users = [await busy(manager, model) for model in (A, B)]
        waits = asyncio.ensure_future(manager.models.load(C.id))
        await eventually(lambda: (v := manager.models.instance(C.id)) and v.reason)
        view = manager.models.instance(C.id)
        assert view.state is InstanceState.QUEUED
        assert view.reason == "waits for room: a is answering, b is answering"
        waits.cancel()
        await asyncio.wait([waits])
        await eventually(lambda: manager.models.instance(C.id) is None)
        assert loaded(manager) == {A.id: InstanceState.READY, B.id: InstanceState.READY}
        for task, done in users:
            done.set()
            await task


async def test_that_scenario_06_two_who_wait_share_one_eviction() -> None:
    ports = fake_ports()
    ports.devices = FakeDevices(total=8 * GIGABYTE)
    large = spec("large", size_bytes=6_500_000_000)
    ports.offer(large, *(smalls := [spec("s1"), spec("s2")]))
    async with ports.manager() as manager:
        subscription = manager.events.subscribe(lambda: None)
        task, done = await busy(manager, large)
        asked = [asyncio.ensure_future(manager.models.load(item.id)) for item in smalls]
        await eventually(lambda: all(manager.models.instance(item.id) for item in smalls))
        done.set()
        await asyncio.gather(task, *asked)
        assert [event.model_id for event in evictions(subscription)] == [large.id]


async def test_that_scenario_07_who_asks_for_a_model_on_its_way_out_gets_its_next_load() -> None:
    ports = machine()
    async with ports.manager() as manager:
        await manager.models.load(A.id)
        await manager.models.load(B.id)
        await manager.models.pin(B.id)
        subscription = manager.events.subscribe(lambda: None)
        loading = asyncio.ensure_future(manager.models.load(C.id))
        await eventually(
            lambda: any(
                isinstance(item.event, InstanceChanged)
                and item.event.instance.state is InstanceState.DRAINING
                for item in subscription.take()
            ),
        )
        done = asyncio.Event()
        done.set()
        dying = ports.provider.engines[A.id]
        assert await hold(manager, A.id, done) == A.id
        await loading
        assert ports.provider.engines[A.id] is not dying
        assert manager.models.instance(A.id).generation > 3


def test_that_scenario_08_a_model_in_constant_use_makes_room_within_the_bound() -> None:
    async def play() -> None:
        ports = fake_ports()
        ports.devices = FakeDevices(total=4 * GIGABYTE)
        ports.offer(A, B)
        async with ports.manager() as manager:
            over = asyncio.Event()
            answers: list[ModelId] = []

            async def traffic() -> None:
                while not over.is_set():
                    async with manager.models.lease(A.id, "traffic") as lease:
                        await asyncio.sleep(1.0)
                        answers.append(lease.spec.id)

            users = [asyncio.ensure_future(traffic()) for _ in range(2)]
            await asyncio.sleep(0.5)
            users.append(asyncio.ensure_future(traffic()))
            await asyncio.sleep(5.0)
            start = asyncio.get_running_loop().time()
            await manager.models.load(B.id)
            assert 29.0 < asyncio.get_running_loop().time() - start < 33.0
            over.set()
            await asyncio.gather(*users)
            assert len(answers) > 60

    run_jumping(play())


async def test_that_scenario_09_what_never_fits_is_refused_at_once_and_evicts_nobody() -> None:
    ports = machine()
    async with ports.manager() as manager:
        await manager.models.load(A.id)
        with pytest.raises(DoesNotFit):
            await manager.models.load(GIANT.id)
        assert loaded(manager)[A.id] is InstanceState.READY
        assert manager.models.plan_switch(GIANT.id).method is SwitchMethod.REFUSE


async def test_that_scenario_10_evicted_bytes_stay_charged_until_the_process_is_gone() -> None:
    ports = machine()
    async with ports.manager() as manager:
        await manager.models.load(A.id)
        await manager.models.load(B.id)
        await manager.models.pin(B.id)
        engine, gone = ports.provider.engines[A.id], asyncio.Event()
        close = engine.close

        async def slow() -> None:
            await gone.wait()
            await close()

        engine.close = slow
        charged = manager.memory.ledger().charged
        loading = asyncio.ensure_future(manager.models.load(C.id))
        await eventually(lambda: loaded(manager).get(A.id) is InstanceState.STOPPING)
        assert manager.memory.ledger().charged == charged
        assert manager.models.instance(C.id).state is InstanceState.QUEUED
        assert manager.models.instance(C.id).reason == "waits for room: a is leaving"
        gone.set()
        await loading


async def test_that_scenario_11_a_crash_frees_the_memory_and_ends_in_back_off() -> None:
    ports = machine()
    async with ports.manager() as manager:
        for _ in range(2):
            task, done = await busy(manager, A)
            ports.provider.engines[A.id].crash()
            await eventually(lambda: loaded(manager)[A.id] is InstanceState.CRASHED)
            assert manager.memory.ledger().charged == 0
            done.set()
            await task
        with pytest.raises(WorkerCrashed, match="2 times in a row"):
            await hold(manager, A.id, done)


async def test_that_scenario_12_a_load_that_hangs_is_cancelled_or_fails_when_it_stalls() -> None:
    ports = machine()
    async with ports.manager() as manager:
        ports.provider.go.clear()
        loading = asyncio.ensure_future(manager.models.load(A.id))
        waiting = asyncio.ensure_future(hold(manager, A.id, asyncio.Event()))
        await eventually(lambda: loaded(manager).get(A.id) is InstanceState.LOADING)
        await manager.models.cancel_load(A.id)
        await loading
        with pytest.raises(LoadCancelled):
            await waiting
        assert ports.provider.cancelled == [A.id]
        ports.provider.go.set()
        ports.provider.failures[A.id] = LoadStalled("It made no progress.", "Check the drive.")
        with pytest.raises(LoadStalled):
            await manager.models.load(A.id)
        assert loaded(manager) == {A.id: InstanceState.FAILED}
        assert manager._coordinator.charged() == 0


async def test_that_scenario_13_a_worker_that_lives_and_says_nothing_is_replaced() -> None:
    ports = machine()
    async with ports.manager() as manager:
        task, done = await busy(manager, A)
        hung = WorkerHung("It has not moved and was ended.", "Load it again.")
        ports.provider.engines[A.id]._ended.set_result(hung)
        await eventually(lambda: loaded(manager)[A.id] is InstanceState.CRASHED)
        assert manager.models.instance(A.id).error.what == hung.what
        done.set()
        await task
        assert await hold(manager, A.id, done) == A.id
        assert manager.models.instance(A.id).generation == 2


async def test_that_scenario_14_a_rescan_in_any_state_orphans_nobody() -> None:
    ports = machine()
    ports.files.disk = {"/models": [A]}
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await eventually(lambda: manager.library.scanning() is None)
        ports.provider.go.clear()
        loading = asyncio.ensure_future(manager.models.load(A.id))
        await eventually(lambda: ports.provider.loads)
        ports.files.disk["/models"] = []
        await manager.library.rescan()
        ports.provider.go.set()
        await loading
        task, done = await busy(manager, A)
        ejecting = asyncio.ensure_future(manager.models.eject(A.id, drain=True))
        await asyncio.sleep(0)
        await manager.library.rescan()
        done.set()
        await asyncio.gather(task, ejecting)
        assert loaded(manager) == {}
        assert ports.provider.engines[A.id].closed


@pytest.mark.parametrize("turns", range(8))
async def test_that_scenario_15_shutting_down_ends_everybody_in_every_state(turns: int) -> None:
    ports = machine()
    async with ports.manager() as manager:
        await manager.models.load(A.id)
        task, done = await busy(manager, A)
        ejecting = asyncio.ensure_future(manager.models.eject(A.id, drain=True))
        asked = [asyncio.ensure_future(manager.models.load(item.id)) for item in (A, B, C)]
        late = asyncio.ensure_future(hold(manager, A.id, done))
        for _ in range(turns):
            await asyncio.sleep(0)
    done.set()
    results = await asyncio.gather(task, ejecting, late, *asked, return_exceptions=True)
    assert isinstance(results[2], LoadCancelled)
    assert all(engine.closed for engine in ports.provider.engines.values())
    assert manager.models.instances() == ()


@pytest.mark.parametrize("turns", range(16))
async def test_that_scenario_15_an_eject_while_the_program_ends_ends_with_it(turns: int) -> None:
    ports = machine()
    context = ports.manager()
    manager = await context.__aenter__()
    await manager.models.load(A.id)
    closing = asyncio.ensure_future(context.__aexit__(None, None, None))
    for _ in range(turns):
        await asyncio.sleep(0)
    await manager.models.eject(A.id)
    await closing
    assert ports.provider.engines[A.id].closed


async def test_that_scenario_16_an_explicit_context_is_never_reduced() -> None:
    ports = machine()
    async with ports.manager() as manager:
        wanted = LoadSettings(context_length=4096)
        await manager.models.load(A.id, wanted)
        assert ports.provider.settings == [wanted]


async def test_that_scenario_17_pinned_models_survive_and_all_pinned_is_a_refusal() -> None:
    ports = machine()
    async with ports.manager() as manager:
        await manager.models.load(A.id)
        await manager.models.pin(A.id)
        await manager.models.load(B.id)
        await manager.models.load(C.id)
        assert set(loaded(manager)) == {A.id, C.id}
        await manager.models.pin(C.id)
        with pytest.raises(DoesNotFit, match="a, c are kept loaded"):
            await manager.models.load(B.id)
        assert manager.models.plan_switch(B.id).method is SwitchMethod.REFUSE
    async with ports.manager() as manager:
        assert manager.models.pinned(A.id)
        await manager.models.unpin(A.id)
        assert ports.store.kept_pins == {C.id}


def test_that_scenario_18_the_time_to_live_counts_from_the_last_release() -> None:
    async def play() -> None:
        ports = machine()
        async with ports.manager() as manager:
            await manager.settings.set("time_to_live_minutes", 10)
            subscription = manager.events.subscribe(lambda: None)
            done = asyncio.Event()
            user = asyncio.ensure_future(hold(manager, A.id, done))
            await asyncio.sleep(3600)
            done.set()
            await user
            assert manager.models.instance(A.id).unloads_at is not None
            await asyncio.sleep(599)
            async with manager.models.lease(A.id, "chat"):
                pass
            await asyncio.sleep(599)
            assert loaded(manager) == {A.id: InstanceState.READY}
            await manager.models.load(B.id, time_to_live=30.0)
            await manager.models.pin(B.id)
            await asyncio.sleep(5)
            told = evictions(subscription)
            assert [(event.model_id, event.reason) for event in told] == [
                (A.id, "idle for 10 minutes")
            ]
            assert told[0].freed_bytes > 3 * GIGABYTE
            await asyncio.sleep(600)
            assert loaded(manager) == {B.id: InstanceState.READY}
            await manager.models.unpin(B.id)
            await asyncio.sleep(1)
            assert evictions(subscription)[0].reason == "idle for 30 seconds"

    run_jumping(play())
