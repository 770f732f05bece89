"""A model that fails again and again is left alone, unless a person insists."""

import pytest

from app.domain.error_reports import report_of
from app.domain.errors import ErrorKind, WorkerCrashed
from app.domain.instances import InstanceState
from app.domain.load_settings import LoadSettings, LoadWish
from app.manager.setbacks import Setbacks
from tests.support.fakes import eventually, fake_ports, spec

LLAMA, QWEN = spec("llama"), spec("qwen")
ABORTED = WorkerCrashed("It was ended by SIGABRT.", "Load it again.", "last words")


async def ask(manager, load=None):
    async with manager.models.lease(LLAMA.id, "chat", load):
        pass


async def failed_twice(ports, manager):
    ports.provider.failures[LLAMA.id] = ABORTED
    for _ in range(2):
        with pytest.raises(WorkerCrashed) as failed:
            await ask(manager)
        assert failed.value is ABORTED
    assert len(ports.provider.loads) == 2


async def test_that_a_third_prompt_is_refused_with_the_known_error_and_a_time():
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await failed_twice(ports, manager)
        with pytest.raises(WorkerCrashed, match="failed 2 times in a row") as refused:
            await ask(manager)
        report = report_of(refused.value)
        assert (report.kind, report.what) == (ErrorKind.CRASHED, ABORTED.what)
        assert report.detail == "last words"
        assert report.retry_at is not None
        assert len(ports.provider.loads) == 2
        assert manager.models.instance(LLAMA.id).error.what == ABORTED.what
        async with manager.models.lease(QWEN.id, "chat"):
            pass


async def test_that_a_person_is_never_refused():
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await failed_twice(ports, manager)
        for _ in range(2):
            with pytest.raises(WorkerCrashed) as failed:
                await manager.models.load(LLAMA.id)
            assert failed.value is ABORTED
        with pytest.raises(WorkerCrashed):
            await ask(manager, LoadWish())
        assert len(ports.provider.loads) == 5


async def test_that_other_settings_are_another_try():
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await failed_twice(ports, manager)
        await manager.models.load_settings.save(LLAMA, LoadSettings(context_length=1024))
        with pytest.raises(WorkerCrashed) as failed:
            await ask(manager)
        assert failed.value is ABORTED
        assert len(ports.provider.loads) == 3


async def test_that_what_was_dismissed_or_ejected_starts_afresh():
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await failed_twice(ports, manager)
        await manager.models.dismiss(LLAMA.id)
        await failed_twice_more(ports, manager)
        ports.provider.failures.clear()
        await manager.models.load(LLAMA.id)
        await manager.models.eject(LLAMA.id)
        await ask(manager)
        assert manager.models.instance(LLAMA.id).state is InstanceState.READY


async def failed_twice_more(ports, manager):
    ports.provider.loads.clear()
    await failed_twice(ports, manager)


async def test_that_a_model_that_crashes_on_every_prompt_is_not_loaded_for_ever():
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        for _ in range(2):
            async with manager.models.lease(LLAMA.id, "chat"):
                ports.provider.engines[LLAMA.id].crash()
                await eventually(
                    lambda: manager.models.instance(LLAMA.id).state is InstanceState.CRASHED
                )
        with pytest.raises(WorkerCrashed, match="failed 2 times in a row"):
            await ask(manager)
        assert len(ports.provider.loads) == 2


def test_that_the_wait_comes_to_an_end_and_another_file_needs_none():
    now = 1000.0
    setbacks, settings = Setbacks(lambda: now), LoadSettings()
    for _ in range(5):
        setbacks.failed(LLAMA, settings, ABORTED)
    with pytest.raises(WorkerCrashed, match="4 min") as refused:
        setbacks.check(LLAMA, settings)
    setbacks.check(LLAMA.model_copy(update={"modified_ns": 5}), settings)
    now = refused.value.retry_at
    setbacks.check(LLAMA, settings)
