import pytest

from app.domain.errors import RequestError
from app.domain.events import ProfilingCompleted
from tests.support.fakes import fake_ports, spec

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
        assert isinstance(subscription.take()[-1].event, ProfilingCompleted)
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
