from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.models import ModelStatus
from app.library.discovery import LocalModelFiles
from tests.benchmarks import models
from tests.benchmarks.application import chat, completion, loaded, receive, witnessed
from tests.benchmarks.bare import BareModel, generation

SHAPE = models.Shape(2, 64, 4, 2, 16, 128, 1000, context=2048)


@pytest.fixture(scope="module", params=["llama", "qwen3"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("models") / f"{request.param}.gguf"
    models.write(made, replace(SHAPE, architecture=request.param), "Benchmark shape")
    return made


async def test_that_a_shape_is_a_model_of_its_figures(path: Path) -> None:
    (spec,) = (await LocalModelFiles().read(str(path))).specs
    assert spec.status is ModelStatus.AVAILABLE
    assert spec.shape is not None
    assert (spec.shape.block_count, spec.shape.vocabulary) == (2, 1000)
    assert spec.context_length == 2048


def test_that_a_text_has_as_many_tokens_as_asked_for(path: Path) -> None:
    model = BareModel(str(path), 1, 512)
    tokens = model.tokenise(models.words(100))
    assert len(tokens) == 100
    assert models.words(100, 1)[:8] != models.words(100, 2)[:8]


def test_that_answers_are_tokens_that_come_back_as_themselves(path: Path) -> None:
    model = BareModel(str(path), 1, 512)
    model.decode(model.tokenise(models.words(20)))
    text = b"".join(model.stream(50)).decode()
    assert set(text) <= {*models.LETTERS, " "}
    assert len(model.tokenise(text)) == 50


def test_that_the_bare_loop_gives_its_rates(path: Path) -> None:
    result = generation(str(path), 1, models.words(30), 20)
    assert result["prompt_tokens"] == 30
    assert result["rate"] > 0
    assert result["prompt_rate"] > 0


async def test_that_the_app_receives_what_the_bare_loop_computes(path: Path) -> None:
    prompt = models.words(30)
    async with loaded(str(path), 1) as engine:
        answer = await receive(engine, completion(prompt, 40))
    assert sum(answer.counts) == len(answer.stamps_ns) == 40
    assert answer.rate > 0
    model = BareModel(str(path), 1, 2048)
    model.decode(model.tokenise(prompt))
    assert answer.text == b"".join(model.stream(40)).decode()


async def test_that_the_witness_sees_every_token_that_a_worker_computes(path: Path) -> None:
    with witnessed() as witness:
        async with loaded(str(path), 1) as engine:
            answer = await receive(engine, chat(8, models.words(60)))
            decodes = witness.decodes(answer.submitted_ns)
    assert answer.stats is not None
    # The last token is chosen and not computed.
    assert sum(decode.tokens for decode in decodes) == answer.stats.prompt_tokens + 7
    assert all(decode.start_ns <= decode.end_ns for decode in decodes)


async def test_that_an_answer_can_be_cut_off_in_time(path: Path) -> None:
    async with loaded(str(path), 1) as engine:
        answer = await receive(engine, completion(models.words(8), 1900), seconds=0)
    assert answer.stats is None
    assert len(answer.stamps_ns) < 1900
