"""What crashed is brought up again by itself, after a pause and not for ever."""

import pytest

from app.domain import recovery as rules
from app.domain.crashes import CrashCause, CrashReport
from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import WorkerCrashed
from app.domain.events import ModelCrashed, ModelRecovered
from app.domain.instances import InstanceState
from app.domain.recovery import MOST_RESTARTS, Setback, restart_at
from tests.support.fakes import eventually, fake_ports, spec

LLAMA, QWEN = spec("llama"), spec("qwen")


def state(manager) -> InstanceState:
    return manager.models.instance(LLAMA.id).state


async def test_that_the_active_model_is_brought_up_again_and_the_chain_can_be_followed(
    monkeypatch,
) -> None:
    monkeypatch.setattr(rules, "FIRST_RESTART", 0.0)
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        ports.provider.engines[LLAMA.id].crash()
        await eventually(lambda: len(ports.provider.loads) == 2)
        await eventually(lambda: state(manager) is InstanceState.READY)
        kept = manager.events.kept()
        crash = next(item for item in kept if isinstance(item.event, ModelCrashed))
        assert crash.cause is None
        assert crash.event.restarts_at is not None
        recovered = next(item for item in kept if isinstance(item.event, ModelRecovered))
        loaded = next(item for item in kept if item.seq == recovered.cause)
        assert loaded.cause == crash.seq


async def test_that_a_model_that_no_alias_points_at_stays_down() -> None:
    ports = fake_ports()
    ports.offer(QWEN, LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(QWEN.id)
        await manager.models.load(LLAMA.id)
        ports.provider.engines[LLAMA.id].crash()
        await eventually(lambda: state(manager) is InstanceState.CRASHED)
        assert manager.models.restarts_at(LLAMA.id) is None


async def test_that_nothing_is_brought_up_where_the_person_does_not_want_it() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.settings.set("recover_crashed", False)
        await manager.models.load(LLAMA.id)
        ports.provider.engines[LLAMA.id].crash()
        await eventually(lambda: state(manager) is InstanceState.CRASHED)
        assert manager.models.restarts_at(LLAMA.id) is None


@pytest.mark.parametrize("command", ["cancel_restart", "dismiss", "load"])
async def test_that_a_planned_restart_gives_way_to_a_person(command) -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        ports.provider.engines[LLAMA.id].crash()
        await eventually(lambda: manager.models.restarts_at(LLAMA.id))
        await getattr(manager.models, command)(LLAMA.id)
        assert manager.models.restarts_at(LLAMA.id) is None


async def test_that_it_is_tried_again_a_few_times_and_then_left_alone(monkeypatch) -> None:
    monkeypatch.setattr(rules, "FIRST_RESTART", 0.0)
    monkeypatch.setattr(rules, "FIRST_WAIT", 0.0)
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        ports.provider.failures[LLAMA.id] = WorkerCrashed("It ended.", "Try it again.")
        ports.provider.engines[LLAMA.id].crash()
        await eventually(lambda: len(ports.provider.loads) == 1 + MOST_RESTARTS)
        await eventually(lambda: state(manager) is InstanceState.FAILED)
        assert manager.models.restarts_at(LLAMA.id) is None


def test_that_what_would_only_crash_again_is_left_to_a_person() -> None:
    setback = Setback(count=1, failed_at=100.0)
    crash = report_of(WorkerCrashed("It ended.", "Try it again."))

    def at(cause: CrashCause) -> float | None:
        report = ErrorReport(**{**dict(crash), "crash": CrashReport(cause=cause)})
        return restart_at(setback, report)

    assert at(CrashCause.FAULT) == 105.0
    assert at(CrashCause.OUT_OF_MEMORY) is None
    assert at(CrashCause.ILLEGAL_INSTRUCTION) is None
    assert restart_at(Setback(count=2, failed_at=100.0), crash) == 130.0
    assert restart_at(Setback(count=4, failed_at=100.0), crash) is None
