"""Keeps conversations."""

import json
import sqlite3
from collections.abc import Sequence

from app.domain.conversations import Conversation, ConversationId, Message
from app.domain.errors import StorageError
from app.storage.database import Database
from app.storage.rows import Row, readable

_FLAT = ("id", "conversation_id", "role", "text", "created_at", "state")
"""The fields of a message with a column of their own; the rest is one JSON document."""
_OWN_COLUMNS = ("id", "title", "created_at", "updated_at")
"""The same of a conversation."""

_SAVE_MESSAGE = """
    INSERT INTO messages (id, conversation_id, role, text, created_at, state, detail, position)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,
        (SELECT coalesce(max(position), -1) + 1 FROM messages WHERE conversation_id = ?2))
    ON CONFLICT (id) DO UPDATE SET
        text = excluded.text, state = excluded.state, detail = excluded.detail
"""


class Conversations:
    """The part of the database that is about conversations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def conversations(self) -> tuple[Conversation, ...]:
        """All of them, the last changed first."""

        def work(connection: sqlite3.Connection) -> tuple[Conversation, ...]:
            rows = connection.execute(
                f"SELECT {', '.join(_OWN_COLUMNS)}, detail FROM conversations "  # noqa: S608 - constants
                "ORDER BY updated_at DESC, rowid DESC"
            )
            return readable(rows, _conversation, "conversation")

        return await self._database.read(work)

    async def messages(self, conversation: ConversationId) -> tuple[Message, ...]:
        """The turns of one conversation in order."""

        def work(connection: sqlite3.Connection) -> tuple[Message, ...]:
            rows = connection.execute(
                f"SELECT {', '.join(_FLAT)}, detail FROM messages "  # noqa: S608 - constants
                "WHERE conversation_id = ? ORDER BY position",
                (conversation,),
            )
            return readable(rows, _message, "message")

        return await self._database.read(work)

    async def save_conversation(self, conversation: Conversation) -> None:
        """Add or replace a conversation's own row."""
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT INTO conversations (id, title, created_at, updated_at, detail) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET title = excluded.title, "
                "created_at = excluded.created_at, updated_at = excluded.updated_at, "
                "detail = excluded.detail",
                (
                    conversation.id,
                    conversation.title,
                    conversation.created_at,
                    conversation.updated_at,
                    conversation.model_dump_json(exclude=set(_OWN_COLUMNS), exclude_defaults=True),
                ),
            )
        )

    async def save_messages(self, messages: Sequence[Message]) -> None:
        """Add or replace messages by id in one step; new ones come last in their conversation.

        Raises:
            StorageError: the conversation isn't kept, or the messages can't be saved.
        """

        def work(connection: sqlite3.Connection) -> None:
            try:
                connection.executemany(_SAVE_MESSAGE, map(_message_row, messages))
            except sqlite3.IntegrityError as error:
                raise StorageError(
                    "The conversation of this message has been deleted.",
                    "Start a new conversation and send the message there.",
                    str(error),
                ) from error

        if messages:
            await self._database.write(work)

    async def forget_messages(self, messages: Sequence[Message]) -> None:
        """Remove messages by id."""
        if messages:
            await self._database.write(
                lambda connection: connection.executemany(
                    "DELETE FROM messages WHERE id = ?", [(message.id,) for message in messages]
                )
            )

    async def forget_conversation(self, conversation: ConversationId) -> None:
        """Remove a conversation and its messages."""
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM conversations WHERE id = ?", (conversation,)
            )
        )


def _conversation(row: Row) -> Conversation:
    *own, detail = row
    return Conversation.model_validate(
        {**dict(zip(_OWN_COLUMNS, own, strict=True)), **json.loads(detail)}
    )


def _message(row: Row) -> Message:
    *flat, detail = row
    return Message.model_validate({**dict(zip(_FLAT, flat, strict=True)), **json.loads(detail)})


def _message_row(message: Message) -> Row:
    return (
        message.id,
        message.conversation_id,
        message.role,
        message.text,
        message.created_at,
        message.state,
        message.model_dump_json(exclude=set(_FLAT), exclude_defaults=True),
    )
