"""Many models are kept and forgotten in slices, between which the loop goes on."""

import asyncio

from app.domain.models import ModelQuery, ModelStatus
from app.manager.events import EventBus
from app.manager.registry import Registry
from app.tasks import SLICE, TaskScope
from tests.support.fakes import MemoryStore, spec

MANY = 3 * SLICE


async def test_that_others_get_their_turn_while_many_models_are_kept():
    store, registry_events = MemoryStore(), EventBus()
    registry = Registry(store, registry_events)
    await registry.start()
    seen = set()

    async def watch() -> None:
        while True:
            seen.add(len(registry))
            await asyncio.sleep(0)

    scope = TaskScope("test")
    scope.start("watch", watch())
    models = [spec(f"Model {number}") for number in range(MANY)]
    await registry.keep(models)
    assert {SLICE, 2 * SLICE} <= seen
    assert len(registry) == len(store.kept_models) == MANY
    await registry.forget([item.id for item in models[1:]])
    assert [*store.kept_models] == [models[0].id]
    assert registry.query(ModelQuery(limit=None)).ids == (models[0].id,)
    await scope.aclose()
    await registry.aclose()


async def test_that_many_models_are_kept_though_the_caller_is_cancelled():
    store = MemoryStore()
    registry = Registry(store, EventBus())
    await registry.start()
    gone = {"status": ModelStatus.MISSING, "reason": "gone"}
    models = [spec(f"Model {number}").model_copy(update=gone) for number in range(MANY)]
    caller = asyncio.create_task(registry.keep(models))
    await asyncio.sleep(0)
    caller.cancel()
    await registry.settled()
    assert len(registry) == len(store.kept_models) == MANY
    await registry.aclose()
