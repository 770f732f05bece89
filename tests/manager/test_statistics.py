"""What is counted, and that it outlives the program."""

import contextlib

from app.domain.errors import WorkerCrashed
from app.domain.instances import InstanceState
from app.domain.models import Capability, ModelQuery
from tests.support.fakes import eventually, fake_ports, spec

LLAMA, QWEN = spec("llama"), spec("qwen", quantisation="Q8_0")


async def ask(manager, text: str) -> None:
    async with manager.conversations.send(manager.conversations.create().id, text) as stream:
        async for _ in stream:
            pass


async def test_that_use_loads_switches_and_crashes_are_counted_and_kept() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    ports.provider.failures[QWEN.id] = WorkerCrashed("It ended.", "Try again.")
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        for text in ("one", "two"):
            await ask(manager, text)
        with contextlib.suppress(WorkerCrashed):
            await manager.models.load(QWEN.id)
        del ports.provider.failures[QWEN.id]
        await manager.models.switch(QWEN.id)
        ports.provider.engines[LLAMA.id].crash()
        await eventually(lambda: manager.statistics().crashes)
        counted = manager.statistics()
        assert (counted.registered, counted.loaded) == (2, 1)
        assert counted.by_provider == {"local": 2}
        assert counted.by_status == {"available": 2}
        assert counted.by_model == {LLAMA.id: 2}
        assert counted.success_rate == 1.0
        assert sum(counted.by_hour) == sum(counted.by_weekday) == counted.inferences == 2
        assert counted.tokens_per_second > 0
        metrics = manager.models.metrics(LLAMA.id)
        assert len(metrics.after_load.recent) == len(metrics.first_token.recent) == 1
    async with ports.manager() as manager:
        kept = manager.statistics()
        figures = (kept.loads, kept.failed_loads, kept.switches, kept.crashes)
        assert figures == (2, 1, 1, 1)
        assert kept.by_model == {LLAMA.id: 2}


async def test_that_models_are_found_by_what_they_are() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        for query, found in (
            (ModelQuery(loaded=True), (LLAMA.id,)),
            (ModelQuery(loaded=False), (QWEN.id,)),
            (ModelQuery(quantisation="Q8_0"), (QWEN.id,)),
            (ModelQuery(capability=Capability.CHAT), (LLAMA.id, QWEN.id)),
            (ModelQuery(capability=Capability.EMBEDDING), ()),
        ):
            assert manager.models.query(query).ids == found


async def test_that_models_are_found_by_the_state_of_their_instances() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        await manager.models.load(QWEN.id)
        ports.provider.engines[QWEN.id].crash()
        crashed = InstanceState.CRASHED
        await eventually(lambda: manager.models.instance(QWEN.id).state is crashed)
        chat = ModelQuery(capability=Capability.CHAT, provider="local")
        assert manager.models.query(chat).ids == (LLAMA.id, QWEN.id)
        assert manager.models.query(chat, InstanceState.READY).ids == (LLAMA.id,)
        assert manager.models.query(chat, crashed).ids == (QWEN.id,)
        assert manager.models.query(ModelQuery(loaded=True), crashed).ids == ()
        assert manager.models.query(ModelQuery(loaded=False), crashed).ids == (QWEN.id,)


async def test_that_profiling_counts_as_use_and_moves_no_average() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.profiles.profile(LLAMA.id, 3)
        metrics = manager.models.metrics(LLAMA.id)
        assert (metrics.requests, metrics.success_rate) == (4, 1.0)
        assert metrics.tokens_per_second is None
        async with (
            manager.profiles.run(LLAMA.id) as stream,
            contextlib.aclosing(aiter(stream)) as steps,
        ):
            await anext(steps)
        assert manager.models.metrics(LLAMA.id).cancelled == 1


async def test_that_nothing_is_measured_where_that_is_not_wanted() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    ports.environment = {"MODEL_MANAGER_PERFORMANCE_TRACKING": "off"}
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        await ask(manager, "one")
        await manager.embeddings.embed(LLAMA.id, ["two"])
        assert manager.models.metrics(LLAMA.id) is None
        assert manager.statistics().inferences == 0
        await manager.models.eject(LLAMA.id)
    assert ports.store.kept_metrics == {}
