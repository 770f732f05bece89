"""Who waits for room, who leaves for it, and what is said of both."""

import asyncio

import pytest

from app.domain.errors import DoesNotFit
from app.domain.instances import InstanceState
from app.domain.switching import SwitchMethod
from tests.manager.test_scenarios import A, B, C, busy, hold, loaded, machine
from tests.support.clock import run_jumping
from tests.support.fakes import GIGABYTE, FakeDevices, eventually, fake_ports


async def test_that_no_more_models_are_loaded_than_the_settings_allow() -> None:
    ports = machine(total=64 * GIGABYTE)
    async with ports.manager() as manager:
        await manager.settings.set("max_loaded", 1)
        await manager.models.load(A.id)
        assert manager.models.plan_switch(B.id).method is SwitchMethod.DRAIN_FIRST
        await manager.models.load(B.id)
        assert loaded(manager) == {B.id: InstanceState.READY}
        await manager.models.pin(B.id)
        with pytest.raises(DoesNotFit, match="allow 1 model at once, and b is kept loaded"):
            await manager.models.load(A.id)


async def test_that_a_budget_smaller_than_any_model_is_refused_at_the_load() -> None:
    ports = machine()
    async with ports.manager() as manager:
        await manager.settings.set("memory_budget", 1e9)
        with pytest.raises(DoesNotFit, match=r"allow models 1\.0 GB in all"):
            await manager.models.load(A.id)
        assert ports.provider.loads == []
        assert manager.memory.ledger().budget == 1_000_000_000


def test_that_a_load_that_waits_too_long_is_refused_with_what_it_waited_for() -> None:
    async def play() -> None:
        ports = fake_ports()
        ports.devices = FakeDevices(total=4 * GIGABYTE)
        ports.offer(A, B)
        async with ports.manager() as manager:
            done = asyncio.Event()
            user = asyncio.ensure_future(hold(manager, A.id, done))
            await asyncio.sleep(1)
            with pytest.raises(DoesNotFit, match="waited 5 minutes for room: a is answering"):
                await manager.models.load(B.id)
            done.set()
            await user

    run_jumping(play())


async def test_that_the_higher_priority_comes_first_and_then_who_came_first() -> None:
    ports = fake_ports()
    ports.devices = FakeDevices(total=4 * GIGABYTE)
    ports.offer(A, B, C)
    async with ports.manager() as manager:
        task, done = await busy(manager, A)
        asked = [asyncio.ensure_future(manager.models.load(B.id))]
        await eventually(lambda: manager.models.instance(B.id))
        asked.append(asyncio.ensure_future(manager.models.load(C.id, priority=1)))
        await eventually(lambda: manager.models.instance(C.id))
        done.set()
        await asyncio.gather(task, *asked)
        assert ports.provider.loads == [A.id, C.id, B.id]


async def test_that_a_warm_up_computes_before_anybody_asks() -> None:
    ports = machine()
    async with ports.manager() as manager:
        await manager.models.load(A.id, warm_up=True)
        assert len(ports.provider.engines[A.id].requests) == 1
