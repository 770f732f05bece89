"""The scenarios of what is known of models and told of them, with fakes at the ports."""

import asyncio

import pytest

from app.domain.error_reports import report_of
from app.domain.errors import InvalidFile
from app.domain.events import ModelLoaded
from app.domain.generation import FinishReason, GenerationStats
from app.domain.health import HealthState
from app.domain.models import ModelId, ModelQuery, ModelStatus
from app.manager.events import QUEUE_LENGTH
from tests.benchmarks import manager as benchmark
from tests.manager.test_scenarios import BROKEN, A, B, hold, machine
from tests.support.fakes import fake_ports, spec


async def test_that_scenario_19_a_broken_model_hides_no_other() -> None:
    ports = machine()
    broken = spec("broken", status=ModelStatus.INVALID, reason="It ends too early.")
    ports.offer(broken)
    async with ports.manager() as manager:
        assert [item.name for item in manager.models.search()] == ["a", "b", "broken", "c", "giant"]
        with pytest.raises(InvalidFile) as refused:
            await manager.models.load(broken.id)
        assert refused.value.detail == broken.reason
        await manager.models.load(A.id)


async def test_that_scenario_20_what_fails_five_times_rests_until_a_probe_succeeds() -> None:
    ports = machine()
    async with ports.manager() as manager:
        health, now = manager.models.health, [1000.0]
        health._clock = lambda: now[0]
        for model in (A, B):
            await manager.models.load(model.id)
            answer(manager, model, failed=False)
        answer(manager, A, failed=True)
        assert health.of(A.id).state is HealthState.OK
        for _ in range(4):
            answer(manager, A, failed=True)
        tripped = health.of(A.id)
        assert tripped.state is HealthState.COOLING_DOWN
        assert tripped.reason == "4 of its last 5 answers failed"
        for _ in range(5):
            answer(manager, B, failed=True)
        assert await hold(manager, A.id, set_event()) == A.id
        now[0] = tripped.until + 1
        answer(manager, A, failed=True)
        assert health.of(A.id).until - now[0] > tripped.until - 1000
        now[0] = health.of(A.id).until + 1
        answer(manager, A, failed=False)
        assert health.of(A.id).state is HealthState.OK


def answer(manager, model, *, failed: bool) -> None:
    finish = FinishReason.FAILED if failed else FinishReason.END
    stats = GenerationStats(
        finish=finish, prompt_tokens=5, output_tokens=50, tokens_per_second=50.0
    )
    manager.models.health.answered(model.id, stats, report_of(BROKEN) if failed else None)


def set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def test_that_scenario_21_a_late_subscriber_catches_up_and_a_slow_one_holds_nobody() -> None:
    ports = machine()
    async with ports.manager() as manager:
        slow = manager.events.subscribe(lambda: None)
        start = manager.events.kept()[-1].seq
        await manager.models.load(A.id)
        late = manager.events.subscribe(lambda: None, since=start)
        replayed = late.take()
        assert replayed == [item for item in manager.events.kept() if item.seq > start]
        assert any(isinstance(item.event, ModelLoaded) for item in replayed)
        for _ in range(QUEUE_LENGTH):
            await manager.models.pin(A.id)
            await manager.models.unpin(A.id)
        taken = slow.take()
        assert len(taken) == QUEUE_LENGTH
        assert slow.lost == taken[0].seq - start - 1 > 0


@pytest.mark.parametrize("count", [1_000, 10_000, 100_000])
async def test_that_scenario_22_any_number_of_models_is_found(count: int) -> None:
    ports = fake_ports()
    for number in range(count):
        # As an earlier run has kept them; validating each again would only take time.
        model = A.model_copy(update={"id": f"local:{number}", "name": f"model {number:06}"})
        ports.store.kept_models[model.id] = model
    async with ports.manager() as manager:
        last = ModelId(f"local:{count - 1}")
        assert manager.models.get(last).name == f"model {count - 1:06}"
        first = manager.models.query(ModelQuery(words="model", limit=200))
        assert len(first.ids) == 200
        assert first.next_offset == 200
        assert len(manager.models.query(ModelQuery(words="model", limit=None)).ids) == count
        page = manager.models.query(ModelQuery(words=f"{count - 1:06}", limit=200))
        assert page.ids == (last,)


def test_that_scenario_22_is_measured_against_its_figures() -> None:
    assert {"look-up", "search", "start"} <= set(benchmark.ORDER)
