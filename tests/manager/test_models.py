import asyncio

import pytest

from app.domain.error_reports import report_of
from app.domain.errors import (
    DoesNotFit,
    ErrorKind,
    InvalidFile,
    LoadCancelled,
    MissingFile,
    NotLoaded,
    StorageError,
    UnknownModel,
    WorkerCrashed,
)
from app.domain.events import AliasAssigned, InstanceChanged, ModelSwitched, NoticeRaised
from app.domain.instances import InstanceState
from app.domain.memory import Fit
from app.domain.models import ModelId, ModelSpec, ModelStatus
from app.domain.switching import SwitchMethod
from tests.support.fakes import GIGABYTE, FakeDevices, eventually, fake_ports, spec

LLAMA, QWEN = spec("llama"), spec("qwen")
BROKEN = InvalidFile("It is broken.", "Download it again.")


def states(taken: list) -> list[InstanceState]:
    return [item.event.instance.state for item in taken if isinstance(item.event, InstanceChanged)]


async def test_that_a_load_walks_through_its_states_to_ready() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        subscription = manager.events.subscribe(lambda: None)
        await manager.models.load(LLAMA.id)
        seen = list(dict.fromkeys(states(subscription.take())))
        assert seen == [
            InstanceState.QUEUED,
            InstanceState.RESERVING,
            InstanceState.STARTING,
            InstanceState.LOADING,
            InstanceState.WARMING,
            InstanceState.READY,
        ]
        view = manager.models.instance(LLAMA.id)
        assert view.memory_measured == 700_000_000
        assert view.leases == ()
        assert manager.models.active() == LLAMA.id


async def test_that_many_who_ask_for_a_cold_model_share_one_load() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        ports.provider.go.clear()
        asked = [asyncio.ensure_future(manager.models.load(LLAMA.id)) for _ in range(20)]
        await eventually(lambda: ports.provider.loads)
        ports.provider.go.set()
        await asyncio.gather(*asked)
        assert ports.provider.loads == [LLAMA.id]


async def test_that_a_failed_load_tells_everybody_who_waits_and_can_be_tried_again() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    ports.provider.failures[LLAMA.id] = BROKEN
    async with ports.manager() as manager:
        results = await asyncio.gather(
            *(manager.models.load(LLAMA.id) for _ in range(3)), return_exceptions=True
        )
        assert results == [BROKEN] * 3
        view = manager.models.instance(LLAMA.id)
        assert view.state is InstanceState.FAILED
        assert view.error.kind is ErrorKind.INVALID_FILE
        assert manager.memory.ledger().charged == 0
        ports.provider.failures.clear()
        await manager.models.load(LLAMA.id)
        assert manager.models.instance(LLAMA.id).state is InstanceState.READY


async def test_that_a_model_that_fails_its_canary_is_closed_and_never_ready() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    ports.provider.probe_failures[LLAMA.id] = BROKEN
    async with ports.manager() as manager:
        with pytest.raises(InvalidFile):
            await manager.models.load(LLAMA.id)
        assert ports.provider.engines[LLAMA.id].closed
        assert manager.models.active() is None


async def test_that_one_waiter_may_give_up_without_ending_the_load_of_the_others() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        ports.provider.go.clear()
        first = asyncio.ensure_future(manager.models.load(LLAMA.id))
        second = asyncio.ensure_future(manager.models.load(LLAMA.id))
        await eventually(lambda: ports.provider.loads)
        first.cancel()
        await asyncio.wait([first])
        ports.provider.go.set()
        await second
        assert manager.models.instance(LLAMA.id).state is InstanceState.READY


async def test_that_a_load_ends_when_the_last_waiter_gives_up() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        ports.provider.go.clear()
        waiters = [asyncio.ensure_future(manager.models.load(LLAMA.id)) for _ in range(2)]
        await eventually(lambda: ports.provider.loads)
        for waiter in waiters:
            waiter.cancel()
        await asyncio.wait(waiters)
        await eventually(lambda: manager.models.instance(LLAMA.id) is None)
        assert ports.provider.cancelled == [LLAMA.id]


async def test_that_a_lease_granted_to_a_waiter_who_gave_up_in_that_turn_is_not_leaked() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        ports.provider.go.clear()
        stays = asyncio.ensure_future(manager.models.load(LLAMA.id))
        goes = asyncio.ensure_future(manager.models.load(LLAMA.id))
        await eventually(lambda: ports.provider.loads)

        def moved(view: object) -> None:
            if manager.models.instance(LLAMA.id).state is InstanceState.READY:
                asyncio.get_running_loop().call_soon(goes.cancel)

        manager.models._coordinator.moved = moved
        ports.provider.go.set()
        await asyncio.wait([stays, goes])
        assert manager.models.instance(LLAMA.id).leases == ()


async def test_that_cancelling_a_load_returns_quietly_to_who_asked_and_tells_who_waits() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        ports.provider.go.clear()
        asked = asyncio.ensure_future(manager.models.load(LLAMA.id))

        async def wait() -> None:
            async with manager.models.lease(LLAMA.id, "chat"):
                pass

        waits = asyncio.ensure_future(wait())
        await eventually(lambda: ports.provider.loads)
        await manager.models.cancel_load(LLAMA.id)
        await asked
        with pytest.raises(LoadCancelled):
            await waits
        assert manager.models.instance(LLAMA.id) is None


async def test_that_a_load_cancelled_before_its_first_step_leaves_nobody_waiting() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        asked = asyncio.ensure_future(manager.models.load(LLAMA.id))
        await asyncio.sleep(0)
        assert manager.models.instance(LLAMA.id).state is InstanceState.QUEUED
        await manager.models.cancel_load(LLAMA.id)
        await asked
        assert ports.provider.loads == []
        assert manager.models.instance(LLAMA.id) is None


async def test_that_cancelling_twice_does_not_interrupt_the_reaping() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        ports.provider.go.clear()
        ports.provider.reaped.clear()
        asked = asyncio.ensure_future(manager.models.load(LLAMA.id))
        await eventually(lambda: ports.provider.loads)
        await manager.models.cancel_load(LLAMA.id)
        await asyncio.sleep(0.01)
        await manager.models.cancel_load(LLAMA.id)
        await asyncio.sleep(0.01)
        assert manager.models.instance(LLAMA.id).state is InstanceState.STOPPING
        again = asyncio.ensure_future(manager.models.load(LLAMA.id))
        await asyncio.sleep(0.01)
        ports.provider.go.set()
        ports.provider.reaped.set()
        await asked
        await again
        assert manager.models.instance(LLAMA.id).generation == 2
        assert ports.provider.cancelled == [LLAMA.id]


async def test_that_an_ejected_model_lets_its_answers_finish_and_takes_no_new_ones() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        async with manager.models.lease(LLAMA.id, "Playground") as lease:
            ejecting = asyncio.ensure_future(manager.models.eject(LLAMA.id, drain=True))
            await eventually(
                lambda: manager.models.instance(LLAMA.id).state is InstanceState.DRAINING
            )
            assert manager.models.instance(LLAMA.id).leases[0].owner == "Playground"
            late = asyncio.ensure_future(manager.models.load(LLAMA.id))
            await asyncio.sleep(0.02)
            assert not lease.engine.closed
            assert not late.done()
        await ejecting
        await late
        assert manager.models.instance(LLAMA.id).generation == 2
        assert ports.provider.loads == [LLAMA.id, LLAMA.id]


async def test_that_releasing_twice_is_harmless() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager, manager.models.lease(LLAMA.id, "a") as lease:
        lease.release()
        lease.release()
        assert manager.models.instance(LLAMA.id).leases == ()


async def test_that_a_crash_is_told_and_charges_nothing_and_the_next_lease_loads_again() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        await manager.models.load(QWEN.id)
        charged = manager.memory.ledger().charged
        ports.provider.engines[LLAMA.id].crash()
        await eventually(lambda: manager.models.instance(LLAMA.id).state is InstanceState.CRASHED)
        assert manager.models.instance(LLAMA.id).error.what == "llama was ended by SIGKILL."
        assert manager.memory.ledger().charged < charged
        assert manager.models.instance(QWEN.id).state is InstanceState.READY
        async with manager.models.lease(LLAMA.id, "chat") as lease:
            assert lease.engine is ports.provider.engines[LLAMA.id]
        assert manager.models.instance(LLAMA.id).generation == 3


async def test_that_a_crash_while_draining_ends_the_eject() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        async with manager.models.lease(LLAMA.id, "chat"):
            ejecting = asyncio.ensure_future(manager.models.eject(LLAMA.id, drain=True))
            await asyncio.sleep(0)
            ports.provider.engines[LLAMA.id].crash()
            await ejecting
        assert manager.models.instance(LLAMA.id).state is InstanceState.CRASHED
        await manager.models.dismiss(LLAMA.id)
        assert manager.models.instance(LLAMA.id) is None


async def test_that_a_model_too_big_for_the_machine_is_refused_without_starting() -> None:
    ports = fake_ports()
    giant = spec("giant", size_bytes=40 * GIGABYTE)
    ports.offer(giant)
    async with ports.manager() as manager:
        with pytest.raises(DoesNotFit, match=r"needs about 40\.\d GB.* and 14\.4 GB are free"):
            await manager.models.load(giant.id)
        assert ports.provider.loads == []


async def test_that_scenario_10_a_load_under_way_is_charged_so_that_two_cannot_over_commit() -> (
    None
):
    ports = fake_ports()
    ports.devices = FakeDevices(total=10 * GIGABYTE)
    big, other = spec("big", size_bytes=6 * GIGABYTE), spec("other", size_bytes=6 * GIGABYTE)
    ports.offer(big, other)
    async with ports.manager() as manager:
        ports.provider.go.clear()
        first = asyncio.ensure_future(manager.models.load(big.id))
        await eventually(lambda: ports.provider.loads)
        second = asyncio.ensure_future(manager.models.load(other.id))
        await eventually(lambda: (view := manager.models.instance(other.id)) and view.reason)
        assert manager.models.instance(other.id).state is InstanceState.QUEUED
        assert manager.models.instance(other.id).reason == "waits for room: big is loading"
        assert ports.provider.loads == [big.id]
        ports.provider.go.set()
        await asyncio.gather(first, second)
        assert states_of(manager) == {other.id: InstanceState.READY}


async def test_that_a_switch_moves_new_prompts_and_lets_the_old_answer_finish() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        subscription = manager.events.subscribe(lambda: None)
        async with manager.models.lease("active", "first") as old:
            plan = await manager.models.switch(QWEN.id)
            assert plan.method is SwitchMethod.OVERLAP
            assert old.spec.id == LLAMA.id
            assert not old.engine.closed
            async with manager.models.lease("active", "second") as new:
                assert new.spec.id == QWEN.id
        assert manager.models.instance(LLAMA.id).state is InstanceState.READY
        switched = [i.event for i in subscription.take() if isinstance(i.event, ModelSwitched)]
        assert switched == [
            ModelSwitched(name="active", model_id=QWEN.id, previous=LLAMA.id, gap_seconds=0)
        ]
        again = await manager.models.switch(LLAMA.id)
        assert again.method is SwitchMethod.READY


async def test_that_a_failed_switch_leaves_the_routing_as_it_was() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    ports.provider.probe_failures[QWEN.id] = BROKEN
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        with pytest.raises(InvalidFile):
            await manager.models.switch(QWEN.id)
        assert manager.models.active() == LLAMA.id


async def test_that_a_switch_without_room_for_both_drains_first_and_rolls_back_on_failure() -> None:
    ports = fake_ports()
    ports.devices = FakeDevices(total=4 * GIGABYTE)
    old, new = spec("old", size_bytes=2 * GIGABYTE), spec("new", size_bytes=2 * GIGABYTE)
    ports.offer(old, new)
    async with ports.manager() as manager:
        await manager.models.load(old.id)
        assert manager.models.plan_switch(new.id).method is SwitchMethod.DRAIN_FIRST
        ports.provider.failures[new.id] = BROKEN
        with pytest.raises(InvalidFile):
            await manager.models.switch(new.id)
        await eventually(
            lambda: (view := manager.models.instance(old.id)) and view.state is InstanceState.READY
        )
        assert manager.models.active() == old.id
        ports.provider.failures.clear()
        await manager.models.switch(new.id)
        assert manager.models.active() == new.id
        assert manager.models.instance(old.id) is None


async def test_that_ejecting_the_active_model_makes_the_newest_loaded_one_active() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        await manager.models.load(QWEN.id)
        assert manager.models.active() == LLAMA.id
        await manager.models.eject(LLAMA.id)
        assert manager.models.active() == QWEN.id
        await manager.models.eject(QWEN.id)
        assert manager.models.active() is None
        with pytest.raises(NotLoaded):
            async with manager.models.lease("active", "chat"):
                pass


async def test_that_missing_invalid_and_unknown_models_are_refused_with_their_reason() -> None:
    ports = fake_ports()
    gone = spec("gone", status=ModelStatus.MISSING, path="/elsewhere/gone.gguf")
    bad = spec("bad", status=ModelStatus.INVALID, reason="This isn't a GGUF file.")
    ports.offer(bad)
    ports.store.kept_models[gone.id] = gone
    async with ports.manager() as manager:
        with pytest.raises(MissingFile):
            await manager.models.load(gone.id)
        with pytest.raises(InvalidFile) as caught:
            await manager.models.load(bad.id)
        assert caught.value.detail == "This isn't a GGUF file."
        with pytest.raises(UnknownModel):
            await manager.models.load(ModelId("local:nothing"))


async def test_that_aliases_and_the_loaded_models_are_there_after_a_restart() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        await manager.models.load(QWEN.id)
        await manager.models.switch(QWEN.id)
        await manager.models.assign_alias("helper", LLAMA.id)
    async with ports.manager() as manager:
        assert {alias.name: alias.model_id for alias in manager.models.aliases()} == {
            "active": QWEN.id,
            "helper": LLAMA.id,
        }
        assert [item.id for item in manager.models.restorable()] == [LLAMA.id, QWEN.id]
        await manager.models.restore()
        assert manager.models.active() == QWEN.id
        assert len(manager.models.instances()) == 2
        assert manager.models.restorable() == ()
        assert manager.models.metrics(LLAMA.id).load_seconds is not None


async def test_that_restoring_tries_the_others_when_one_fails() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    ports.store.kept_session = (LLAMA.id, QWEN.id)
    ports.provider.failures[LLAMA.id] = BROKEN
    async with ports.manager() as manager:
        with pytest.raises(InvalidFile):
            await manager.models.restore()
        assert manager.models.instance(QWEN.id).state is InstanceState.READY


async def test_that_a_load_under_way_is_ended_when_the_app_closes() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        ports.provider.go.clear()
        asked = asyncio.ensure_future(manager.models.load(LLAMA.id))
        await eventually(lambda: ports.provider.loads)
    await asked
    assert ports.provider.cancelled == [LLAMA.id]


async def test_that_a_removed_alias_is_announced_and_forgotten() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.assign_alias("mine", LLAMA.id)
        subscription = manager.events.subscribe(lambda: None)
        await manager.models.remove_alias("mine")
        assert subscription.take()[0].event == AliasAssigned(
            name="mine", model_id=None, previous=LLAMA.id
        )
        await manager.models.remove_alias("mine")
    assert ports.store.kept_aliases == {}


async def test_that_search_needs_every_word_and_sorts_by_name() -> None:
    ports = fake_ports()
    ports.offer(spec("zeta chat"), spec("Alpha chat", architecture="qwen2"), spec("other"))
    async with ports.manager() as manager:
        assert [item.name for item in manager.models.search("CHAT")] == ["Alpha chat", "zeta chat"]
        assert [item.name for item in manager.models.search("chat qwen")] == ["Alpha chat"]
        assert len(manager.models.search()) == 3


def test_that_a_crash_error_is_a_model_error() -> None:
    assert report_of(WorkerCrashed("a", "b")).kind is ErrorKind.CRASHED


def crowded(ports) -> tuple[ModelSpec, ModelSpec]:
    """Two models of which the machine holds one."""
    ports.devices = FakeDevices(total=4 * GIGABYTE)
    old, new = spec("old", size_bytes=2 * GIGABYTE), spec("new", size_bytes=2 * GIGABYTE)
    ports.offer(old, new)
    return old, new


async def test_that_a_target_that_is_loading_already_is_not_counted_twice() -> None:
    ports = fake_ports()
    ports.devices = FakeDevices(total=6 * GIGABYTE)
    old, new = spec("old", size_bytes=2 * GIGABYTE), spec("new", size_bytes=2 * GIGABYTE)
    ports.offer(old, new)
    async with ports.manager() as manager:
        await manager.models.load(old.id)
        ports.provider.go.clear()
        loading = asyncio.ensure_future(manager.models.load(new.id))
        await eventually(lambda: new.id in ports.provider.loads)
        assert manager.models.plan_switch(new.id).method is SwitchMethod.OVERLAP
        assert manager.memory.fit(new.id) is Fit.FITS
        ports.provider.go.set()
        await loading


async def test_that_a_prompt_during_a_draining_switch_waits_and_goes_to_the_new_model() -> None:
    ports = fake_ports()
    old, new = crowded(ports)
    async with ports.manager() as manager:
        await manager.models.load(old.id)
        async with manager.models.lease("active", "first"):
            switching = asyncio.ensure_future(manager.models.switch(new.id))
            await eventually(lambda: states_of(manager) == {old.id: InstanceState.DRAINING})

            async def ask() -> str:
                async with manager.models.lease("active", "second") as lease:
                    return lease.spec.name

            asked = asyncio.ensure_future(ask())
            await asyncio.sleep(0.01)
        await switching
        assert await asked == "new"


async def test_that_a_switch_to_what_cannot_be_loaded_drains_nobody() -> None:
    ports = fake_ports()
    old, _ = crowded(ports)
    gone = spec("gone", size_bytes=2 * GIGABYTE, status=ModelStatus.MISSING, path="/away/gone")
    ports.store.kept_models[gone.id] = gone
    async with ports.manager() as manager:
        await manager.models.load(old.id)
        with pytest.raises(MissingFile):
            await manager.models.switch(gone.id)
        assert states_of(manager) == {old.id: InstanceState.READY}


async def test_that_a_cancelled_draining_switch_brings_the_old_model_back() -> None:
    ports = fake_ports()
    old, new = crowded(ports)
    async with ports.manager() as manager:
        await manager.models.load(old.id)
        async with manager.models.lease("active", "first"):
            switching = asyncio.ensure_future(manager.models.switch(new.id))
            await eventually(lambda: states_of(manager) == {old.id: InstanceState.DRAINING})
            switching.cancel()
            await asyncio.wait([switching])
        await eventually(lambda: states_of(manager) == {old.id: InstanceState.READY})
        assert manager.models.active() == old.id
        assert ports.provider.loads == [old.id, old.id]


async def test_that_a_rollback_that_fails_is_told() -> None:
    ports = fake_ports()
    old, new = crowded(ports)
    async with ports.manager() as manager:
        await manager.models.load(old.id)
        ports.provider.failures.update({old.id: BROKEN, new.id: BROKEN})
        subscription = manager.events.subscribe(lambda: None)
        with pytest.raises(InvalidFile):
            await manager.models.switch(new.id)
        await eventually(
            lambda: [i for i in subscription.take() if isinstance(i.event, NoticeRaised)]
        )


async def test_that_a_quit_during_a_draining_switch_still_offers_the_old_model() -> None:
    ports = fake_ports()
    old, new = crowded(ports)
    async with ports.manager() as manager:
        await manager.models.load(old.id)
        ports.provider.go.clear()
        switching = asyncio.ensure_future(manager.models.switch(new.id))
        await eventually(lambda: new.id in ports.provider.loads)
        manager.begin_close()
        switching.cancel()
        await asyncio.wait([switching])
    assert ports.store.kept_session == (old.id,)
    assert ports.provider.loads == [old.id, new.id]


async def test_that_what_cannot_be_kept_behind_a_switch_is_told() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)

    async def refuse(change: object) -> None:
        raise StorageError("The disk is full.", "Make room.")

    ports.store.change_alias = refuse
    async with ports.manager() as manager:
        subscription = manager.events.subscribe(lambda: None)
        await manager.models.load(LLAMA.id)
        await eventually(
            lambda: [i for i in subscription.take() if isinstance(i.event, NoticeRaised)]
        )


def states_of(manager) -> dict[ModelId, InstanceState]:
    return {view.model_id: view.state for view in manager.models.instances()}


async def test_that_a_loaded_model_answers_whatever_became_of_its_file() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [LLAMA]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await eventually(lambda: manager.library.scanning() is None)
        await manager.models.load(LLAMA.id)
        ports.files.disk["/models"] = []
        await manager.library.rescan()
        await eventually(lambda: manager.models.get(LLAMA.id).status is ModelStatus.MISSING)
        async with manager.models.lease("active", "chat") as lease:
            assert lease.spec.id == LLAMA.id
        await manager.models.eject(LLAMA.id)
        with pytest.raises(MissingFile):
            await manager.models.load(LLAMA.id)
