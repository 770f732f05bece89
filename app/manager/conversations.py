"""The owner of the conversations, and the stream of one answer."""

import logging
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from types import TracebackType
from typing import Self

from app.domain.conversations import (
    Conversation,
    ConversationId,
    Message,
    MessageId,
    MessageState,
    title_from,
    turns,
)
from app.domain.errors import RequestError, report_of
from app.domain.events import ConversationChanged
from app.domain.generation import (
    FinishReason,
    GenerationEnd,
    GenerationRequest,
    GenerationStats,
    Role,
    TextPiece,
    measure,
)
from app.domain.models import ACTIVE
from app.domain.settings import Settings
from app.manager.coordinator import Lease
from app.manager.events import EventBus
from app.manager.metrics import Metrics
from app.manager.models import Models
from app.ports import ConversationStore

log = logging.getLogger(__name__)

SAVE_SECONDS = 1.0
"""How much of a streaming answer a crash of the whole app may cost."""


class Conversations:
    """Keeps conversations. A prompt is kept before it is sent, an answer while it comes."""

    def __init__(
        self,
        store: ConversationStore,
        models: Models,
        metrics: Metrics,
        events: EventBus,
        settings: Callable[[], Settings],
    ) -> None:
        self._store = store
        self._models = models
        self._metrics = metrics
        self._events = events
        self._settings = settings
        self._conversations: dict[ConversationId, Conversation] = {}
        self._streaming: dict[MessageId, Message] = {}

    async def start(self) -> None:
        """Read the list; messages are read when they are asked for."""
        self._conversations = {item.id: item for item in await self._store.conversations()}

    def all(self) -> tuple[Conversation, ...]:
        """Every conversation, the last changed first."""
        return tuple(
            sorted(self._conversations.values(), key=lambda item: item.updated_at, reverse=True)
        )

    def get(self, conversation_id: ConversationId) -> Conversation:
        """One conversation.

        Raises:
            RequestError: it was deleted.
        """
        conversation = self._conversations.get(conversation_id)
        if conversation is None:
            raise RequestError("This conversation was deleted.", "Start a new one.")
        return conversation

    async def messages(self, conversation_id: ConversationId) -> tuple[Message, ...]:
        """The turns of one conversation, with answers under way as far as they have come.

        An answer that a crash of the app cut off is shown as stopped.
        """
        kept = await self._store.messages(conversation_id)
        return tuple(self._streaming.get(message.id, _settled(message)) for message in kept)

    def create(self) -> Conversation:
        """A new conversation; it is kept from its first prompt on."""
        now = time.time()
        conversation = Conversation(
            id=ConversationId(uuid.uuid4().hex),
            title="New conversation",
            created_at=now,
            updated_at=now,
        )
        self._conversations[conversation.id] = conversation
        return conversation

    async def rename(self, conversation_id: ConversationId, title: str) -> None:
        """Give a conversation another title; an empty one is refused.

        Raises:
            RequestError: the title is empty, or the conversation was deleted.
        """
        if not title.strip():
            raise RequestError("A title can't be empty.", "Type a few words.")
        await self._keep(self.get(conversation_id).model_copy(update={"title": title.strip()}))

    async def delete(self, conversation_id: ConversationId) -> None:
        """Remove a conversation and its messages; an unknown one is ignored."""
        if self._conversations.pop(conversation_id, None) is not None:
            await self._store.forget_conversation(conversation_id)
            self._events.publish(ConversationChanged(conversation_id=conversation_id))

    def send(self, conversation_id: ConversationId, text: str, *, to: str = ACTIVE) -> "ChatStream":
        """Ask a question; the answer streams while the returned context is held."""
        return ChatStream(self, conversation_id, text, to)

    def retry(self, conversation_id: ConversationId, *, to: str = ACTIVE) -> "ChatStream":
        """Answer the last prompt again; a former answer to it is replaced."""
        return ChatStream(self, conversation_id, None, to)

    # For ChatStream

    async def open_turn(
        self, conversation_id: ConversationId, text: str | None
    ) -> tuple[tuple[Message, ...], Message]:
        """Keep the prompt; return the messages up to it and the empty answer to come.

        Raises:
            RequestError: the prompt is empty, or there is nothing to retry.
        """
        history = await self.messages(conversation_id)
        conversation = self.get(conversation_id)
        if any(message.id in self._streaming for message in history):
            raise RequestError("An answer is still being written here.", "Stop it first.")
        now = time.time()
        if text is not None:
            if not text.strip():
                raise RequestError("The prompt is empty.", "Type a question first.")
            if not history:
                conversation = conversation.model_copy(update={"title": title_from(text)})
            prompt = _message(conversation_id, Role.USER, text=text)
            history = (*history, prompt)
            await self._keep(conversation.model_copy(update={"updated_at": now}))
            await self._store.save_messages([prompt])
        else:
            while history and history[-1].role is Role.ASSISTANT:
                await self._store.forget_messages([history[-1]])
                history = history[:-1]
            if not history:
                raise RequestError("There is no prompt to answer.", "Type a question first.")
        answer = _message(conversation_id, Role.ASSISTANT, state=MessageState.STREAMING)
        return history, answer

    def request(self, history: tuple[Message, ...]) -> GenerationRequest:
        """What the model is asked, with the settings in force."""
        return GenerationRequest(messages=turns(history), max_tokens=self._settings().max_tokens)

    def lease(self, to: str, conversation_id: ConversationId) -> AbstractAsyncContextManager[Lease]:
        """A lease in the conversation's name."""
        return self._models.lease(to, f"Playground “{self.get(conversation_id).title}”")

    def streaming(self, message: Message) -> None:
        """Hold an answer as far as it has come."""
        known = message.id in self._streaming
        self._streaming[message.id] = message
        if not known:
            self._events.publish(ConversationChanged(conversation_id=message.conversation_id))

    async def save(self, message: Message) -> None:
        """Keep an answer as far as it has come."""
        if message.conversation_id in self._conversations:
            await self._store.save_messages([message])

    async def finish(self, message: Message) -> None:
        """Keep a final answer and count it."""
        self._streaming.pop(message.id, None)
        await self.save(message)
        self._events.publish(ConversationChanged(conversation_id=message.conversation_id))
        if message.model_id is not None and message.stats is not None:
            await self._metrics.record_request(message.model_id, message.stats)

    async def _keep(self, conversation: Conversation) -> None:
        await self._store.save_conversation(conversation)
        self._conversations[conversation.id] = conversation
        self._events.publish(ConversationChanged(conversation_id=conversation.id))


class ChatStream:
    """One answer under way.

    Entering keeps the prompt and leases the model; iterating yields the text as it comes; leaving
    early, or cancelling the task, stops the model at once and keeps what there is as stopped. An
    answer that fails keeps its text and its error, and the error is raised.
    """

    prompt: Message
    answer: Message
    """Grows with each piece; final once the context is left."""

    def __init__(
        self, owner: Conversations, conversation_id: ConversationId, text: str | None, to: str
    ) -> None:
        self._owner = owner
        self._conversation_id = conversation_id
        self._text = text
        self._to = to
        self._stack = AsyncExitStack()
        self._history: tuple[Message, ...] = ()
        self._lease: Lease | None = None
        self._pieces: AsyncGenerator[TextPiece, None] | None = None
        self._parts: list[str] = []
        self._stamps: list[int] = []
        self._submitted_ns = 0
        self.stats: GenerationStats | None = None
        """The figures of the answer, once it has ended."""

    async def __aenter__(self) -> Self:
        self._history, self.answer = await self._owner.open_turn(self._conversation_id, self._text)
        self.prompt = self._history[-1]
        self._owner.streaming(self.answer)
        try:
            await self._owner.save(self.answer)
            self._lease = await self._stack.enter_async_context(
                self._owner.lease(self._to, self._conversation_id)
            )
            self._grow(model_id=self._lease.spec.id, model_name=self._lease.spec.name)
            await self._owner.save(self.answer)
        except BaseException as error:
            await self._end(error)
            raise
        return self

    def __aiter__(self) -> AsyncGenerator[TextPiece, None]:
        if self._pieces is None:
            self._pieces = self._stream()
        return self._pieces

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pieces is not None:
            await self._pieces.aclose()
        await self._end(error)

    async def _stream(self) -> AsyncGenerator[TextPiece, None]:
        assert self._lease is not None, "iterate inside the context"
        saved = time.monotonic()
        self._submitted_ns = time.monotonic_ns()
        request = self._owner.request(self._history)
        async with aclosing(self._lease.engine.generate(request)) as updates:
            async for update in updates:
                if isinstance(update, GenerationEnd):
                    self.stats = update.stats
                    continue
                self._parts.append(update.text)
                self._stamps.extend(update.stamps_ns)
                self._grow(text="".join(self._parts))
                if time.monotonic() - saved >= SAVE_SECONDS:
                    await self._owner.save(self.answer)
                    saved = time.monotonic()
                yield update

    def _grow(self, **changes: object) -> None:
        self.answer = self.answer.model_copy(update=changes)
        self._owner.streaming(self.answer)

    async def _end(self, error: BaseException | None) -> None:
        """Settle how the answer ended, keep it, and give the model back."""
        failed = error is not None and isinstance(error, Exception)
        if failed:
            state, finish = MessageState.FAILED, FinishReason.FAILED
        elif self.stats is None or self.stats.finish is FinishReason.CANCELLED:
            state, finish = MessageState.STOPPED, FinishReason.CANCELLED
        else:
            state, finish = MessageState.COMPLETE, self.stats.finish
        # A request that the model never took counts for nothing in its averages.
        if self.stats is None and self._submitted_ns and not isinstance(error, RequestError):
            self.stats = measure(
                self._submitted_ns, tuple(self._stamps), finish=finish, prompt_tokens=0
            )
        self.answer = self.answer.model_copy(
            update={
                "state": state,
                "stats": self.stats,
                "error": report_of(error) if failed and error is not None else None,
            }
        )
        try:
            await self._owner.finish(self.answer)
        finally:
            await self._stack.aclose()


def _message(
    conversation_id: ConversationId,
    role: Role,
    *,
    text: str = "",
    state: MessageState = MessageState.COMPLETE,
) -> Message:
    return Message(
        id=MessageId(uuid.uuid4().hex),
        conversation_id=conversation_id,
        role=role,
        text=text,
        created_at=time.time(),
        state=state,
    )


def _settled(message: Message) -> Message:
    """An answer that is kept as streaming, but isn't: the app ended while it was written."""
    if message.state is not MessageState.STREAMING:
        return message
    return message.model_copy(update={"state": MessageState.STOPPED})
