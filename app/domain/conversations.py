"""What was said, to which model, and how it went."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NewType

from app.domain.base import Frozen
from app.domain.errors import ErrorReport
from app.domain.generation import ChatMessage, GenerationStats, Role
from app.domain.models import ModelId

ConversationId = NewType("ConversationId", str)
MessageId = NewType("MessageId", str)

TITLE_LENGTH = 48


class MessageState(StrEnum):
    """How far an answer came. A prompt is always COMPLETE."""

    STREAMING = "streaming"
    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"


class Message(Frozen):
    """One turn as it is kept."""

    id: MessageId
    conversation_id: ConversationId
    role: Role
    text: str
    created_at: float
    """Seconds since the epoch."""
    state: MessageState = MessageState.COMPLETE
    model_id: ModelId | None = None
    model_name: str = ""
    """The name at that time, so that an answer keeps its author when the model is gone."""
    stats: GenerationStats | None = None
    error: ErrorReport | None = None


class Conversation(Frozen):
    """A list of turns under a title; the messages are loaded apart."""

    id: ConversationId
    title: str
    created_at: float
    updated_at: float


def title_from(prompt: str) -> str:
    """A title made of a first prompt: its first line, cut at a word."""
    line = next((line.strip() for line in prompt.splitlines() if line.strip()), "")
    if len(line) <= TITLE_LENGTH:
        return line or "New conversation"
    cut = line[:TITLE_LENGTH]
    head, space, _ = cut.rpartition(" ")
    return f"{head if space else cut}…"


def turns(messages: Iterable[Message]) -> tuple[ChatMessage, ...]:
    """What a model is shown of a conversation.

    Failed and empty answers are left out. Prompts that then follow one another become one turn,
    because many chat templates refuse two turns of the same role in a row.
    """
    shown: list[ChatMessage] = []
    for message in messages:
        if not message.text or message.state is MessageState.FAILED:
            continue
        if shown and shown[-1].role is message.role:
            text = f"{shown[-1].text}\n\n{message.text}"
            shown[-1] = ChatMessage(role=message.role, text=text)
        else:
            shown.append(ChatMessage(role=message.role, text=message.text))
    return tuple(shown)
