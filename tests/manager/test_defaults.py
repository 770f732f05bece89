"""The model that stands in where none is active."""

import pytest

from app.domain.instances import InstanceState
from tests.support.fakes import fake_ports, spec

LLAMA, QWEN = (
    spec("llama").model_copy(update={"name": "Llama 3"}),
    spec("qwen").model_copy(update={"name": "Qwen 2"}),
)


@pytest.mark.parametrize("wanted", ["llama 3", "llama", LLAMA.id])
async def test_that_the_default_model_is_found_by_name_or_id(wanted) -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    ports.environment = {"MODEL_MANAGER_DEFAULT_MODEL": wanted}
    async with ports.manager() as manager:
        assert manager.models.active() == LLAMA.id
        assert manager.models.alias_history()[0].reason == "it is the default model"
        assert manager.models.instances() == ()
        await manager.models.load_default()
        assert manager.models.instance(LLAMA.id).state is InstanceState.READY


async def test_that_the_default_model_does_not_take_the_place_of_an_active_one() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.models.load(QWEN.id)
        await manager.settings.set("default_model", "Llama 3")
        assert manager.models.active() == QWEN.id
        await manager.models.load_default()
        assert manager.models.active() == QWEN.id
        await manager.models.eject(QWEN.id)
        await manager.models.eject(LLAMA.id)
        async with manager.models.lease("active", "prompt") as lease:
            assert lease.spec.id == LLAMA.id


async def test_that_a_default_model_that_is_not_there_is_left_alone() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    ports.environment = {
        "MODEL_MANAGER_DEFAULT_MODEL": "llama 3",
        "MODEL_MANAGER_DEFAULT_PROVIDER": "elsewhere",
    }
    async with ports.manager() as manager:
        await manager.models.load_default()
        assert manager.models.active() is None
        assert manager.models.instances() == ()
