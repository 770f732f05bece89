"""Where names point while models come and go at the same moment."""

import asyncio
from collections.abc import Callable

import pytest

from app.domain.errors import NotLoaded
from app.domain.events import ModelSwitched, SwitchRolledBack
from app.domain.instances import InstanceState, InstanceView
from app.domain.switching import SwitchMethod
from app.manager.manager import Manager
from tests.support.fakes import FakeEngine, FakePorts, FakeProvider, eventually, fake_ports, spec

OLD, NEW, OTHER = spec("old"), spec("new"), spec("other")


def machine() -> FakePorts:
    ports = fake_ports()
    ports.offer(OLD, NEW, OTHER)
    return ports


class SlowStart(FakeProvider):
    """The new model takes its time over the first token."""

    def __init__(self) -> None:
        super().__init__()
        self.canary = asyncio.Event()

    async def load(self, spec, *arguments, **keywords) -> FakeEngine:
        engine = await super().load(spec, *arguments, **keywords)
        if spec.id == NEW.id:
            engine.probe = self.canary.wait
        return engine


def as_it_becomes_ready(manager: Manager, act: Callable[[], object]) -> None:
    """Do something when the new model is ready, before anybody who waits for it hears of that."""
    follow = manager._coordinator.moved

    def moved(view: InstanceView) -> None:
        follow(view)
        if view.model_id == NEW.id and view.state is InstanceState.READY:
            act()

    manager._coordinator.moved = moved


async def test_that_a_model_which_leaves_as_it_becomes_ready_is_not_switched_to() -> None:
    ports = machine()
    async with ports.manager() as manager:
        await manager.models.load(OLD.id)
        subscription = manager.events.subscribe(lambda: None)
        ejects: list[asyncio.Future[None]] = []
        as_it_becomes_ready(
            manager,
            lambda: ejects.append(asyncio.ensure_future(manager.models.eject(NEW.id, drain=True))),
        )
        with pytest.raises(NotLoaded, match="new crashed or was ejected"):
            await manager.models.switch(NEW.id)
        await asyncio.gather(*ejects)
        assert manager.models.active() == OLD.id
        told = [item.event for item in subscription.take()]
        assert [e.stays for e in told if isinstance(e, SwitchRolledBack)] == [OLD.id]
        assert not any(isinstance(event, ModelSwitched) for event in told)


async def test_that_a_model_which_crashes_as_it_becomes_ready_does_not_become_active() -> None:
    ports = machine()
    async with ports.manager() as manager:

        def crash() -> None:
            ports.provider.engines[NEW.id].crash()

        as_it_becomes_ready(manager, crash)
        await manager.models.load(NEW.id)
        assert manager.models.instance(NEW.id).state is InstanceState.CRASHED
        assert manager.models.active() is None


async def test_that_a_prompt_waits_for_both_of_two_switches_that_drain_at_once() -> None:
    ports = machine()
    ports.provider = provider = SlowStart()
    async with ports.manager() as manager:
        await manager.settings.set("max_loaded", 1)
        await manager.models.load(OLD.id)
        first = asyncio.ensure_future(manager.models.switch(NEW.id))
        await eventually(lambda: NEW.id in provider.engines)
        await manager.settings.set("max_loaded", 2)
        await manager.models.load(OLD.id)
        assert manager.models.plan_switch(OTHER.id).method is SwitchMethod.DRAIN_FIRST
        async with manager.models.lease(OLD.id, "chat"):
            second = asyncio.ensure_future(manager.models.switch(OTHER.id))
            await eventually(
                lambda: manager.models.instance(OLD.id).state is InstanceState.DRAINING
            )
            served = asyncio.ensure_future(served_by(manager, "active"))
            provider.canary.set()
            await first
            assert manager.models.active() == NEW.id
            assert not served.done()
        await second
        assert await served == manager.models.active() == OTHER.id


async def served_by(manager: Manager, name: str) -> str:
    async with manager.models.lease(name, "chat") as lease:
        return lease.spec.id
