"""A loaded model answers, stops, survives bad requests and ends with a cause."""

import asyncio
import math
import os
import signal
import struct

import psutil
import pytest

from app.domain.chat_templates import TemplateSource
from app.domain.error_reports import report_of
from app.domain.errors import (
    ContextOverflow,
    InvalidFile,
    NotLoaded,
    RequestError,
    TemplateFailed,
    WorkerCrashed,
    WorkerHung,
)
from app.domain.generation import PROMPT_LIMIT, FinishReason, Sampling, TextPiece
from app.domain.load_settings import LoadSettings, Pooling
from app.domain.models import Capability
from app.providers import llama_engine
from app.providers.llama_engine import Deadlines, grouped
from app.worker import protocol
from tests.providers.engines import answer, chat, completion, engine
from tests.support import models as model_files
from tests.support.models import (
    _VOCABULARY,
    WORDS,
    write_embedding,
    write_gemma,
    write_llama,
    write_qwen2,
    write_sharded,
    write_slow_llama,
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "tiny": write_llama(folder / "tiny.gguf"),
        "base": write_llama(folder / "base.gguf", chat_template=None, turn="<|turn|>"),
        "slow": write_slow_llama(folder / "slow.gguf"),
        "qwen2": write_qwen2(folder / "qwen2.gguf"),
        "gemma": write_gemma(folder / "gemma.gguf"),
        "embedding": write_embedding(folder / "embedding.gguf"),
        "sharded": write_sharded(folder)[0],
    }


def pid_of(loaded):
    return loaded._link._child.pid


async def first_piece(stream):
    piece = await anext(stream)
    assert isinstance(piece, TextPiece)
    return piece


async def rest_of(stream):
    return "".join([update.text async for update in stream if isinstance(update, TextPiece)])


@pytest.mark.parametrize("model", ["tiny", "qwen2", "gemma", "sharded"])
async def test_that_every_family_answers_a_chat(models, model):
    async with engine(models[model]) as loaded:
        await loaded.probe()
        text, stats = await answer(loaded, chat("Hello", max_tokens=20))
        assert WORDS & set(text.replace(".", " ").replace(",", " ").split())
        assert "<|" not in text
        assert stats.finish is FinishReason.LENGTH
        assert stats.output_tokens == 20
        assert stats.prompt_tokens > 10
        assert stats.time_to_first_token > 0
        assert stats.tokens_per_second > 0
        assert loaded.memory() > 1_000_000


async def test_that_requests_side_by_side_each_get_their_own_answer(models):
    async with engine(models["tiny"]) as loaded:
        requests = [completion(f"Story {number}", max_tokens=40) for number in range(4)]
        alone = [await answer(loaded, request) for request in requests]
        together = await asyncio.gather(*(answer(loaded, request) for request in requests))
        assert [text for text, _ in together] == [text for text, _ in alone]
        assert len({text for text, _ in alone}) == 4


async def test_that_a_seed_repeats_an_answer_and_its_absence_does_not(models):
    async with engine(models["tiny"]) as loaded:
        seeded = completion("Once", max_tokens=30, sampling=Sampling(temperature=1.5, seed=5))
        unseeded = completion("Once", max_tokens=30, sampling=Sampling(temperature=1.5))
        texts = [(await answer(loaded, request))[0] for request in (seeded, seeded, unseeded)]
        assert texts[0] == texts[1] != texts[2]


async def test_that_stop_ends_an_answer_and_leaves_nothing_to_the_next(models):
    async with engine(models["slow"]) as loaded:
        expected = await answer(loaded, completion("Two", max_tokens=3))
        stream = loaded.generate(completion("One", max_tokens=2000, ignore_end=True))
        await first_piece(stream)
        await stream.aclose()
        text, stats = await answer(loaded, completion("Two", max_tokens=3))
        assert text == expected[0]
        assert stats.output_tokens == 3


async def test_that_a_cancelled_task_gives_its_request_up(models):
    async with engine(models["slow"]) as loaded:
        waiting = asyncio.ensure_future(answer(loaded, completion("word " * 390)))
        await asyncio.sleep(0)
        assert loaded._link._answers
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not loaded._link._answers
        _, stats = await answer(loaded, completion("Two", max_tokens=2))
        assert stats.output_tokens == 2


async def test_that_a_killed_worker_leaves_the_partial_text_and_its_cause(models):
    async with engine(models["slow"]) as loaded:
        stream = loaded.generate(completion("One", max_tokens=2000, ignore_end=True))
        text = (await first_piece(stream)).text
        os.kill(pid_of(loaded), signal.SIGKILL)
        with pytest.raises(WorkerCrashed, match=r"ended by SIGKILL.*memory") as crashed:
            text += await rest_of(stream)
        assert text.strip()
        assert "llama" in crashed.value.detail
        assert report_of(await loaded.wait_ended()) == report_of(crashed.value)
        assert loaded.memory() is None
        with pytest.raises(WorkerCrashed):
            await loaded.probe()


async def test_that_a_worker_that_stands_still_is_ended_and_named(models):
    async with engine(models["slow"], deadlines=Deadlines(compute=0.4)) as loaded:
        stream = loaded.generate(completion("One", max_tokens=2000, ignore_end=True))
        await first_piece(stream)
        os.kill(pid_of(loaded), signal.SIGSTOP)
        with pytest.raises(WorkerHung, match=r"0\.4 seconds"):
            await rest_of(stream)
        assert isinstance(await loaded.wait_ended(), WorkerHung)


async def test_that_a_stop_sequence_ends_an_answer_and_is_not_shown(models):
    async with engine(models["tiny"]) as loaded:
        whole, _ = await answer(loaded, completion("Once", max_tokens=30))
        words = whole.split(" ")
        stop = f"{words[4][-1]} {words[5][:2]}"
        text, stats = await answer(loaded, completion("Once", max_tokens=30, stop=(stop,)))
        assert stats.finish is FinishReason.STOP_SEQUENCE
        assert text == whole[: whole.index(stop)]


async def test_that_the_models_own_end_ends_an_answer_unless_it_is_ignored(models, tmp_path):
    async with engine(models["tiny"]) as loaded:
        whole, _ = await answer(loaded, completion("Once", max_tokens=30))
    word = next(word for word in whole.split()[3:] if word in WORDS)
    path = tmp_path / "ending.gguf"
    path.write_bytes(with_end_token(models["tiny"].read_bytes(), word))
    async with engine(path) as loaded:
        text, stats = await answer(loaded, completion("Once", max_tokens=30))
        assert stats.finish is FinishReason.END
        assert whole.startswith(text)
        assert len(text) < len(whole)
        _, stats = await answer(loaded, completion("Once", max_tokens=30, ignore_end=True))
        assert (stats.finish, stats.output_tokens) == (FinishReason.LENGTH, 30)


def with_end_token(content: bytes, word: str) -> bytes:
    """The same model with " word" as its end-of-text token."""
    key = b"tokenizer.ggml.eos_token_id"
    value = content.index(key) + len(key) + 4
    token = struct.pack("<I", _VOCABULARY.index(f"Ġ{word}"))
    return content[:value] + token + content[value + 4 :]


async def test_that_a_prompt_without_room_is_refused_with_its_figures(models):
    async with engine(models["tiny"], settings=LoadSettings(context_length=64)) as loaded:
        assert loaded.context_length == 64
        with pytest.raises(ContextOverflow, match=r"99 tokens.*64") as refused:
            await answer(loaded, completion("a" * 99))
        assert refused.value.share == 64 / 99
        _, stats = await answer(loaded, completion("a" * 60, ignore_end=True))
        assert (stats.finish, stats.output_tokens) == (FinishReason.LENGTH, 4)


@pytest.mark.parametrize("request_of", [completion, chat])
async def test_that_a_prompt_that_no_frame_holds_is_refused_before_it_is_sent(models, request_of):
    async with engine(models["tiny"]) as loaded:
        with pytest.raises(ContextOverflow, match="characters"):
            await answer(loaded, request_of("𝄞" * (PROMPT_LIMIT + 1)))
        _, stats = await answer(loaded, completion("Two", max_tokens=1))
        assert stats.output_tokens == 1


def test_that_the_longest_prompt_fits_into_a_frame():
    widest = len(protocol.encode(protocol.Rendered("𝄞" * 1000))) / 1000
    assert PROMPT_LIMIT * widest < protocol.PAYLOAD_LIMIT


async def test_that_special_tokens_in_plain_text_are_text(models):
    async with engine(models["tiny"]) as loaded:
        _, plain = await answer(loaded, completion("<|im_end|>", max_tokens=1))
        _, templated = await answer(loaded, chat("Hi", max_tokens=1))
        assert plain.prompt_tokens == len("<|im_end|>")
        # begin, turn, "user\n", "Hi", end, "\n", turn, "assistant\n", where "an" is one token.
        assert templated.prompt_tokens == 1 + 1 + 5 + 2 + 1 + 1 + 1 + 9


@pytest.mark.parametrize(
    "template", ["{{ messages[0].content }}", "{{ bos_token }}{{ messages[0].content }}"]
)
async def test_that_the_beginning_token_comes_once(monkeypatch, tmp_path, template):
    def writer_that_adds_the_beginning(*arguments, **options):
        writer = plain_writer(*arguments, **options)
        writer.add_add_bos_token(True)
        return writer

    plain_writer = model_files._writer
    monkeypatch.setattr(model_files, "_writer", writer_that_adds_the_beginning)
    async with engine(write_llama(tmp_path / "m.gguf", chat_template=template)) as loaded:
        _, stats = await answer(loaded, chat("Hi", max_tokens=1))
        assert stats.prompt_tokens == 1 + len("Hi")


async def test_that_a_base_model_gets_the_conversation_as_a_script(models):
    async with engine(models["base"]) as loaded:
        assert loaded.template.source is TemplateSource.SCRIPT
        as_chat = await answer(loaded, chat("Hi", "Yes?", "Go", max_tokens=8))
        script = "User: Hi\nAssistant: Yes?\nUser: Go\nAssistant:"
        as_text = await answer(loaded, completion(script, max_tokens=8))
        assert as_chat[0] == as_text[0]
        assert as_chat[1].prompt_tokens == as_text[1].prompt_tokens


async def test_that_a_template_that_refuses_leaves_the_model_at_work(tmp_path):
    path = write_llama(tmp_path / "m.gguf", chat_template="{{ raise_exception('only poems') }}")
    async with engine(path) as loaded:
        with pytest.raises(TemplateFailed) as refused:
            await answer(loaded, chat("Hi"))
        assert "only poems" in refused.value.detail
        assert (await answer(loaded, completion("Hi", max_tokens=1)))[1].output_tokens == 1


async def test_that_an_embedding_model_computes_and_refuses_to_write(models):
    async with engine(models["embedding"], Capability.EMBEDDING) as loaded:
        await loaded.probe()
        with pytest.raises(RequestError, match="embeddings"):
            await answer(loaded, completion("Hi"))


async def test_that_vectors_have_length_one_and_tell_texts_apart(models):
    async with engine(models["embedding"], Capability.EMBEDDING) as loaded:
        one, other, again = await loaded.embed(["Hello there", "Mountains", "Hello there"])
        assert one == again != other
        assert len(one) == 64
        assert math.isclose(math.hypot(*one), 1, rel_tol=1e-6)
        with pytest.raises(ContextOverflow):
            await loaded.embed(["a" * 5000])
        with pytest.raises(RequestError, match="nothing"):
            await loaded.embed([""])


@pytest.mark.parametrize("pooling", list(Pooling))
async def test_that_pooling_can_be_chosen(models, pooling):
    settings = LoadSettings(threads=1, pooling=pooling)
    async with engine(models["embedding"], Capability.EMBEDDING, settings=settings) as loaded:
        (chosen,) = await loaded.embed(["Hello there"])
    async with engine(models["embedding"], Capability.EMBEDDING) as loaded:
        (own,) = await loaded.embed(["Hello there"])
    assert (chosen == own) == (pooling is Pooling.MEAN)


@pytest.mark.parametrize(
    ("lengths", "groups"),
    [
        ([], []),
        ([3, 3, 3, 3], [2, 2]),
        ([9, 1, 1], [1, 2]),
        ([1, 9, 1], [1, 1, 1]),
        ([7], [1]),
        ([0, 7, 0], [3]),
    ],
)
def test_that_texts_are_grouped_in_order(lengths, groups):
    texts = ["x" * length for length in lengths]
    made = list(grouped(texts, 7))
    assert [len(group) for group in made] == groups
    assert [text for group in made for text in group] == texts


async def test_that_other_requests_come_between_the_groups_of_many_texts(models, monkeypatch):
    monkeypatch.setattr(llama_engine, "EMBEDDED_TOGETHER", 40)
    texts = [f"the {number} of many texts" for number in range(40)]
    async with engine(models["embedding"], Capability.EMBEDDING) as loaded:
        alone = [(await loaded.embed([text]))[0] for text in texts[:3]]
        many = asyncio.create_task(loaded.embed(texts))
        await asyncio.sleep(0)
        await loaded.embed(["one more"])
        assert not many.done()
        vectors = await many
    assert len(vectors) == len(texts)
    assert vectors[:3] == [pytest.approx(vector, abs=1e-5) for vector in alone]


async def test_that_a_model_that_writes_makes_no_vectors(models):
    async with engine(models["tiny"]) as loaded:
        with pytest.raises(RequestError, match="embeddings"):
            await loaded.embed(["Hi"])


async def test_that_tokens_become_the_text_they_came_from(models):
    async with engine(models["tiny"]) as loaded:
        assert await loaded.detokenise(await loaded.tokenise("Hi é<|im_end|>")) == "Hi é<|im_end|>"


async def test_that_the_next_turn_computes_only_what_is_new(models):
    async with engine(models["tiny"]) as loaded:
        text, first = await answer(loaded, chat("Tell me", max_tokens=30))
        _, second = await answer(loaded, chat("Tell me", text, "More", max_tokens=5))
        assert first.cached_tokens == 0
        assert second.cached_tokens == first.prompt_tokens + 29
        assert second.threads == loaded.threads == 1


async def test_that_a_grammar_that_is_none_is_a_typed_error(models):
    async with engine(models["tiny"]) as loaded:
        sampling = Sampling(temperature=0, grammar="root ::= (")
        with pytest.raises(RequestError, match="form that was asked for"):
            await answer(loaded, completion("Once", sampling=sampling))


async def test_that_a_load_can_fix_the_seed(models):
    settings = LoadSettings(threads=1, seed=7)
    async with engine(models["tiny"], settings=settings) as loaded:
        request = completion("Once", max_tokens=30, sampling=Sampling(temperature=1.5))
        texts = {(await answer(loaded, request))[0] for _ in range(2)}
        assert len(texts) == 1


async def test_that_a_model_of_broken_numbers_does_not_pass_its_probe(models, tmp_path):
    content = models["tiny"].read_bytes()
    path = tmp_path / "broken.gguf"
    path.write_bytes(content[: len(content) // 2] + b"\xff" * (len(content) // 2))
    async with engine(path) as loaded:
        with pytest.raises(InvalidFile, match="doesn't compute"):
            await loaded.probe()


async def test_that_closing_reaps_the_process_and_may_be_done_twice(models):
    async with engine(models["slow"]) as loaded:
        stream = loaded.generate(completion("One", max_tokens=2000, ignore_end=True))
        await first_piece(stream)
        ended = asyncio.ensure_future(loaded.wait_ended())
        await asyncio.gather(loaded.close(), loaded.close())
        assert not psutil.pid_exists(pid_of(loaded))
        assert await ended is None
        await loaded.close()
        with pytest.raises(NotLoaded, match="ejected"):
            await rest_of(stream)


async def test_that_a_worker_that_will_not_end_is_killed(models):
    async with engine(models["tiny"], deadlines=Deadlines(exit=0.2)) as loaded:
        os.kill(pid_of(loaded), signal.SIGSTOP)
        await loaded.close()
        assert not psutil.pid_exists(pid_of(loaded))
        assert await loaded.wait_ended() is None


async def test_that_a_worker_that_fails_inside_is_a_crash(models):
    async with engine(models["tiny"]) as loaded:
        with loaded._link.ask(protocol.Progress(1)) as answers, pytest.raises(WorkerCrashed):
            await loaded._next(answers, 10)


async def test_that_an_engine_answers_on_the_windows_loop(models, qapp):
    async with engine(models["tiny"]) as loaded:
        text, stats = await answer(loaded, chat("Hello", max_tokens=30))
        assert text
        assert stats.output_tokens == 30
