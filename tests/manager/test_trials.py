from collections.abc import AsyncGenerator

from app.domain.generation import GenerationRequest, GenerationUpdate, TextPiece
from app.domain.models import Basis, Capability
from app.domain.trials import CITY, TRIALS, passes
from tests.support.fakes import FakeEngine, fake_ports, spec

A = spec("a")
GOOD = {
    Capability.JSON: f'```json\n{{"city": "{CITY}", "population": 140000}}\n```',
    Capability.TOOLS: f'<tool_call>{{"name": "get_weather", "arguments": {{"city": "{CITY}"}}}}',
}


def test_that_an_answer_in_a_fence_or_a_tag_will_do_and_talk_will_not() -> None:
    for trial in TRIALS:
        assert passes(trial.capability, GOOD[trial.capability])
        assert not passes(trial.capability, f"Of course! {{ The weather in {CITY} is nice. }}")
        assert not passes(trial.capability, "[" * 100_000 + "{" * 1000)
        assert not passes(trial.capability, "")


async def test_that_a_trial_is_kept_with_its_date(monkeypatch) -> None:
    async def answer(
        self: FakeEngine, request: GenerationRequest
    ) -> AsyncGenerator[GenerationUpdate, None]:
        wanted = Capability.JSON if "population" in request.messages[0].text else None
        yield TextPiece(text=GOOD.get(wanted, "I can't do that."), stamps_ns=(1,))

    monkeypatch.setattr(FakeEngine, "generate", answer)
    ports = fake_ports()
    ports.offer(A)
    async with ports.manager() as manager:
        results = await manager.trials.run(A.id)
        assert [result.value for result in results] == [True, False]
        assert results[1].detail == "I can't do that."
        model = manager.models.get(A.id)
        assert model.fact(Capability.JSON).basis is Basis.PROBE
        assert model.fact(Capability.TOOLS).at == results[1].at
        assert not model.can(Capability.TOOLS)
