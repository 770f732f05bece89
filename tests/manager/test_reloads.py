"""Loading a model anew with other settings, and as it was when that fails."""

import asyncio

import pytest

from app.domain.errors import DoesNotFit, InvalidFile, SettingError
from app.domain.events import NoticeRaised, ReloadRolledBack
from app.domain.instances import InstanceState
from app.domain.load_settings import LoadSettings
from tests.support.fakes import eventually, fake_ports, spec

LLAMA, QWEN = spec("llama"), spec("qwen")
SHORT, LONG = LoadSettings(context_length=512), LoadSettings(context_length=2048)


def told(subscription, kind):
    return [item.event for item in subscription.take() if isinstance(item.event, kind)]


async def test_that_a_reload_keeps_its_settings_and_leaves_the_aliases() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id, time_to_live=60)
        await manager.models.load(QWEN.id)
        await manager.models.assign_alias("writer", LLAMA.id)
        await manager.models.reload(LLAMA.id, SHORT)
        view = manager.models.instance(LLAMA.id)
        assert (view.state, view.context_length) == (InstanceState.READY, 512)
        assert view.unloads_at is not None
        assert manager.models.active() == LLAMA.id
        assert manager.models.aliases()[-1].model_id == LLAMA.id
        assert manager.models.load_settings.own(LLAMA.id) == SHORT
        await manager.models.settled()
        assert set(ports.store.kept_session) == {LLAMA.id, QWEN.id}


async def test_that_prompts_that_come_meanwhile_wait_for_the_new_instance() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        async with manager.models.lease(LLAMA.id, "answer") as busy:
            reload = asyncio.create_task(manager.models.reload(LLAMA.id, SHORT))
            draining = InstanceState.DRAINING
            await eventually(lambda: manager.models.instance(LLAMA.id).state is draining)

            async def ask() -> int:
                async with manager.models.lease("active", "prompt") as lease:
                    return lease.engine.context_length

            prompts = [asyncio.create_task(ask()) for _ in range(5)]
            await asyncio.sleep(0.01)
            assert busy.engine.context_length == 4096
        assert await asyncio.gather(*prompts) == [512] * 5
        await reload
        assert len(ports.provider.loads) == 2


async def test_that_a_reload_that_fails_brings_the_old_settings_back() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load_settings.save(LLAMA, LONG)
        await manager.models.load(LLAMA.id)
        subscription = manager.events.subscribe(lambda: None)
        ports.provider.go.clear()
        ports.provider.failures[LLAMA.id] = InvalidFile("It is broken.", "Download it again.")
        reload = asyncio.create_task(manager.models.reload(LLAMA.id, SHORT))
        await eventually(lambda: len(ports.provider.loads) == 2)

        async def ask() -> int:
            async with manager.models.lease("active", "prompt") as lease:
                return lease.engine.context_length

        prompt = asyncio.create_task(ask())
        ports.provider.go.set()
        with pytest.raises(InvalidFile):
            await reload
        del ports.provider.failures[LLAMA.id]
        assert await prompt == 2048
        assert manager.models.load_settings.own(LLAMA.id) == LONG
        assert manager.models.active() == LLAMA.id
        assert told(subscription, ReloadRolledBack)[0].error.what == "It is broken."
        await manager.models.settled()
        assert ports.store.kept_session == (LLAMA.id,)


async def test_that_a_reload_that_cannot_be_undone_says_so_and_lets_prompts_through() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        subscription = manager.events.subscribe(lambda: None)
        ports.provider.failures[LLAMA.id] = InvalidFile("It is broken.", "Download it again.")
        with pytest.raises(InvalidFile):
            await manager.models.reload(LLAMA.id, SHORT)
        with pytest.raises(InvalidFile):
            async with manager.models.lease(LLAMA.id, "prompt"):
                pass
        assert told(subscription, NoticeRaised)[0].report.what == "It is broken."


async def test_that_a_cancelled_reload_is_undone() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        ports.provider.go.clear()
        reload = asyncio.create_task(manager.models.reload(LLAMA.id, SHORT))
        await eventually(lambda: len(ports.provider.loads) == 2)
        reload.cancel()
        await asyncio.gather(reload, return_exceptions=True)
        ports.provider.go.set()
        async with manager.models.lease(LLAMA.id, "prompt") as lease:
            assert lease.engine.context_length == 4096


async def test_that_a_model_ejected_while_it_is_reloaded_stays_out() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        ports.provider.go.clear()
        reload = asyncio.create_task(manager.models.reload(LLAMA.id, SHORT))
        await eventually(lambda: len(ports.provider.loads) == 2)
        await manager.models.eject(LLAMA.id)
        await asyncio.gather(reload, return_exceptions=True)
        assert manager.models.instances() == ()


async def test_that_what_cannot_be_taken_changes_nothing() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        generation = manager.models.instance(LLAMA.id).generation
        with pytest.raises(SettingError):
            await manager.models.reload(LLAMA.id, LoadSettings(threads=100_000))
        ports.devices.total = 1000
        with pytest.raises(DoesNotFit):
            await manager.models.reload(LLAMA.id, SHORT)
        assert manager.models.instance(LLAMA.id).generation == generation
        assert manager.models.load_settings.own(LLAMA.id) == LoadSettings()


async def test_that_another_model_loaded_meanwhile_does_not_become_active() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        async with manager.models.lease(LLAMA.id, "answer"):
            reload = asyncio.create_task(manager.models.reload(LLAMA.id, SHORT))
            await asyncio.sleep(0.01)
            await manager.models.load(QWEN.id)
            assert manager.models.active() == LLAMA.id
        await reload
