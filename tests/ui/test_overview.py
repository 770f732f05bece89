"""What the inspector says of a model's use."""

from app.domain.generation import FinishReason, GenerationStats
from app.domain.profiles import ModelMetrics, with_request
from app.ui.viewmodels.overview import overview
from tests.support.fakes import fake_ports, spec

LLAMA = spec("llama")


def used(answers: int) -> ModelMetrics:
    metrics = ModelMetrics(model_id=LLAMA.id)
    for number in range(answers):
        finish = FinishReason.FAILED if number == 5 else FinishReason.END
        stats = GenerationStats(
            finish=finish,
            time_to_first_token=4.0 if number == 0 else 0.2,
            tokens_per_second=20.0,
        )
        metrics = with_request(metrics, stats, 1_790_000_000.0 + number, first=number == 0)
    return metrics


async def averages(metrics: ModelMetrics) -> dict[str, tuple[str, str]]:
    ports = fake_ports()
    ports.offer(LLAMA)
    ports.store.kept_metrics[LLAMA.id] = metrics
    async with ports.manager() as manager:
        sections = {section.title: section for section in overview(LLAMA, manager)}
    facts = sections["Averages"].facts if "Averages" in sections else ()
    return {fact.label: (fact.value, fact.hint) for fact in facts}


async def test_that_use_is_told_with_its_spread_success_and_hours() -> None:
    said = await averages(used(42))
    assert said["Speed"] == ("20.0 tok/s", "p50 20.0 tok/s · p95 20.0 tok/s")
    assert said["To first token"][0] == "0.20 s"
    assert said["After a load"][0] == "4.0 s"
    assert said["Success"] == ("97 %", "1 failed")
    assert said["Used"][0].startswith("42 answers, last ")
    assert said["Used"][1].startswith("mostly ")


async def test_that_little_use_is_not_called_a_habit() -> None:
    said = await averages(used(2))
    assert said["Used"][1] == ""
    assert "p95" not in said["Speed"][1]
    assert await averages(ModelMetrics(model_id=LLAMA.id)) == {}
