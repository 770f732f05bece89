"""The health of models, and the switch that may follow from it."""

from app.domain.events import AutoSwitched, HealthChanged, NoticeRaised
from app.domain.generation import FinishReason, GenerationStats
from app.domain.health import HealthState
from tests.support.fakes import eventually, fake_ports, spec

LLAMA, QWEN = spec("llama"), spec("qwen")


def answer(manager, model, speed: float, times: int) -> None:
    stats = GenerationStats(
        finish=FinishReason.END, prompt_tokens=5, output_tokens=50, tokens_per_second=speed
    )
    for _ in range(times):
        manager.models.health.answered(model.id, stats, None)


async def degraded(manager) -> None:
    """The active model is Llama, which has become slow; Qwen is loaded beside it."""
    await manager.models.load(LLAMA.id)
    await manager.models.load(QWEN.id)
    answer(manager, LLAMA, 50.0, 10)
    answer(manager, LLAMA, 5.0, 5)


async def test_that_a_slow_model_is_told_and_nothing_else_happens_by_default() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        subscription = manager.events.subscribe(lambda: None)
        await degraded(manager)
        changed = [i.event for i in subscription.take() if isinstance(i.event, HealthChanged)]
        assert [event.health.state for event in changed] == [HealthState.DEGRADED]
        assert manager.models.active() == LLAMA.id


async def test_that_the_first_answer_after_a_load_says_nothing_of_its_speed() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        answer(manager, LLAMA, 1000.0, 1)
        answer(manager, LLAMA, 50.0, 10)
        assert manager.models.health.of(LLAMA.id).state is HealthState.OK


async def test_that_prompts_go_to_another_model_once_where_that_is_wanted() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.settings.set("auto_switch", True)
        await degraded(manager)
        await eventually(lambda: manager.models.active() == QWEN.id)
        await eventually(
            lambda: [i for i in manager.events.kept() if isinstance(i.event, NoticeRaised)]
        )
        kept = manager.events.kept()
        switched = next(item for item in kept if isinstance(item.event, AutoSwitched))
        why = next(item for item in kept if item.seq == switched.cause)
        assert isinstance(why.event, HealthChanged)
        assert manager.models.alias_history()[0].reason == why.event.health.reason
        answer(manager, LLAMA, 50.0, 5)
        answer(manager, QWEN, 50.0, 10)
        answer(manager, QWEN, 5.0, 5)
        assert manager.models.health.of(QWEN.id).state is HealthState.DEGRADED
        await manager.save_state()
        assert manager.models.active() == QWEN.id


async def test_that_nothing_is_switched_where_nothing_can_stand_in() -> None:
    ports = fake_ports()
    mute = spec("qwen", capabilities=())
    ports.offer(LLAMA, mute)
    async with ports.manager() as manager:
        await manager.settings.set("auto_switch", True)
        await degraded(manager)
        assert manager.models.health.of(LLAMA.id).state is HealthState.DEGRADED
        await manager.save_state()
        assert manager.models.active() == LLAMA.id


async def test_that_a_crash_is_down_until_the_model_is_ready_again() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        ports.provider.engines[LLAMA.id].crash()
        await eventually(lambda: manager.models.health.of(LLAMA.id).state is HealthState.DOWN)
        await manager.models.load(LLAMA.id)
        assert manager.models.health.of(LLAMA.id).state is HealthState.OK
