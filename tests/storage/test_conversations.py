"""Conversations, kept and read again."""

import sqlite3
from contextlib import closing

import pytest

from app.domain.chat_templates import Thinking
from app.domain.conversations import (
    Conversation,
    ConversationId,
    Message,
    MessageId,
    MessageState,
)
from app.domain.error_reports import ErrorReport
from app.domain.errors import ErrorKind, StorageError
from app.domain.generation import FinishReason, GenerationStats, Role
from app.domain.models import ModelId
from app.storage import schema
from app.storage.stores import open_storage

TALK = Conversation(id=ConversationId("talk"), title="Sheep", created_at=1.5, updated_at=2.5)


def message(key: str, text: str = "hello", **fields) -> Message:
    return Message(
        id=MessageId(key),
        conversation_id=TALK.id,
        created_at=3.25,
        **{"role": Role.USER, "text": text, **fields},
    )


ANSWER = message(
    "answer",
    "Zoë says 🐑\0\nand more",
    role=Role.ASSISTANT,
    state=MessageState.FAILED,
    model_id=ModelId("local:1"),
    model_name="tiny",
    stats=GenerationStats(
        finish=FinishReason.FAILED,
        prompt_tokens=5,
        output_tokens=7,
        time_to_first_token=0.1,
        tokens_per_second=145.7,
    ),
    error=ErrorReport(
        kind=ErrorKind.CRASHED, what="It crashed.", remedy="Retry.", detail="SIGSEGV"
    ),
    reasoning="Sheep are what?",
    reasoning_seconds=0.05,
    left_out=2,
)


async def test_that_messages_come_back_equal_and_in_order_after_reopening(tmp_path):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    await storage.conversations.save_conversation(TALK)
    await storage.conversations.save_messages([message("z"), ANSWER])
    await storage.conversations.save_messages([message("a")])
    await storage.aclose()
    storage = await open_storage(path)
    assert await storage.conversations.conversations() == (TALK,)
    assert await storage.conversations.messages(TALK.id) == (message("z"), ANSWER, message("a"))
    await storage.aclose()


async def test_that_a_message_saved_again_stays_in_its_place(tmp_path):
    storage = await open_storage(tmp_path / "state.db")
    await storage.conversations.save_conversation(TALK)
    streaming = message("b", "so f", role=Role.ASSISTANT, state=MessageState.STREAMING)
    await storage.conversations.save_messages([message("a"), streaming, message("c")])
    done = streaming.model_copy(update={"text": "so far", "state": MessageState.COMPLETE})
    await storage.conversations.save_messages([done, message("d")])
    kept = await storage.conversations.messages(TALK.id)
    assert kept == (message("a"), done, message("c"), message("d"))
    await storage.aclose()


async def test_that_new_messages_come_last_after_others_were_forgotten(tmp_path):
    storage = await open_storage(tmp_path / "state.db")
    await storage.conversations.save_conversation(TALK)
    await storage.conversations.save_messages([message("a"), message("b"), message("c")])
    await storage.conversations.forget_messages([message("b")])
    await storage.conversations.save_messages([message("b", "again")])
    kept = await storage.conversations.messages(TALK.id)
    assert [item.id for item in kept] == ["a", "c", "b"]
    await storage.aclose()


async def test_that_conversations_come_with_the_last_changed_first(tmp_path):
    storage = await open_storage(tmp_path / "state.db")
    for key, changed in (("a", 1.0), ("b", 3.0), ("c", 2.0), ("a", 4.0)):
        await storage.conversations.save_conversation(
            Conversation(id=ConversationId(key), title=key, created_at=0, updated_at=changed)
        )
    assert [item.id for item in await storage.conversations.conversations()] == ["a", "b", "c"]
    await storage.aclose()


async def test_that_what_is_chosen_for_a_conversation_is_kept(tmp_path):
    storage = await open_storage(tmp_path / "state.db")
    await storage.conversations.save_conversation(TALK)
    chosen = TALK.model_copy(update={"thinking": Thinking.OFF, "drops_oldest": True})
    await storage.conversations.save_conversation(chosen)
    assert await storage.conversations.conversations() == (chosen,)
    await storage.aclose()


async def test_that_conversations_of_an_older_version_are_read(tmp_path):
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as older:
        schema.migrate(older, schema.MIGRATIONS[:1])
        older.execute("INSERT INTO conversations VALUES ('talk', 'Sheep', 1.5, 2.5)")
    storage = await open_storage(path)
    assert await storage.conversations.conversations() == (TALK,)
    await storage.aclose()


async def test_that_a_renamed_conversation_keeps_its_messages(tmp_path):
    storage = await open_storage(tmp_path / "state.db")
    await storage.conversations.save_conversation(TALK)
    await storage.conversations.save_messages([message("a")])
    await storage.conversations.save_conversation(TALK.model_copy(update={"title": "Goats"}))
    assert await storage.conversations.messages(TALK.id) == (message("a"),)
    await storage.aclose()


async def test_that_a_forgotten_conversation_takes_its_messages_along(tmp_path):
    storage = await open_storage(tmp_path / "state.db")
    await storage.conversations.save_conversation(TALK)
    await storage.conversations.save_messages([message("a")])
    await storage.conversations.forget_conversation(TALK.id)
    await storage.conversations.save_conversation(TALK)
    assert await storage.conversations.messages(TALK.id) == ()
    await storage.aclose()


async def test_that_a_message_of_a_deleted_conversation_is_refused_with_all_beside_it(tmp_path):
    storage = await open_storage(tmp_path / "state.db")
    await storage.conversations.save_conversation(TALK)
    stray = message("stray").model_copy(update={"conversation_id": ConversationId("gone")})
    with pytest.raises(StorageError, match="deleted"):
        await storage.conversations.save_messages([message("a"), stray])
    assert await storage.conversations.messages(TALK.id) == ()
    await storage.aclose()


async def test_that_an_unreadable_message_hides_no_others_and_is_not_quoted(tmp_path, caplog):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    await storage.conversations.save_conversation(TALK)
    await storage.conversations.save_messages([message("a"), message("b", "private"), message("c")])
    await storage.aclose()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE messages SET role = 'oracle' WHERE id = 'b'")
    storage = await open_storage(path)
    kept = await storage.conversations.messages(TALK.id)
    assert [item.id for item in kept] == ["a", "c"]
    assert "message b" in caplog.text
    assert "private" not in caplog.text
    await storage.aclose()
