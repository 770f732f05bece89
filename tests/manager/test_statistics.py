"""What is counted, and that it outlives the program."""

import contextlib

from app.domain.errors import WorkerCrashed
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
