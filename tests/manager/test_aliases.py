"""Where aliases point, where they pointed before, and the way back."""

import asyncio

import pytest

from app.domain.errors import InvalidFile, NotLoaded
from app.domain.events import ModelSwitched, SwitchRolledBack
from app.domain.models import ACTIVE
from app.domain.switching import By
from tests.support.fakes import GIGABYTE, FakeDevices, eventually, fake_ports, spec

LLAMA, QWEN = spec("llama"), spec("qwen")


def crowded(ports):
    ports.devices = FakeDevices(total=4 * GIGABYTE)
    old, new = spec("old", size_bytes=2 * GIGABYTE), spec("new", size_bytes=2 * GIGABYTE)
    ports.offer(old, new)
    return old, new


async def test_that_each_change_of_an_alias_is_kept_with_who_and_why() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        await manager.models.switch(QWEN.id)
    async with ports.manager() as manager:
        latest, first = manager.models.alias_history(ACTIVE)
        assert (latest.previous, latest.model_id) == (LLAMA.id, QWEN.id)
        assert (latest.by, latest.reason, latest.gap_seconds) == (By.PERSON, "switched", 0)
        assert (first.by, first.model_id) == (By.MANAGER, LLAMA.id)
        assert manager.models.earlier() == (LLAMA.id,)


async def test_that_a_roll_back_returns_to_the_model_before() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        await manager.models.switch(QWEN.id)
        await manager.models.eject(LLAMA.id)
        await manager.models.roll_back()
        assert manager.models.active() == LLAMA.id
        assert manager.models.alias_history()[0].reason == "rolled back"
        await manager.models.roll_back()
        assert manager.models.active() == QWEN.id


async def test_that_there_is_no_way_back_from_the_first_model() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        with pytest.raises(NotLoaded):
            await manager.models.roll_back()
        assert manager.models.active() == LLAMA.id


async def test_that_a_draining_switch_keeps_its_gap() -> None:
    ports = fake_ports()
    old, new = crowded(ports)
    async with ports.manager() as manager:
        await manager.models.load(old.id)
        subscription = manager.events.subscribe(lambda: None)
        await manager.models.switch(new.id)
        switched = [i.event for i in subscription.take() if isinstance(i.event, ModelSwitched)]
        kept = manager.models.alias_history()[0].gap_seconds
        assert kept == switched[0].gap_seconds > 0


async def test_that_a_failed_switch_is_told_with_what_stays() -> None:
    ports = fake_ports()
    old, new = crowded(ports)
    ports.provider.failures[new.id] = InvalidFile("It is broken.", "Download it again.")
    async with ports.manager() as manager:
        await manager.models.load(old.id)
        subscription, told = manager.events.subscribe(lambda: None), []
        with pytest.raises(InvalidFile):
            await manager.models.switch(new.id)

        def rolled_back() -> list[SwitchRolledBack]:
            told.extend(i.event for i in subscription.take())
            return [event for event in told if isinstance(event, SwitchRolledBack)]

        await eventually(rolled_back)
        assert rolled_back()[0].stays == old.id
        assert rolled_back()[0].error.what == "It is broken."


async def test_that_a_cancelled_switch_is_told_without_an_error() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        ports.provider.go.clear()
        subscription = manager.events.subscribe(lambda: None)
        switching = asyncio.ensure_future(manager.models.switch(QWEN.id))
        await eventually(lambda: QWEN.id in ports.provider.loads)
        switching.cancel()
        await asyncio.wait([switching])
        events = [item.event for item in subscription.take()]
        assert SwitchRolledBack(name=ACTIVE, model_id=QWEN.id, stays=LLAMA.id) in events
