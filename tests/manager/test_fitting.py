"""Conversations that don't fit, and their reasoning, from the prompt to what is kept."""

import asyncio
from contextlib import aclosing, asynccontextmanager

import pytest

from app.domain.chat_templates import Thinking
from app.domain.conversations import MessageState
from app.domain.errors import ContextOverflow, HistoryOverflow
from app.domain.generation import PROMPT_LIMIT, GenerationEnd
from app.domain.load_settings import LoadSettings
from app.manager.fitting import generate_fitting
from tests.providers.engines import chat, engine
from tests.support.fakes import FakeEngine, eventually, fake_ports, spec
from tests.support.models import write_llama

LLAMA = spec("llama")


def narrow(engine: FakeEngine, room: int) -> list[int]:
    """Have an engine with a token a character refuse longer prompts; the lengths it is asked."""
    answer, asked = engine.generate, []
    engine.context_length = room

    async def generate(request):
        asked.append(request.length)
        if request.length > room:
            raise ContextOverflow(
                f"It has {request.length} tokens.", "Shorten it.", share=room / request.length
            )
        async for update in answer(request):
            if isinstance(update, GenerationEnd):
                stats = update.stats.model_copy(update={"prompt_tokens": request.length})
                yield GenerationEnd(stats=stats)
            else:
                yield update

    engine.generate = generate
    return asked


@asynccontextmanager
async def talking(words: int = 3):
    ports = fake_ports()
    ports.offer(LLAMA)
    ports.provider.words = words
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        yield ports, manager, ports.provider.engines[LLAMA.id], manager.conversations.create()


async def ask(manager, conversation, text):
    async with manager.conversations.send(conversation.id, text) as stream:
        assert [piece async for piece in stream]
    return stream.answer


async def test_that_a_conversation_that_does_not_fit_is_refused_until_it_may_be_cut():
    async with talking() as (ports, manager, engine, conversation):
        for number in range(4):
            await ask(manager, conversation, f"{number} " + "x" * 98)
        asked = narrow(engine, 470)
        with pytest.raises(HistoryOverflow, match="oldest turns"):
            await ask(manager, conversation, "y" * 100)
        assert asked == [100 * 5 + len("llama0 llama1 llama2 ") * 4]
        await manager.conversations.set_dropping(conversation.id, drops=True)
        async with manager.conversations.retry(conversation.id) as stream:
            assert [piece async for piece in stream]
        assert stream.answer.left_out == 4
        assert stream.answer.state is MessageState.COMPLETE
        shown = engine.requests[-1].messages
        assert [turn.text[:2] for turn in shown] == ["2 ", "ll", "3 ", "ll", "yy"]
        *_, kept = await manager.conversations.messages(conversation.id)
        assert kept.left_out == 4
    async with ports.manager() as manager:
        assert manager.conversations.get(conversation.id).drops_oldest


async def test_that_the_choice_holds_and_can_be_undone():
    async with talking() as (_, manager, engine, conversation):
        await manager.conversations.set_dropping(conversation.id, drops=True)
        asked = narrow(engine, 450)
        answers = [await ask(manager, conversation, "x" * 100) for _ in range(6)]
        left_out = [answer.left_out for answer in answers]
        assert left_out == sorted(left_out)
        assert left_out[0] == 0 < left_out[-1]
        # Most prompts are rendered once: what was left out stays out for a while.
        assert len(asked) <= len(answers) + 2
        await manager.conversations.set_dropping(conversation.id, drops=False)
        with pytest.raises(HistoryOverflow):
            await ask(manager, conversation, "x" * 100)


async def test_that_a_longer_context_brings_the_oldest_turns_back():
    async with talking() as (_, manager, engine, conversation):
        await manager.conversations.set_dropping(conversation.id, drops=True)
        narrow(engine, 250)
        for _ in range(3):
            last = await ask(manager, conversation, "x" * 100)
        assert last.left_out
        del engine.generate
        engine.context_length = 100_000
        assert (await ask(manager, conversation, "x")).left_out == 0


async def test_that_a_prompt_that_is_too_long_alone_stays_refused():
    async with talking() as (_, manager, engine, conversation):
        await ask(manager, conversation, "x")
        narrow(engine, 100)
        for drops in (False, True):
            await manager.conversations.set_dropping(conversation.id, drops=drops)
            with pytest.raises(ContextOverflow) as refused:
                await ask(manager, conversation, "y" * 200)
            assert not isinstance(refused.value, HistoryOverflow)
            await manager.conversations.take_back(conversation.id)


async def test_that_an_endless_prompt_is_refused_before_it_is_kept_or_asked():
    async with talking() as (ports, manager, engine, conversation):
        with pytest.raises(ContextOverflow, match="characters"):
            await ask(manager, conversation, "x" * (PROMPT_LIMIT + 1))
        assert ports.store.kept_messages == {}
        assert engine.requests == []


async def test_that_reasoning_is_kept_apart_with_its_time():
    async with talking(words=5) as (ports, manager, engine, conversation):
        engine.thoughts = 3
        answer = await ask(manager, conversation, "Hi")
        assert answer.reasoning == "llama0 llama1 llama2 "
        assert answer.text == "llama3 llama4 "
        assert answer.reasoning_seconds >= 0
        assert answer.stats.output_tokens == 5
        assert list(ports.store.kept_messages.values())[-1] == answer
        await ask(manager, conversation, "And?")
        assert engine.requests[-1].messages[1].text == "llama3 llama4 "


async def test_that_an_answer_stopped_while_it_reasons_keeps_its_reasoning():
    async with talking(words=5) as (_, manager, engine, conversation):
        engine.thoughts = 5
        engine.go.clear()
        asking = asyncio.ensure_future(ask(manager, conversation, "Hi"))
        await eventually(lambda: engine.requests)
        await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.wait([asking])
        _, answer = await manager.conversations.messages(conversation.id)
        assert (answer.state, answer.reasoning) == (MessageState.STOPPED, "llama0 ")


async def test_that_a_choice_before_the_first_prompt_is_kept_with_it():
    async with talking() as (ports, manager, engine, conversation):
        await manager.conversations.set_thinking(conversation.id, Thinking.OFF)
        assert ports.store.kept_conversations == {}
        await ask(manager, conversation, "Hi")
        assert engine.requests[-1].thinking is Thinking.OFF
        assert ports.store.kept_conversations[conversation.id].thinking is Thinking.OFF


async def test_that_a_real_model_answers_once_enough_turns_are_left_out(tmp_path):
    settings = LoadSettings(threads=1, context_length=256)
    async with engine(write_llama(tmp_path / "m.gguf"), settings=settings) as loaded:
        request = chat(*["x" * 20] * 21, max_tokens=4)
        cuts: list[int] = []
        async with aclosing(generate_fitting(loaded, request, 0, cuts.append)) as updates:
            *_, end = [update async for update in updates]
        assert end.stats.output_tokens == 4
        assert end.stats.prompt_tokens < 256
        assert cuts == [16]
        with pytest.raises(HistoryOverflow):
            async with aclosing(generate_fitting(loaded, request, 0, None)) as updates:
                await anext(updates)
