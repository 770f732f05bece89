"""Limits that are lowered hold for what is loaded already."""

import asyncio

from app.domain.events import ModelEvicted
from app.domain.instances import InstanceState
from tests.support.clock import run_jumping
from tests.support.fakes import GIGABYTE, FakeDevices, eventually, fake_ports, spec

A, B, C = (spec(name, size_bytes=2 * GIGABYTE) for name in "abc")


def machine(total: int = 32 * GIGABYTE):
    ports = fake_ports()
    ports.devices = FakeDevices(total=total)
    ports.offer(A, B, C)
    return ports


def loaded(manager) -> list[str]:
    ready = InstanceState.READY
    return [item.model_id for item in manager.models.instances() if item.state is ready]


def evicted(subscription) -> list[tuple[str, str]]:
    events = [item.event for item in subscription.take()]
    return [(item.model_id, item.reason) for item in events if isinstance(item, ModelEvicted)]


async def test_that_fewer_models_at_once_lets_idle_ones_go_and_says_why() -> None:
    ports = machine()
    async with ports.manager() as manager:
        for model in (A, B, C):
            await manager.models.load(model.id)
        await manager.models.pin(A.id)
        subscription = manager.events.subscribe(lambda: None)
        await manager.settings.set("max_loaded", 2)
        await eventually(lambda: loaded(manager) == [A.id, C.id])
        told: list[tuple[str, str]] = []
        await eventually(lambda: told.extend(evicted(subscription)) or told)
        assert told == [(B.id, "the settings now allow 2 models at once")]


async def test_that_a_busy_model_goes_when_it_comes_idle() -> None:
    ports = machine()
    async with ports.manager() as manager:
        await manager.models.load(A.id)
        async with manager.models.lease(B.id, "answer"):
            await manager.models.pin(A.id)
            await manager.settings.set("max_loaded", 1)
            await asyncio.sleep(0.02)
            assert loaded(manager) == [A.id, B.id]
        await eventually(lambda: loaded(manager) == [A.id])


async def test_that_less_memory_for_models_lets_as_many_go_as_it_takes() -> None:
    ports = machine()
    async with ports.manager() as manager:
        for model in (A, B, C):
            await manager.models.load(model.id)
        subscription = manager.events.subscribe(lambda: None)
        await manager.settings.set("memory_budget", 9.0 * GIGABYTE)
        charged = manager.memory.ledger().charged
        await manager.settings.set("memory_budget", float(charged - 1))
        await eventually(lambda: loaded(manager) == [B.id, C.id])
        told: list[tuple[str, str]] = []
        await eventually(lambda: told.extend(evicted(subscription)) or told)
        assert told[0][1] == f"the settings now allow models {(charged - 1) / 1e9:.1f} GB in all"


async def test_that_a_limit_that_is_raised_again_leaves_the_others_alone() -> None:
    ports = machine()
    async with ports.manager() as manager:
        async with (
            manager.models.lease(A.id, "one answer"),
            manager.models.lease(B.id, "another answer"),
        ):
            await manager.settings.set("max_loaded", 1)
            await asyncio.sleep(0.02)
            await manager.settings.set("max_loaded", 2)
        await asyncio.sleep(0.02)
        assert loaded(manager) == [A.id, B.id]


async def test_that_what_was_loaded_anyway_stays_until_a_limit_is_lowered() -> None:
    ports = machine(total=2 * GIGABYTE)
    async with ports.manager() as manager:
        await manager.models.load(A.id, anyway=True)
        await manager.settings.set("theme", "dark")
        await manager.settings.set("max_loaded", 5)
        await asyncio.sleep(0.02)
        assert loaded(manager) == [A.id]
        await manager.settings.set("memory_budget", 1.0 * GIGABYTE)
        await eventually(lambda: loaded(manager) == [])
        await manager.models.load(A.id, anyway=True)
        await asyncio.sleep(0.02)
        assert loaded(manager) == [A.id]


def test_that_a_shorter_time_to_live_counts_at_once() -> None:
    async def play() -> None:
        ports = machine()
        async with ports.manager() as manager:
            await manager.models.load(A.id)
            await asyncio.sleep(600)
            assert loaded(manager) == [A.id]
            subscription = manager.events.subscribe(lambda: None)
            await manager.settings.set("time_to_live_minutes", 5)
            await asyncio.sleep(0.1)
            assert evicted(subscription) == [(A.id, "idle for 5 minutes")]

    run_jumping(play())
