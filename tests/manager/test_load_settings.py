import pytest

from app.domain.errors import DoesNotFit, SettingError, TooManyLoaded
from app.domain.events import LoadSettingsChanged
from app.domain.instances import InstanceState
from app.domain.load_settings import LoadSettings
from app.domain.memory import Fit
from app.domain.models import ModelShape
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


async def test_that_every_refusal_is_told_at_once() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        found = manager.models.load_settings.refusals(LLAMA, LoadSettings(threads=0, slots=99))
        assert set(found) == {"threads", "slots"}
        assert found["slots"].remedy == "Choose one from 1 to 16."


async def test_that_the_app_s_own_choice_keeps_to_what_the_model_was_trained_for() -> None:
    ports = fake_ports()
    short = spec("short", context_length=512)
    ports.offer(LLAMA, short)
    async with ports.manager() as manager:
        keeper = manager.models.load_settings
        assert keeper.automatic(short).context_length == 512
        assert keeper.automatic(LLAMA).context_length == 4096
        await manager.settings.set("threads", 1)
        assert keeper.general() == LoadSettings(threads=1)
        assert keeper.merged(LoadSettings(slots=2)) == LoadSettings(slots=2, threads=1)


async def test_that_memory_is_predicted_for_settings_that_nobody_has_kept() -> None:
    ports = fake_ports()
    shape = ModelShape(
        block_count=16,
        embedding_length=2048,
        head_count=32,
        kv_heads=(8,) * 16,
        key_length=64,
        value_length=64,
        vocabulary=32_000,
    )
    model = spec("shaped", shape=shape)
    ports.offer(model)
    async with ports.manager() as manager:
        memory = manager.memory
        short = LoadSettings(context_length=256)
        assert memory.predict(model.id, short) < memory.predict(model.id)
        assert memory.fit(model.id, memory.predict(model.id, short) * 2, short) is Fit.FITS
        assert memory.fit(model.id, memory.predict(model.id, short) - 1, short) is Fit.TOO_BIG


async def test_that_an_instance_says_its_threads_and_settings_as_they_are_now() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id, LoadSettings(slots=1))
        view = manager.models.instance(LLAMA.id)
        assert (view.threads, view.settings) == (2, LoadSettings(slots=1))
        subscription = manager.events.subscribe(lambda: None)
        async with manager.models.lease(LLAMA.id, "test"):
            ports.provider.engines[LLAMA.id].threads = 1
        assert subscription.take()[-1].event.instance.threads == 1


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


async def test_that_a_model_too_many_is_not_offered_to_be_loaded_anyway() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.settings.set("max_loaded", 1)
        await manager.models.load(LLAMA.id)
        await manager.models.pin(LLAMA.id)
        with pytest.raises(TooManyLoaded):
            await manager.models.load(QWEN.id)
        assert not manager.models.refused(QWEN.id)
        assert manager.models.instance(LLAMA.id).state is InstanceState.READY
