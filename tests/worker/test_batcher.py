"""Several requests at once: none changes, stalls or forgets another."""

import json
import sys

import pytest

from app.system.processes import command
from app.worker import protocol
from app.worker.llama_context import FIRST_CELLS
from app.worker.protocol import Cancel, Done, Finish, Tokens
from tests.support.models import write_gemma, write_llama
from tests.worker import workers
from tests.worker.test_llama import generate
from tests.worker.workers import Worker, worker

LONG = "word " * 200


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "tiny": write_llama(folder / "tiny.gguf"),
        "slow": write_llama(folder / "slow.gguf", layers=60, width=32),
        "gemma": write_gemma(folder / "gemma.gguf"),
    }


def text_of(messages) -> str:
    return "".join(message.text for message in messages if isinstance(message, Tokens))


def answer(engine: Worker, number: int, request: protocol.Generate) -> tuple[str, Done]:
    engine.send(request, number)
    said = engine.until(Done, number)
    return text_of(said), said[-1]


def answers(engine: Worker, numbers: set[int]) -> tuple[dict[int, str], list[int]]:
    """The texts of requests that run side by side, and the order in which they ended."""
    texts, ended = dict.fromkeys(numbers, ""), []
    while set(ended) != numbers:
        number, message = engine.next()
        if isinstance(message, Tokens):
            texts[number] += message.text
        elif isinstance(message, Done):
            ended.append(number)
        else:
            assert isinstance(message, protocol.Alive), message
    return texts, ended


BEGUN_ANEW = """
import itertools, sys
from app.worker import serve
from app.worker.batcher import Batcher
from app.worker.threads import ThreadCount
contexts, steps = [], itertools.count()
made = Batcher.__init__
def make(self, *arguments):
    made(self, *arguments)
    contexts.append(self._context)
def begin_step(self):
    if next(steps) % 3 == 0:
        contexts[0].abort()
Batcher.__init__, ThreadCount.begin_step = make, begin_step
sys.exit(serve.run(["llama"]))
"""
"""A worker that every third step is begun anew in."""


def test_that_steps_begun_anew_change_no_answer(models, monkeypatch):
    requests = {number: generate(f"Story {number}", max_tokens=40) for number in (2, 3)}
    texts = []
    for arguments in (command("llama"), [sys.executable, "-c", BEGUN_ANEW]):
        monkeypatch.setattr(workers, "command", lambda _, arguments=arguments: arguments)
        with worker("llama") as engine:
            engine.load(models["tiny"])
            for number, request in requests.items():
                engine.send(request, number)
            texts.append(answers(engine, set(requests))[0])
    assert texts[0] == texts[1]
    assert all(texts[0].values())


def test_that_more_requests_than_slots_are_all_answered_as_if_alone(models):
    prompts = {number: f"Story {number}" for number in range(2, 8)}
    with worker("llama") as engine:
        engine.load(models["tiny"], slots=1)
        alone = {
            number: answer(engine, number, generate(prompt, max_tokens=40))[0]
            for number, prompt in prompts.items()
        }
    with worker("llama") as engine:
        engine.load(models["tiny"], slots=4)
        for number, prompt in prompts.items():
            engine.send(generate(prompt, max_tokens=40), number)
        together, _ = answers(engine, set(prompts))
    assert together == alone
    assert len(set(alone.values())) == len(prompts)


def test_that_requests_beyond_the_slots_wait_in_the_order_they_came(models):
    with worker("llama") as engine:
        engine.load(models["tiny"], slots=1)
        for number in range(2, 8):
            engine.send(generate(max_tokens=4), number)
        assert answers(engine, set(range(2, 8)))[1] == list(range(2, 8))


def test_that_the_end_of_one_request_changes_no_other(models):
    with worker("llama") as engine:
        engine.load(models["slow"])
        alone, _ = answer(engine, 2, generate("Two", max_tokens=60, ignore_end=True))
    with worker("llama") as engine:
        engine.load(models["slow"])
        engine.send(generate("One", max_tokens=1500, ignore_end=True), 1)
        engine.send(generate("Two", max_tokens=60, ignore_end=True), 2)
        engine.send(generate("Three", max_tokens=1500, ignore_end=True), 3)
        engine.until(Tokens, 1)
        engine.send(Cancel(), 1)
        engine.send(Cancel(), 3)
        texts, ended = answers(engine, {1, 2, 3})
    assert texts[2] == alone
    assert ended[-1] == 2


def test_that_a_long_prompt_beside_a_stream_lets_it_go_on(models):
    with worker("llama") as engine:
        engine.load(models["slow"], context=4096)
        engine.send(generate("One", max_tokens=3000, ignore_end=True), 2)
        engine.until(Tokens, 2)
        engine.send(generate(LONG, max_tokens=1), 3)
        between = 0
        while True:
            number, message = engine.next()
            between += number == 2
            if number == 3 and isinstance(message, Done):
                break
        assert message.prompt_tokens == len(LONG)
        # Parts of 128 tokens at most, and at least one token of the stream after each.
        assert between >= len(LONG) // 128


def test_that_a_second_turn_computes_only_what_is_new(models):
    first = "<|im_start|>user\nTell<|im_end|>\n<|im_start|>assistant\n"
    with worker("llama") as engine:
        engine.load(models["tiny"])
        said, done = answer(engine, 2, generate(first, special=True, max_tokens=30))
        assert done.cached_tokens == 0
        following = f"{first}{said}<|im_end|>\n<|im_start|>user\nMore<|im_end|>\n"
        _, again = answer(engine, 3, generate(following, special=True, max_tokens=5))
        # The last token of an answer was chosen, not computed.
        assert again.cached_tokens == done.prompt_tokens + 29
        new = "<|im_end|>\n<|im_start|>user\nMore<|im_end|>\n"
        engine.send(protocol.Tokenise(new, special=True), 4)
        (tokens,) = engine.until(protocol.Tokenised, 4)
        assert again.prompt_tokens - again.cached_tokens == len(tokens.tokens) + 1


def test_that_two_conversations_each_find_their_own_beginning(models):
    one, two = "One " * 50, "Two " * 50
    with worker("llama") as engine:
        engine.load(models["tiny"])
        for number, prompt in enumerate([one, two], start=2):
            answer(engine, number, generate(prompt, max_tokens=4))
        for number, prompt in enumerate([one, two], start=4):
            _, done = answer(engine, number, generate(prompt + "more", max_tokens=4))
            assert done.cached_tokens == len(prompt)


@pytest.mark.parametrize("model", ["tiny", "gemma"])
def test_that_an_answer_is_the_same_from_a_beginning_found_again(models, model):
    request = generate("a b c d e f g h" * 30, max_tokens=20)
    with worker("llama") as engine:
        engine.load(models[model], slots=1)
        fresh, first = answer(engine, 2, request)
        again, second = answer(engine, 3, request)
    assert (first.cached_tokens, second.cached_tokens) == (0, first.prompt_tokens - 1)
    assert again == fresh


def test_that_a_given_up_prompt_leaves_a_beginning_that_is_right(models):
    with worker("llama") as engine:
        engine.load(models["slow"], context=4096)
        expected, _ = answer(engine, 2, generate(LONG, max_tokens=5))
    with worker("llama") as engine:
        engine.load(models["slow"], context=4096, slots=1)
        engine.send(generate(LONG, max_tokens=5), 2)
        engine.send(Cancel(), 2)
        assert engine.until(Done, 2)[-1].finish == Finish.CANCELLED
        assert answer(engine, 3, generate(LONG, max_tokens=5))[0] == expected


def test_that_a_probe_between_requests_takes_nothing_from_them(models):
    with worker("llama") as engine:
        engine.load(models["tiny"], slots=2)
        alone, _ = answer(engine, 2, generate("One", max_tokens=200, ignore_end=True))
        engine.send(generate("One", max_tokens=200, ignore_end=True), 3)
        engine.send(protocol.Probe(), 4)
        said = {3: "", 4: None}
        while said[4] is None or not isinstance(said[3], Done):
            number, message = engine.next()
            if isinstance(message, Tokens):
                said[3] += message.text
            elif number == 3:
                text, said[3] = said[3], message
            elif number == 4:
                said[4] = message
        assert text == alone
        assert said[4] == protocol.Computed()


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({"grammar": 'root ::= "yes" | "no"'}, {"yes", "no"}),
        ({"json_schema": json.dumps({"enum": ["red", "blue"]})}, {'"red"', '"blue"'}),
    ],
)
def test_that_an_answer_follows_its_grammar(models, changes, allowed):
    with worker("llama") as engine:
        engine.load(models["tiny"])
        text, done = answer(engine, 2, generate(max_tokens=40, **changes))
    assert text.strip() in allowed
    assert done.finish == Finish.END


def test_that_an_answer_follows_a_schema_of_an_object(models):
    schema = {
        "type": "object",
        "properties": {"n": {"enum": [1, 2]}, "ok": {"type": "boolean"}},
        "required": ["n", "ok"],
        "additionalProperties": False,
    }
    with worker("llama") as engine:
        engine.load(models["tiny"])
        request = generate(max_tokens=200, temperature=1.0, json_schema=json.dumps(schema))
        text, done = answer(engine, 2, request)
    assert done.finish == Finish.END
    assert set(json.loads(text)) == {"n", "ok"}


@pytest.mark.parametrize(
    "changes",
    [
        {"grammar": "root ::= ("},
        {"grammar": "no rules"},
        {"grammar": "root ::= other"},
        {"grammar": "root ::= root"},
        {"grammar": 'root ::= "\0"'},
        {"json_schema": "{"},
        {"json_schema": '{"type": "dog"}'},
        {"json_schema": '{"$ref": "https://example.com/a.json"}'},
        {"logit_bias": [[999_999, 1.0]]},
    ],
)
def test_that_a_form_that_can_not_be_followed_is_refused_and_leaves_the_model_at_work(
    models, changes
):
    with worker("llama") as engine:
        engine.load(models["tiny"])
        engine.send(generate(**changes), 2)
        refused = engine.until(protocol.Refused, 2)[-1]
        assert refused.reason == protocol.Refusal.SAMPLING
        assert refused.detail
        assert answer(engine, 3, generate(max_tokens=2))[1].finish == Finish.LENGTH


def test_that_a_bias_bans_a_token(models):
    with worker("llama") as engine:
        engine.load(models["tiny"])
        plain, _ = answer(engine, 2, generate(max_tokens=1))
        token = next(number for number in range(256, 600) if spelled(engine, number) == plain)
        biased, _ = answer(engine, 3, generate(max_tokens=1, logit_bias=[(token, -1000.0)]))
        assert biased != plain


def spelled(engine: Worker, token: int) -> str:
    engine.send(protocol.Detokenise([token]), 100 + token)
    return engine.until(protocol.Detokenised, 100 + token)[-1].text


def test_that_penalties_keep_an_answer_from_going_round(models):
    with worker("llama") as engine:
        engine.load(models["tiny"])
        text, _ = answer(
            engine, 2, generate(max_tokens=40, presence_penalty=50.0, penalty_last_n=200)
        )
    words = text.split()
    assert len(words) == len(set(words))


def test_that_tokens_and_text_are_each_others(models):
    with worker("llama") as engine:
        engine.load(models["tiny"])
        engine.send(protocol.Tokenise("Hi é<|im_end|>", special=True), 2)
        (tokenised,) = engine.until(protocol.Tokenised, 2)
        engine.send(protocol.Detokenise([*tokenised.tokens, 10**9]), 3)
        assert engine.until(protocol.Detokenised, 3)[-1].text == "Hi é<|im_end|>"


@pytest.mark.parametrize("model", ["tiny", "gemma"])
def test_that_an_answer_is_the_same_while_its_memory_grows(models, model):
    request = generate("a b c d " * 25, max_tokens=200)
    with worker("llama") as engine:
        engine.load(models[model], context=4096)
        growing, done = answer(engine, 2, request)
        assert done.prompt_tokens < FIRST_CELLS < done.prompt_tokens + 200
        _, again = answer(engine, 3, request)
        assert again.cached_tokens == done.prompt_tokens - 1
    with worker("llama") as engine:
        engine.load(models[model], context=4096)
        answer(engine, 2, generate("x y z " * 400, max_tokens=1))
        assert answer(engine, 3, request)[0] == growing


def test_that_a_conversation_survives_that_others_join_it(models):
    prompts = {number: f"Story {number} " * 8 for number in range(2, 6)}
    with worker("llama") as engine:
        engine.load(models["tiny"], slots=1)
        alone = {
            number: answer(engine, number, generate(prompt, max_tokens=60))[0]
            for number, prompt in prompts.items()
        }
    with worker("llama") as engine:
        engine.load(models["tiny"])
        engine.send(generate(prompts[2], max_tokens=60), 2)
        engine.until(Tokens, 2)
        for number in (3, 4, 5):
            engine.send(generate(prompts[number], max_tokens=60), number)
        texts, _ = answers(engine, {2, 3, 4, 5})
        assert all(alone[number].endswith(texts[number]) for number in texts)


def test_that_a_prompt_may_fill_the_context_to_the_last_token_but_one(models):
    with worker("llama") as engine:
        engine.load(models["tiny"], context=2000)
        _, done = answer(engine, 2, generate("x" * 1999, max_tokens=50))
        assert done.prompt_tokens + 1 == 2000
        assert done.finish == Finish.LENGTH
