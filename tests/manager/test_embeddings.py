"""Embeddings, and that they count as use of their model."""

import asyncio

import pytest

from app.domain.errors import RequestError, WorkerCrashed
from tests.support.fakes import fake_ports, spec

LLAMA = spec("llama")


async def test_that_embedding_counts_as_use_and_moves_no_average() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        assert await manager.embeddings.embed(LLAMA.id, ["ab", "c"]) == [[2.0], [1.0]]
        await manager.embeddings.embed(LLAMA.id, ["d"])
        metrics = manager.models.metrics(LLAMA.id)
        assert (metrics.requests, metrics.success_rate) == (2, 1.0)
        assert sum(metrics.by_hour) == 2
        assert metrics.tokens_per_second is None
        assert manager.statistics().inferences == 2
        assert manager.statistics().by_model == {LLAMA.id: 2}
        assert manager.models.instance(LLAMA.id).leases == ()


@pytest.mark.parametrize(
    ("error", "requests", "failures", "cancelled"),
    [
        (WorkerCrashed("It ended.", "Try again."), 1, 1, 0),
        (RequestError("A text is empty.", "Type one."), 0, 0, 0),
        (asyncio.CancelledError(), 1, 0, 1),
    ],
)
async def test_that_it_counts_how_an_embedding_ended(error, requests, failures, cancelled) -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)

        async def fail(texts):
            raise error

        ports.provider.engines[LLAMA.id].embed = fail
        with pytest.raises(type(error)):
            await manager.embeddings.embed(LLAMA.id, ["a"])
        metrics = manager.models.metrics(LLAMA.id)
        counts = (metrics.requests, metrics.failures, metrics.cancelled)
        assert counts == (requests, failures, cancelled)
