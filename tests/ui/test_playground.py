"""The Playground's view-model: conversations, answers, and where prompts go."""

import asyncio

from app.domain.conversations import MessageState
from app.domain.error_reports import ErrorReport
from app.domain.errors import InvalidFile
from app.domain.models import Capability, CapabilityFact, ModelStatus
from app.ui.viewmodels.target import Target, choices
from tests.support.fakes import eventually, spec
from tests.ui.rig import ALPHA, BETA, rig

EMBEDDING = spec(
    "embed",
    capabilities=(CapabilityFact(capability=Capability.EMBEDDING, value=True, source="pooling"),),
)


async def test_that_an_answer_streams_and_keeps_its_figures(qapp) -> None:
    async with rig(ALPHA) as r:
        await r.load(ALPHA)
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        chat = playground.current
        pieces: list[str] = []
        chat.grew.connect(pieces.append)
        assert playground.send("Hello")
        assert playground.answering
        await eventually(lambda: not playground.answering)
        answer = chat.messages[-1]
        assert "".join(pieces) == answer.text
        assert answer.text.startswith("alpha0 alpha1")
        assert answer.model_name == "alpha"
        assert answer.stats is not None
        assert answer.stats.output_tokens == 20
        assert chat.messages == await r.manager.conversations.messages(chat.id)


async def test_that_a_second_prompt_waits_for_the_answer_under_way(qapp) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        assert playground.send("One")
        assert not playground.send("Two")
        assert not playground.can_send("Two")
        engine.go.set()
        await eventually(lambda: not playground.answering)
        assert playground.can_send("Two")


async def test_that_stop_ends_the_model_and_keeps_the_text(qapp) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        playground.send("Hello")
        await eventually(lambda: playground.current.partial)
        playground.stop()
        await eventually(lambda: not playground.answering)
        assert engine.stopped == 1
        assert playground.current.messages[-1].state is MessageState.STOPPED
        assert playground.current.messages[-1].text == "alpha0 "
        assert playground.current.failed is None


async def test_that_a_crash_keeps_the_partial_text_and_retry_replaces_it(qapp) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        toasts: list[ErrorReport] = []
        r.intents.failed.connect(toasts.append)
        playground.send("Hello")
        await eventually(lambda: playground.current.partial)
        engine.crash()
        await eventually(lambda: playground.current.failed)
        failed = playground.current.failed
        assert failed.text == "alpha0 "
        assert failed.error is not None
        assert "SIGKILL" in failed.error.what
        assert toasts == []
        assert playground.retry()
        await eventually(lambda: not playground.answering)
        assert [m.state for m in playground.current.messages] == [MessageState.COMPLETE] * 2


async def test_that_a_model_that_cannot_load_fails_in_the_conversation(qapp) -> None:
    async with rig(ALPHA) as r:
        await r.manager.models.assign_alias("active", ALPHA.id)
        r.ports.provider.failures[ALPHA.id] = InvalidFile("It is broken.", "Download it again.")
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        assert playground.target.note == "loads with the next prompt"
        playground.send("Hello")
        await eventually(lambda: playground.current.failed)
        assert playground.current.failed.error.what == "It is broken."


async def test_that_waiting_names_the_model_and_its_progress(qapp) -> None:
    async with rig(ALPHA) as r:
        await r.manager.models.assign_alias("active", ALPHA.id)
        r.ports.provider.go.clear()
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        playground.send("Hello")
        await eventually(lambda: (w := playground.current.waiting()) and w.progress == 0.25)
        assert playground.current.waiting().text == "Loading alpha, 25 %"
        r.ports.provider.go.set()
        await eventually(lambda: not playground.answering)
        assert playground.current.waiting() is None


async def test_that_two_conversations_answer_at_once_on_their_own_models(qapp) -> None:
    async with rig(ALPHA, BETA) as r:
        first_engine = await r.load(ALPHA)
        first_engine.go.clear()
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        first = playground.current
        playground.send("First")
        await eventually(lambda: first.partial)
        playground.switch(BETA.id)
        await eventually(lambda: playground.target.name == "beta")
        playground.start_new()
        await eventually(lambda: playground.current is not first)
        second = playground.current
        playground.send("Second")
        await eventually(lambda: not playground.answering and second.messages)
        assert second.messages[-1].model_name == "beta"
        assert first.live is not None
        first_engine.go.set()
        await eventually(lambda: first.live is None)
        assert first.messages[-1].model_name == "alpha"
        assert first.messages[-1].text.endswith("alpha19 ")


async def test_that_an_empty_conversation_is_taken_again(qapp) -> None:
    async with rig(ALPHA) as r:
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        chat = playground.current
        await eventually(lambda: not r.intents.running(f"open:{chat.id}"))
        playground.start_new()
        assert playground.current is chat
        assert playground.conversations.rowCount() == 1


async def test_that_rename_and_delete_reach_the_manager(qapp) -> None:
    async with rig(ALPHA) as r:
        await r.load(ALPHA)
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        chat = playground.current
        playground.send("Hello")
        await eventually(lambda: not playground.answering)
        table = playground.conversations
        assert table.setData(table.index(0), "  Greetings ")
        await eventually(lambda: playground.title() == "Greetings")
        assert not table.setData(table.index(0), "   ")
        playground.delete(chat.id)
        await eventually(lambda: playground.current is not None and playground.current is not chat)
        assert chat.id not in r.ports.store.kept_conversations


async def test_that_deleting_while_an_answer_streams_leaves_nothing(qapp) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        chat = playground.current
        playground.send("Hello")
        await eventually(lambda: chat.partial)
        playground.delete(chat.id)
        await eventually(lambda: not chat.answering and playground.current is not chat)
        assert r.ports.store.kept_messages == {}


async def test_that_a_refused_prompt_goes_back_to_the_draft(qapp) -> None:
    async with rig(ALPHA) as r:
        await r.load(ALPHA)
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        chat = playground.current
        await r.manager.conversations.delete(chat.id)
        failures: list[ErrorReport] = []
        r.intents.failed.connect(failures.append)
        playground.send("Hello")
        await eventually(lambda: failures)
        assert failures[0].what == "This conversation was deleted."
        assert chat.draft == "Hello"
        assert chat.messages == ()


async def test_that_conversations_are_back_after_a_restart(qapp) -> None:
    async with rig(ALPHA) as r:
        await r.load(ALPHA)
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        playground.send("Remember me")
        await eventually(lambda: not playground.answering)
    async with rig(ports=r.ports) as again:
        playground = again.playground()
        playground.show()
        await eventually(lambda: playground.current and len(playground.current.messages) == 2)
        assert playground.title() == "Remember me"


def held(store, name: str) -> asyncio.Event:
    """Let a method of the store wait for the event that is returned; `called` tells of the call."""
    go, call = asyncio.Event(), getattr(store, name)
    go.called = asyncio.Event()

    async def wait(*arguments):
        go.called.set()
        await go.wait()
        return await call(*arguments)

    setattr(store, name, wait)
    return go


async def test_that_a_prompt_stopped_while_it_is_kept_stays_in_view(qapp) -> None:
    async with rig(ALPHA) as r:
        await r.load(ALPHA)
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        chat = playground.current
        go = held(r.ports.store, "save_messages")
        playground.send("Hello")
        await go.called.wait()
        playground.stop()
        await eventually(lambda: not playground.answering)
        assert [message.text for message in chat.messages] == ["Hello"]
        assert chat.draft == ""
        go.set()
        await eventually(lambda: r.ports.store.kept_messages)
        assert chat.messages == await r.manager.conversations.messages(chat.id)


async def test_that_a_prompt_stopped_before_it_is_kept_goes_back_to_the_draft(qapp) -> None:
    async with rig(ALPHA) as r:
        await r.load(ALPHA)
        playground = r.playground()
        playground.show()
        chat = playground.current
        await eventually(lambda: not r.intents.running(f"open:{chat.id}"))
        go = held(r.ports.store, "messages")
        playground.send("Hello")
        await go.called.wait()
        chat.draft = "and this"
        playground.stop()
        await eventually(lambda: not playground.answering)
        assert chat.messages == ()
        assert chat.draft == "Hello\nand this"
        assert not r.ports.store.kept_messages


async def test_that_a_prompt_sent_while_the_history_is_read_follows_it(qapp) -> None:
    async with rig(ALPHA) as r:
        await r.load(ALPHA)
        playground = r.playground()
        playground.show()
        await eventually(lambda: playground.current)
        playground.send("First")
        await eventually(lambda: not playground.answering)
    go = held(r.ports.store, "messages")
    async with rig(ports=r.ports) as again:
        await again.load(ALPHA)
        playground = again.playground()
        playground.show()
        await go.called.wait()
        chat = playground.current
        playground.send("Second")
        await asyncio.sleep(0.02)
        assert [message.text for message in chat.messages] == ["Second"]
        go.set()
        await eventually(lambda: not playground.answering)
        prompts = [message.text for message in chat.messages[::2]]
        assert prompts == ["First", "Second"]
        assert chat.messages == await again.manager.conversations.messages(chat.id)


def test_that_a_target_says_why_it_cannot_answer() -> None:
    assert Target().problem == "No model is loaded."
    assert Target(EMBEDDING).problem == "embed can't chat: it makes embeddings only."
    missing = ALPHA.model_copy(update={"status": ModelStatus.MISSING})
    assert Target(missing).problem == "The file of alpha isn't there."
    assert Target(ALPHA).problem == ""


def test_that_only_models_that_can_answer_are_offered() -> None:
    broken = spec("broken", status=ModelStatus.INVALID)
    assert choices((ALPHA, EMBEDDING, broken), ()) == ((), (ALPHA,))
    gone = spec("gone", status=ModelStatus.MISSING)
    assert choices((ALPHA, gone), (gone, EMBEDDING)) == ((gone,), (ALPHA,))


async def test_that_a_loaded_model_is_a_target_without_its_file(qapp) -> None:
    missing = ALPHA.model_copy(update={"status": ModelStatus.MISSING})
    async with rig(ALPHA) as r:
        await r.load(ALPHA)
        ready = r.manager.models.instance(ALPHA.id)
        assert Target(missing, ready).problem == ""
        assert Target(missing, ready).note == ""
