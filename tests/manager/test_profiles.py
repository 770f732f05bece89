import asyncio

import pytest

from app.domain.errors import RequestError
from app.domain.events import ProfilingCompleted, ProfilingProgressed, ProfilingStarted
from app.manager import background_profiling
from tests.support.fakes import eventually, fake_ports, spec

LLAMA = spec("llama")


async def test_that_a_run_is_measured_live_kept_and_there_after_a_restart() -> None:
    ports = fake_ports()
    ports.provider.words = 200
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        subscription = manager.events.subscribe(lambda: None)
        async with manager.profiles.run(LLAMA.id, requests=3) as stream:
            steps = [step async for step in stream]
        run = stream.result
        assert [step.request for step in steps if step.done] == [1, 2, 3]
        assert {step.request for step in steps} == {0, 1, 2, 3}
        assert len(run.requests) == 3
        assert all(len(item.token_seconds) == 63 for item in run.requests)
        live = [gap for step in steps if step.request for gap in step.token_seconds]
        assert live == run.token_seconds
        assert run.tokens_per_second > 0
        assert any(isinstance(p.event, ProfilingCompleted) for p in subscription.take())
        asked = ports.provider.engines[LLAMA.id].requests
        assert len({request.prompt[:3] for request in asked}) == 4
        assert all(request.ignore_end for request in asked)
    async with ports.manager() as manager:
        assert manager.profiles.runs() == (run,)
        await manager.profiles.delete(run.id)
        assert manager.profiles.runs() == ()


async def test_that_a_run_left_early_keeps_nothing_and_gives_the_model_back() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        async with manager.profiles.run(LLAMA.id) as stream:
            async for _ in stream:
                break
        assert manager.profiles.runs() == ()
        assert manager.models.instance(LLAMA.id).leases == ()


async def test_that_a_model_that_writes_too_little_is_refused_with_a_reason() -> None:
    ports = fake_ports()
    ports.provider.words = 1
    ports.offer(LLAMA)
    async with ports.manager() as manager:

        async def profile() -> None:
            async with manager.profiles.run(LLAMA.id) as stream:
                async for _ in stream:
                    pass

        with pytest.raises(RequestError, match="too little"):
            await profile()
        assert manager.profiles.runs() == ()


async def test_that_a_profile_is_told_from_start_to_end() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        subscription = manager.events.subscribe(lambda: None)
        run = await manager.profiles.profile(LLAMA.id, count=2)
        told = [published.event for published in subscription.take()]
    assert len(run.requests) == 2
    assert [e.requests for e in told if isinstance(e, ProfilingStarted)] == [2]
    assert [e.request for e in told if isinstance(e, ProfilingProgressed)] == [0, 1, 2]
    assert [e.run_id for e in told if isinstance(e, ProfilingCompleted)] == [run.id]


async def test_that_a_cancelled_profile_says_so_and_keeps_nothing() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        engine = ports.provider.engines[LLAMA.id]
        engine.go.clear()
        subscription = manager.events.subscribe(lambda: None)
        task = asyncio.create_task(manager.profiles.profile(LLAMA.id))
        await eventually(lambda: engine.requests)
        task.cancel()
        await asyncio.wait([task])
        told = [published.event for published in subscription.take()]
        assert [e.run_id for e in told if isinstance(e, ProfilingCompleted)] == [None]
        assert manager.profiles.runs() == ()
        assert manager.models.instance(LLAMA.id).leases == ()


@pytest.mark.parametrize("count", [0, -1, 10_000])
async def test_that_an_impossible_count_is_refused(count: int) -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        with pytest.raises(RequestError, match="requests"):
            await manager.profiles.profile(LLAMA.id, count=count)
        assert ports.provider.loads == []


async def test_that_a_first_load_is_measured_when_idle_if_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background_profiling, "IDLE_SECONDS", 0.01)
    ports = fake_ports()
    ports.offer(LLAMA, spec("other"))
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        await asyncio.sleep(0.05)
        assert manager.profiles.runs() == ()
        await manager.settings.set("profile_after_first_load", True)
        await manager.models.load("local:other")
        await eventually(manager.profiles.runs)
        assert [run.model_name for run in manager.profiles.runs()] == ["other"]


async def test_that_a_background_run_yields_to_a_request_and_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background_profiling, "IDLE_SECONDS", 0.01)
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.settings.set("profile_after_first_load", True)
        await manager.models.load(LLAMA.id)
        engine = ports.provider.engines[LLAMA.id]
        engine.go.clear()
        await eventually(lambda: engine.requests)
        async with manager.models.lease(LLAMA.id, "somebody"):
            await eventually(lambda: engine.stopped)
            assert [v.owner for v in manager.models.instance(LLAMA.id).leases] == ["somebody"]
        assert manager.profiles.runs() == ()
        engine.go.set()
        await eventually(manager.profiles.runs)
