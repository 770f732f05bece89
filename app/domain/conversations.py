"""What was said, to which model, and how it went."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NewType

from app.domain.base import Frozen
from app.domain.chat_templates import Thinking
from app.domain.error_reports import ErrorReport
from app.domain.errors import ContextOverflow, RequestError
from app.domain.generation import (
    PROMPT_LIMIT,
    ChatMessage,
    FinishReason,
    GenerationStats,
    Role,
    Sampling,
)
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


class PassedOver(Frozen):
    """A model that should have answered, and couldn't."""

    model_name: str
    error: ErrorReport


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
    reasoning: str = ""
    """What the model thought before it answered; no model is ever shown it again."""
    reasoning_seconds: float | None = None
    """From the first token to the last one of the reasoning."""
    left_out: int = 0
    """How many of the oldest turns the model wasn't shown, because they didn't fit."""
    passed_over: tuple[PassedOver, ...] = ()
    """Those in whose place the model answers, as they were asked."""


class Conversation(Frozen):
    """A list of turns under a title; the messages are loaded apart."""

    id: ConversationId
    title: str
    created_at: float
    updated_at: float
    thinking: Thinking | None = None
    """How much models are asked to reason; None leaves it to their templates."""
    drops_oldest: bool = False
    """Leave the oldest turns out when a prompt doesn't fit, rather than refuse it."""
    sampling: Sampling = Sampling()
    """How the next tokens are chosen, as far as the model can be told."""


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


def overlong(characters: int, limit: int) -> ContextOverflow:
    """The error for a prompt that is refused for its length alone."""
    return ContextOverflow(
        f"This text has {characters:,} characters, and a prompt takes {limit:,} at most.",
        "Shorten it, or split it into several prompts.",
        share=limit / characters,
    )


def check_prompt(text: str) -> None:
    """Refuse a prompt that no model can be asked.

    Raises:
        ContextOverflow: it is longer than any model takes.
        RequestError: it is empty.
    """
    if len(text) > PROMPT_LIMIT:
        raise overlong(len(text), PROMPT_LIMIT)
    if not text.strip():
        raise RequestError("The prompt is empty.", "Type a question first.")


def to_answer_again(
    history: tuple[Message, ...],
) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """The messages up to the last prompt, and the answers after it that are to be replaced.

    Raises:
        RequestError: there is no prompt.
    """
    kept = history
    while kept and kept[-1].role is Role.ASSISTANT:
        kept = kept[:-1]
    if not kept:
        raise RequestError("There is no prompt to answer.", "Type a question first.")
    return kept, history[len(kept) :]


def begun_by(answers: Iterable[Message]) -> ModelId | None:
    """The model that began the last of some answers, and is asked when that is tried again."""
    return next((item.model_id for item in reversed(tuple(answers)) if item.model_id), None)


def ending(finish: FinishReason | None, *, failed: bool) -> tuple[MessageState, FinishReason]:
    """How an answer that is over is kept, and how it counts among the figures.

    Args:
        finish: what the model said of its end; None where it wasn't heard any more.
        failed: whether an error ended it.
    """
    if failed:
        return MessageState.FAILED, FinishReason.FAILED
    if finish is None or finish is FinishReason.CANCELLED:
        return MessageState.STOPPED, FinishReason.CANCELLED
    return MessageState.COMPLETE, finish


def settled(message: Message) -> Message:
    """An answer that is kept as streaming, but isn't: the app ended while it was written."""
    if message.state is not MessageState.STREAMING:
        return message
    return message.model_copy(update={"state": MessageState.STOPPED})
