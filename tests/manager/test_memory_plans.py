"""Which source a plan comes from, and what follows from it."""

import asyncio

import pytest

from app.domain.errors import DoesNotFit, InvalidFile, WorkerCrashed
from app.domain.events import MemoryPlanned
from app.domain.instances import InstanceState
from app.domain.load_settings import LoadSettings
from app.domain.memory import Fit
from app.domain.memory_plans import MeasuredUse, PlanSource, footprint
from tests.support.fakes import GIGABYTE, FakeDevices, eventually, fake_ports, spec

SMALL, LARGE = spec("small", size_bytes=650_000_000), spec("large", size_bytes=8 * GIGABYTE)
USED = 700_000_000
"""What a fake engine takes."""


def planned(subscription) -> list[str]:
    taken = (item.event for item in subscription.take())
    return [event.model_id for event in taken if isinstance(event, MemoryPlanned)]


def small_machine():
    ports = fake_ports()
    ports.devices = FakeDevices(total=8 * GIGABYTE)
    ports.offer(SMALL, LARGE)
    return ports


async def test_that_a_load_that_clearly_fits_waits_for_no_dry_run() -> None:
    ports = small_machine()
    async with ports.manager() as manager:
        await manager.models.load(SMALL.id)
        assert ports.provider.dry_runs == []
        assert manager.memory.plan(SMALL.id).source is PlanSource.FORMULA


async def test_that_a_dry_run_overrules_a_formula_that_says_no() -> None:
    ports = small_machine()
    ports.provider.sizes[LARGE.id] = 5 * GIGABYTE
    async with ports.manager() as manager:
        subscription = manager.events.subscribe(lambda: None)
        assert manager.memory.fit(LARGE.id) is Fit.TOO_BIG
        await manager.models.load(LARGE.id)
        assert ports.provider.dry_runs == [LARGE.id]
        assert planned(subscription) == [LARGE.id]
        assert manager.models.instance(LARGE.id).memory_predicted == 5 * GIGABYTE
        assert manager.memory.predict(LARGE.id) == 5 * GIGABYTE


async def test_that_a_refusal_says_what_is_needed_by_which_source_and_what_is_free() -> None:
    ports = small_machine()
    async with ports.manager() as manager:
        await manager.models.load(SMALL.id)
        with pytest.raises(DoesNotFit) as refused:
            await manager.models.load(LARGE.id)
        assert refused.value.what == (
            "large needs about 8.1 GB, going by a dry run, and 6.5 GB are free; "
            "ejecting idle models would make that 7.2 GB."
        )
        assert refused.value.remedy == "Choose a smaller model or a shorter context."
        assert ports.provider.loads == [SMALL.id]


async def test_that_what_fits_once_idle_models_leave_is_loaded_in_their_place() -> None:
    ports = small_machine()
    ports.provider.sizes[LARGE.id] = 7 * GIGABYTE
    async with ports.manager() as manager:
        await manager.models.load(SMALL.id)
        await manager.models.load(LARGE.id)
        assert [view.model_id for view in manager.models.instances()] == [LARGE.id]


async def test_that_a_dry_run_that_fails_leaves_the_formula_to_decide() -> None:
    ports = small_machine()
    ports.provider.sizes[LARGE.id] = WorkerCrashed("It crashed.", "Try again.")
    async with ports.manager() as manager:
        with pytest.raises(DoesNotFit, match="going by its header"):
            await manager.models.load(LARGE.id)
        await manager.models.load(LARGE.id, anyway=True)
        assert ports.provider.dry_runs == [LARGE.id]


async def test_that_what_is_out_of_all_proportion_is_refused_without_a_dry_run() -> None:
    ports = small_machine()
    giant = spec("giant", size_bytes=100 * GIGABYTE)
    ports.offer(giant)
    async with ports.manager() as manager:
        with pytest.raises(DoesNotFit):
            await manager.models.load(giant.id)
        assert ports.provider.dry_runs == []


async def test_that_a_load_can_be_cancelled_during_its_dry_run() -> None:
    ports = small_machine()
    async with ports.manager() as manager:
        ports.provider.weighed.clear()
        asked = asyncio.ensure_future(manager.models.load(LARGE.id))
        await eventually(lambda: ports.provider.dry_runs)
        assert manager.models.instance(LARGE.id).state is InstanceState.QUEUED
        await manager.models.cancel_load(LARGE.id)
        await asked
        assert manager.models.instance(LARGE.id) is None
        assert ports.provider.loads == []


async def test_that_a_switch_asks_a_dry_run_before_it_ejects_or_refuses() -> None:
    ports = small_machine()
    ports.provider.sizes[LARGE.id] = 5 * GIGABYTE
    async with ports.manager() as manager:
        await manager.models.load(SMALL.id)
        plan = await manager.models.switch(LARGE.id)
        assert plan.need == 5 * GIGABYTE
        assert manager.models.instance(SMALL.id).state is InstanceState.READY


async def test_that_a_dry_run_on_request_is_made_once() -> None:
    ports = small_machine()
    ports.provider.sizes[SMALL.id] = 2 * GIGABYTE
    async with ports.manager() as manager:
        for _ in range(2):
            plan = await manager.memory.run_dry(SMALL.id)
            assert (plan.source, plan.host) == (PlanSource.DRY_RUN, 2 * GIGABYTE)
        assert ports.provider.dry_runs == [SMALL.id]


async def test_that_a_dry_run_on_request_says_what_is_wrong() -> None:
    ports = small_machine()
    ports.provider.sizes[SMALL.id] = InvalidFile("It is broken.", "Download it again.")
    async with ports.manager() as manager:
        with pytest.raises(InvalidFile):
            await manager.memory.run_dry(SMALL.id)


async def test_that_a_use_is_remembered_for_the_next_run_and_these_settings_only() -> None:
    ports = small_machine()
    async with ports.manager() as manager:
        async with manager.models.lease(SMALL.id, "chat"):
            pass
        plan = manager.memory.plan(SMALL.id)
        assert (plan.source, plan.host) == (PlanSource.MEASURED, USED)
    async with ports.manager() as manager:
        assert manager.memory.predict(SMALL.id) == USED
        await manager.models.load_settings.save(SMALL, LoadSettings(context_length=512))
        assert manager.memory.plan(SMALL.id).source is PlanSource.FORMULA


async def test_that_a_load_that_nobody_used_is_no_measurement() -> None:
    ports = small_machine()
    async with ports.manager() as manager:
        await manager.models.load(SMALL.id)
    assert ports.store.kept_uses == {}


async def test_that_the_most_that_was_ever_seen_counts() -> None:
    ports = small_machine()
    seen = MeasuredUse(footprint=footprint(SMALL, LoadSettings()), size=2 * USED)
    ports.store.kept_uses[SMALL.id] = (seen,)
    async with ports.manager() as manager:
        async with manager.models.lease(SMALL.id, "chat"):
            pass
        assert manager.memory.predict(SMALL.id) == 2 * USED
    assert ports.store.kept_uses[SMALL.id] == (seen,)


async def test_that_room_that_idle_models_would_leave_counts_apart() -> None:
    ports = fake_ports()
    ports.offer(SMALL, LARGE)
    async with ports.manager() as manager:
        free = manager.memory.room()
        await manager.models.load(SMALL.id)
        assert manager.memory.room() < free
        assert manager.memory.room_without_idle() == free
        async with manager.models.lease(SMALL.id, "answer"):
            assert manager.memory.room_without_idle() == manager.memory.room()
