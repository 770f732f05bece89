import pytest

from app.domain.errors import DoesNotFit, SettingError
from app.domain.events import LoadSettingsChanged
from app.domain.instances import InstanceState
from app.domain.load_settings import LoadSettings
from tests.support.fakes import FakeDevices, fake_ports, spec

LLAMA, QWEN = spec("llama"), spec("qwen")


async def test_that_a_model_is_loaded_with_its_own_settings_over_the_app_s() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.settings.set("threads", 2)
        await manager.settings.set("context_length", 2048)
        own = LoadSettings(context_length=512, flash_attention=False)
        await manager.models.load_settings.save(LLAMA, own)
        await manager.models.load(LLAMA.id)
        await manager.models.load(QWEN.id)
        assert ports.provider.settings == [
            LoadSettings(context_length=512, flash_attention=False, threads=2),
            LoadSettings(context_length=2048, threads=2),
        ]


async def test_that_a_model_s_own_settings_survive_a_restart_and_are_announced() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        subscription = manager.events.subscribe(lambda: None)
        await manager.models.load_settings.save(LLAMA, LoadSettings(slots=1))
        await manager.models.load_settings.save(LLAMA, LoadSettings(slots=1))
        assert [i.event for i in subscription.take()] == [LoadSettingsChanged(model_id=LLAMA.id)]
    async with ports.manager() as manager:
        assert manager.models.load_settings.own(LLAMA.id) == LoadSettings(slots=1)


async def test_that_settings_that_cannot_be_taken_are_refused_and_not_kept() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        with pytest.raises(SettingError):
            await manager.models.load_settings.save(LLAMA, LoadSettings(threads=10**6))
        assert manager.models.load_settings.own(LLAMA.id) == LoadSettings()
    assert not ports.store.kept_load_settings


async def test_that_settings_given_once_are_not_kept() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id, LoadSettings(threads=1))
        assert ports.provider.settings == [LoadSettings(threads=1)]
        assert manager.models.load_settings.in_force(LLAMA.id) == LoadSettings()


async def test_that_a_model_that_does_not_fit_can_be_loaded_anyway() -> None:
    ports = fake_ports()
    ports.devices = FakeDevices(total=1000)
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        with pytest.raises(DoesNotFit):
            await manager.models.load(LLAMA.id)
        await manager.models.load(LLAMA.id, anyway=True)
        assert manager.models.instance(LLAMA.id).state is InstanceState.READY
