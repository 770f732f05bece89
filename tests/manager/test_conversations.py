import asyncio

import pytest

from app.domain.conversations import MessageState
from app.domain.errors import ContextOverflow, DoesNotFit, NotLoaded, RequestError, WorkerCrashed
from app.domain.generation import FinishReason, Role
from app.domain.instances import InstanceState
from tests.support.fakes import eventually, fake_ports, spec

LLAMA, QWEN = spec("llama"), spec("qwen")


async def ask(manager, conversation, text="Hello there", **options) -> str:
    async with manager.conversations.send(conversation.id, text, **options) as stream:
        return "".join([piece.text async for piece in stream])


async def test_that_an_answer_streams_and_is_kept_with_its_author_and_figures() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        conversation = manager.conversations.create()
        text = await ask(manager, conversation)
        prompt, answer = await manager.conversations.messages(conversation.id)
        assert prompt.role is Role.USER
        assert answer.text == text
        assert answer.state is MessageState.COMPLETE
        assert answer.model_name == "llama"
        assert answer.stats.output_tokens == 20
        assert answer.stats.tokens_per_second > 0
        assert manager.models.metrics(LLAMA.id).requests == 1
        assert manager.models.instance(LLAMA.id).leases == ()
    async with ports.manager() as manager:
        (kept,) = manager.conversations.all()
        assert kept.title == "Hello there"
        assert len(await manager.conversations.messages(kept.id)) == 2


async def test_that_the_prompt_is_kept_before_the_model_is_asked() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        conversation = manager.conversations.create()
        with pytest.raises(NotLoaded):
            await ask(manager, conversation)
        assert ports.store.log[0] == "user complete"
        prompt, answer = await manager.conversations.messages(conversation.id)
        assert prompt.text == "Hello there"
        assert answer.state is MessageState.FAILED
        assert answer.error.what == "No model is active."


async def test_that_leaving_early_stops_the_model_and_keeps_the_partial_answer() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        conversation = manager.conversations.create()
        async with manager.conversations.send(conversation.id, "Hi") as stream:
            async for _ in stream:
                break
        _, answer = await manager.conversations.messages(conversation.id)
        assert answer.state is MessageState.STOPPED
        assert answer.text == "llama0 "
        assert answer.stats.finish is FinishReason.CANCELLED
        assert ports.provider.engines[LLAMA.id].stopped == 1
        assert manager.models.metrics(LLAMA.id).failures == 0
        assert manager.models.instance(LLAMA.id).leases == ()


async def test_that_cancelling_the_task_stops_the_model_and_keeps_the_partial_answer() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        engine = ports.provider.engines[LLAMA.id]
        engine.go.clear()
        conversation = manager.conversations.create()
        asking = asyncio.ensure_future(ask(manager, conversation))
        await eventually(lambda: engine.requests)
        await asyncio.sleep(0.01)
        _, during = await manager.conversations.messages(conversation.id)
        assert (during.state, during.text) == (MessageState.STREAMING, "llama0 ")
        asking.cancel()
        await asyncio.wait([asking])
        _, answer = await manager.conversations.messages(conversation.id)
        assert (answer.state, answer.text) == (MessageState.STOPPED, "llama0 ")
        assert engine.stopped == 1


async def test_that_a_crash_keeps_the_text_names_the_cause_and_retry_answers_again() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        engine = ports.provider.engines[LLAMA.id]
        engine.go.clear()
        conversation = manager.conversations.create()
        asking = asyncio.ensure_future(ask(manager, conversation))
        await eventually(lambda: engine.requests)
        await asyncio.sleep(0.01)
        engine.crash()
        with pytest.raises(WorkerCrashed):
            await asking
        _, answer = await manager.conversations.messages(conversation.id)
        assert (answer.state, answer.text) == (MessageState.FAILED, "llama0 ")
        assert answer.error.what == "llama was ended by SIGKILL."
        assert manager.models.metrics(LLAMA.id).failures == 1
        assert manager.models.instance(LLAMA.id).state is InstanceState.CRASHED
        async with manager.conversations.retry(conversation.id) as stream:
            pieces = [piece async for piece in stream]
        messages = await manager.conversations.messages(conversation.id)
        assert len(pieces) == 20
        assert [message.state for message in messages] == [MessageState.COMPLETE] * 2


async def again(manager, conversation):
    """Retry, and read the whole answer."""
    async with manager.conversations.retry(conversation.id) as stream:
        return "".join([piece.text async for piece in stream])


async def crashed(ports, manager, model, *, then=None):
    """A conversation whose answer was begun by a model that has crashed since."""
    await manager.models.switch(model.id)
    engine = ports.provider.engines[model.id]
    engine.go.clear()
    conversation = manager.conversations.create()
    asking = asyncio.ensure_future(ask(manager, conversation))
    await eventually(lambda: engine.requests)
    await asyncio.sleep(0.01)
    if then is not None:
        await manager.models.switch(then.id)
    engine.crash()
    with pytest.raises(WorkerCrashed):
        await asking
    return conversation


async def test_that_retry_asks_the_model_that_began_the_answer() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        conversation = await crashed(ports, manager, LLAMA, then=QWEN)
        assert (await again(manager, conversation)).startswith("llama0 llama1")
        assert manager.models.active() == QWEN.id
        conversation = await crashed(ports, manager, QWEN, then=LLAMA)
        async with manager.conversations.retry(conversation.id, to="active") as stream:
            text = "".join([piece.text async for piece in stream])
        assert text.startswith("llama0")
        assert stream.answer.model_name == "llama"


async def test_that_a_partial_answer_stays_until_the_new_one_begins() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        conversation = await crashed(ports, manager, LLAMA)
        _, former = await manager.conversations.messages(conversation.id)
        await manager.models.load(LLAMA.id)
        engine = ports.provider.engines[LLAMA.id]

        async def crash(request):
            engine.crash()
            raise WorkerCrashed("It crashed again.", "Try it again.")
            yield

        engine.generate = crash
        with pytest.raises(WorkerCrashed):
            await again(manager, conversation)
        _, kept = await manager.conversations.messages(conversation.id)
        assert (kept.id, kept.text, kept.state) == (former.id, former.text, MessageState.FAILED)
        assert kept.error.what == "It crashed again."
        async with manager.conversations.retry(conversation.id):
            assert former.id in ports.store.kept_messages
        _, kept = await manager.conversations.messages(conversation.id)
        assert kept.id == former.id
        async with manager.conversations.retry(conversation.id) as stream:
            await anext(aiter(stream))
            assert former.id not in ports.store.kept_messages


async def test_that_a_refused_request_counts_for_nothing_in_the_averages() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)

        async def refuse(request):
            raise ContextOverflow("Too long.", "Shorten it.")
            yield

        ports.provider.engines[LLAMA.id].generate = refuse
        conversation = manager.conversations.create()
        with pytest.raises(ContextOverflow):
            await ask(manager, conversation)
        metrics = manager.models.metrics(LLAMA.id)
        assert (metrics.requests, metrics.failures) == (0, 0)


async def test_that_the_next_prompt_goes_to_the_new_model_while_the_old_answer_runs_on() -> None:
    ports = fake_ports()
    ports.offer(LLAMA, QWEN)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        engine = ports.provider.engines[LLAMA.id]
        engine.go.clear()
        conversation = manager.conversations.create()
        first = asyncio.ensure_future(ask(manager, conversation))
        await eventually(lambda: engine.requests)
        await manager.models.switch(QWEN.id)
        other = manager.conversations.create()
        assert (await ask(manager, other)).startswith("qwen0 ")
        engine.go.set()
        assert (await first).endswith("llama19 ")


async def test_that_the_model_sees_the_turns_without_failed_answers() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        conversation = manager.conversations.create()
        with pytest.raises(NotLoaded):
            await ask(manager, conversation, "one")
        await manager.models.load(LLAMA.id)
        await ask(manager, conversation, "two")
        await ask(manager, conversation, "three")
        asked = ports.provider.engines[LLAMA.id].requests[-1].messages
        assert [turn.role for turn in asked] == [Role.USER, Role.ASSISTANT, Role.USER]
        assert asked[0].text == "one\n\ntwo"


async def test_that_an_empty_prompt_and_a_second_answer_at_once_are_refused() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        conversation = manager.conversations.create()
        with pytest.raises(RequestError, match="empty"):
            await ask(manager, conversation, "  \n")
        assert ports.store.kept_conversations == {}
        engine = ports.provider.engines[LLAMA.id]
        engine.go.clear()
        first = asyncio.ensure_future(ask(manager, conversation))
        await eventually(lambda: engine.requests)
        with pytest.raises(RequestError, match="still being written"):
            await ask(manager, conversation, "again")
        engine.go.set()
        await first
        assert len(await manager.conversations.messages(conversation.id)) == 2


async def test_that_an_answer_cut_off_by_the_end_of_the_app_is_shown_as_stopped() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        conversation = manager.conversations.create()
        await ask(manager, conversation)
    for key, message in ports.store.kept_messages.items():
        ports.store.kept_messages[key] = message.model_copy(
            update={"state": MessageState.STREAMING}
        )
    async with ports.manager() as manager:
        messages = await manager.conversations.messages(conversation.id)
        assert messages[-1].state is MessageState.STOPPED


async def test_that_conversations_are_renamed_and_deleted() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        conversation = manager.conversations.create()
        await ask(manager, conversation)
        await manager.conversations.rename(conversation.id, " Trip plan ")
        assert manager.conversations.get(conversation.id).title == "Trip plan"
        with pytest.raises(RequestError):
            await manager.conversations.rename(conversation.id, " ")
        await manager.conversations.delete(conversation.id)
        assert manager.conversations.all() == ()
        assert ports.store.kept_messages == {}
        with pytest.raises(RequestError, match="deleted"):
            await ask(manager, conversation)


async def test_that_deleting_a_conversation_under_way_does_not_bring_it_back() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        engine = ports.provider.engines[LLAMA.id]
        engine.go.clear()
        conversation = manager.conversations.create()
        asking = asyncio.ensure_future(ask(manager, conversation))
        await eventually(lambda: engine.requests)
        await manager.conversations.delete(conversation.id)
        engine.go.set()
        await asking
        assert ports.store.kept_messages == {}


async def test_that_a_retry_whose_load_fails_keeps_the_partial_text_and_says_why() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        engine = ports.provider.engines[LLAMA.id]
        engine.go.clear()
        conversation = manager.conversations.create()
        asking = asyncio.ensure_future(ask(manager, conversation))
        await eventually(lambda: engine.requests)
        await asyncio.sleep(0.01)
        engine.crash()
        await asyncio.wait([asking])
        asking.exception()
        ports.provider.failures[LLAMA.id] = DoesNotFit("No room.", "Eject another model.")
        with pytest.raises(DoesNotFit):
            async with manager.conversations.retry(conversation.id):
                pass
        _, answer = await manager.conversations.messages(conversation.id)
        assert (answer.text, answer.state) == ("llama0 ", MessageState.FAILED)
        assert answer.error.what == "No room."
        assert manager.models.metrics(LLAMA.id).requests == 1


async def test_that_a_prompt_on_its_way_to_the_disk_is_kept_when_its_sender_is_cancelled() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    saving, go = asyncio.Event(), asyncio.Event()
    save = ports.store.save_messages

    async def slowly(messages) -> None:
        saving.set()
        await go.wait()
        await save(messages)

    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        conversation = manager.conversations.create()
        ports.store.save_messages = slowly
        stream = manager.conversations.send(conversation.id, "Hello")
        sending = asyncio.ensure_future(stream.__aenter__())
        await saving.wait()
        sending.cancel()
        await asyncio.wait([sending])
        assert stream.prompt.text == "Hello"
        go.set()
        await eventually(lambda: ports.store.kept_messages)
        assert [m.text for m in await manager.conversations.messages(conversation.id)] == ["Hello"]


async def test_that_a_second_cancel_while_the_answer_is_kept_loses_nothing() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        engine = ports.provider.engines[LLAMA.id]
        engine.go.clear()
        conversation = manager.conversations.create()
        asking = asyncio.ensure_future(ask(manager, conversation))
        await eventually(lambda: engine.requests)
        await asyncio.sleep(0.01)
        save, go = ports.store.save_messages, asyncio.Event()

        async def slowly(messages) -> None:
            await go.wait()
            await save(messages)

        ports.store.save_messages = slowly
        asking.cancel()
        await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.wait([asking])
        go.set()
        await eventually(lambda: manager.models.metrics(LLAMA.id).requests)
        _, answer = await manager.conversations.messages(conversation.id)
        assert (answer.state, answer.text) == (MessageState.STOPPED, "llama0 ")
        assert manager.models.instance(LLAMA.id).leases == ()


async def test_that_a_turn_is_taken_back_to_be_worded_otherwise() -> None:
    ports = fake_ports()
    ports.offer(LLAMA)
    async with ports.manager() as manager:
        await manager.models.load(LLAMA.id)
        conversation = manager.conversations.create()
        await ask(manager, conversation, "first")
        await ask(manager, conversation, "second")
        assert await manager.conversations.take_back(conversation.id) == "second"
        messages = await manager.conversations.messages(conversation.id)
        assert messages[0].text == "first"
        assert len(messages) == 2
        await manager.conversations.take_back(conversation.id)
        with pytest.raises(RequestError, match="no prompt"):
            await manager.conversations.take_back(conversation.id)
