"""What nobody should ask of the manager: each is told in two sentences, and nothing changes."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from app.domain.errors import (
    AlreadyLoaded,
    AppError,
    DoesNotFit,
    InvalidFile,
    ModelBusy,
    SettingError,
    UnknownModel,
)
from app.domain.instances import InstanceState
from app.domain.models import ModelId
from app.manager.manager import Manager
from tests.support.fakes import FakePorts, eventually, fake_ports, spec

LOADED, OTHER = spec("loaded"), spec("other")
NOBODY = ModelId("local:nobody")
BROKEN = InvalidFile("It is broken.", "Download it again.")


async def lease(manager: Manager, name: str) -> None:
    async with manager.models.lease(name, "chat"):
        pass


def as_it_is(ports: FakePorts, manager: Manager) -> tuple:
    """All that a person could see changed, now and after a restart."""
    store, models = ports.store, manager.models
    views = [(view.model_id, view.generation, view.state) for view in models.instances()]
    kept = store.kept_models, store.kept_aliases, store.kept_session, store.kept_settings
    return (
        [view for view in views if view[2] is InstanceState.READY],
        models.aliases(),
        models.alias_history(),
        manager.settings.current(),
        [dict(item) if isinstance(item, dict) else item for item in kept],
        set(store.kept_pins),
    )


@asynccontextmanager
async def refused(ports: FakePorts, manager: Manager, kind: type[AppError]):
    """Within it that error is raised, and nothing changes."""
    await manager.save_state()
    before = as_it_is(ports, manager)
    with pytest.raises(kind) as caught:
        yield caught
    for sentence in (caught.value.what, caught.value.remedy):
        assert len(sentence) > 10
        assert sentence.endswith(".")
    await manager.save_state()
    assert as_it_is(ports, manager) == before


@asynccontextmanager
async def running():
    ports = fake_ports()
    ports.offer(LOADED, OTHER)
    async with ports.manager() as manager:
        await manager.models.load(LOADED.id)
        yield ports, manager


@pytest.mark.parametrize(
    "ask",
    [
        lambda manager: manager.models.load(NOBODY),
        lambda manager: manager.models.eject(NOBODY),
        lambda manager: manager.models.switch(NOBODY),
        lambda manager: manager.models.pin(NOBODY),
        lambda manager: manager.models.assign_alias("mine", NOBODY),
        lambda manager: lease(manager, NOBODY),
    ],
    ids=["load", "eject", "switch", "pin", "alias", "lease"],
)
async def test_that_an_id_that_names_nothing_is_refused(ask) -> None:
    async with running() as (ports, manager), refused(ports, manager, UnknownModel):
        await ask(manager)


async def test_that_a_loaded_model_is_not_loaded_again() -> None:
    async with running() as (ports, manager):
        async with refused(ports, manager, AlreadyLoaded):
            await manager.models.load(LOADED.id)
        assert ports.provider.loads == [LOADED.id]


async def test_that_a_load_under_way_is_joined() -> None:
    async with running() as (ports, manager):
        await asyncio.gather(*(manager.models.load(OTHER.id) for _ in range(3)))
        assert ports.provider.loads == [LOADED.id, OTHER.id]


async def test_that_a_busy_model_is_not_ejected_unless_its_users_may_finish() -> None:
    async with running() as (ports, manager), manager.models.lease(LOADED.id, "Trip plan"):
        async with refused(ports, manager, ModelBusy) as caught:
            await manager.models.eject(LOADED.id)
        assert "Trip plan" in caught.value.what


async def test_that_an_eject_cuts_nobody_off_who_uses_the_model() -> None:
    async with running() as (ports, manager):
        engine = ports.provider.engines[LOADED.id]
        async with manager.models.lease(LOADED.id, "chat"):
            ejecting = asyncio.ensure_future(manager.models.eject(LOADED.id, drain=True))
            await eventually(
                lambda: manager.models.instance(LOADED.id).state is InstanceState.DRAINING
            )
            assert not engine.closed
        await ejecting
        assert engine.closed


@pytest.mark.parametrize("fails", ["failures", "probe_failures"])
async def test_that_a_switch_to_a_model_that_fails_leaves_the_old_one(fails: str) -> None:
    async with running() as (ports, manager):
        getattr(ports.provider, fails)[OTHER.id] = BROKEN
        async with refused(ports, manager, InvalidFile):
            await manager.models.switch(OTHER.id)


async def test_that_a_budget_smaller_than_any_model_refuses_each() -> None:
    async with running() as (ports, manager):
        await manager.models.eject(LOADED.id)
        await manager.settings.set("memory_budget", 1e8)
        for ask in (manager.models.load(OTHER.id), manager.models.switch(LOADED.id)):
            async with refused(ports, manager, DoesNotFit):
                await ask
        assert ports.provider.loads == [LOADED.id]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_loaded", "many"),
        ("max_loaded", 1.5),
        ("max_loaded", 0),
        ("time_to_live_minutes", [1]),
        ("memory_budget", "half"),
        ("auto_switch", "perhaps"),
        ("auto_switch_threshold", {}),
        ("theme", 3),
    ],
)
async def test_that_a_setting_of_the_wrong_type_is_refused(key: str, value: object) -> None:
    async with running() as (ports, manager), refused(ports, manager, SettingError):
        await manager.settings.set(key, value)
