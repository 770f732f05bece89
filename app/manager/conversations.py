"""The owner of the conversations, and the stream of one answer."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from types import TracebackType
from typing import Self

from app.domain.chat_templates import Thinking
from app.domain.context_window import still_left_out
from app.domain.conversations import (
    Conversation,
    ConversationId,
    Message,
    MessageId,
    MessageState,
    check_prompt,
    settled,
    title_from,
    to_answer_again,
    turns,
)
from app.domain.errors import AppError, RequestError, report_of
from app.domain.events import ConversationChanged
from app.domain.generation import (
    FinishReason,
    GenerationEnd,
    GenerationRequest,
    GenerationStats,
    GenerationUpdate,
    Role,
    TextPiece,
    measure,
)
from app.domain.load_settings import LoadWish
from app.domain.models import ACTIVE, ModelId
from app.domain.settings import Settings
from app.manager.events import EventBus
from app.manager.fallbacks import Fallbacks
from app.manager.fitting import generate_fitting
from app.manager.instances import Lease
from app.manager.metrics import Metrics
from app.manager.models import Models
from app.manager.written import Written
from app.ports import ConversationStore, Engine
from app.tasks import TaskScope

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
        self.fallbacks = Fallbacks(models, events, settings)
        self._store = store
        self._models = models
        self._metrics = metrics
        self._events = events
        self._settings = settings
        self._conversations: dict[ConversationId, Conversation] = {}
        self._streaming: dict[MessageId, Message] = {}
        self._tasks = TaskScope("conversations")

    async def start(self) -> None:
        """Read the list; messages are read when they are asked for."""
        self._conversations = {item.id: item for item in await self._store.conversations()}

    async def aclose(self) -> None:
        """Let the answers that have ended be kept."""
        await self._tasks.join()

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
        kept = {item.id: settled(item) for item in await self._store.messages(conversation_id)}
        live = (m for m in self._streaming.values() if m.conversation_id == conversation_id)
        return tuple({**kept, **{message.id: message for message in live}}.values())

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

    async def set_thinking(
        self, conversation_id: ConversationId, thinking: Thinking | None
    ) -> None:
        """Choose how much models reason in a conversation; None leaves it to their templates.

        Raises:
            RequestError: the conversation was deleted.
        """
        await self._choose(conversation_id, thinking=thinking)

    async def set_dropping(self, conversation_id: ConversationId, *, drops: bool) -> None:
        """Choose whether a conversation's oldest turns are left out when not all of them fit.

        Raises:
            RequestError: the conversation was deleted.
        """
        await self._choose(conversation_id, drops_oldest=drops)

    async def delete(self, conversation_id: ConversationId) -> None:
        """Remove a conversation and its messages; an unknown one is ignored."""
        if self._conversations.pop(conversation_id, None) is not None:
            await self._store.forget_conversation(conversation_id)
            self._events.publish(ConversationChanged(conversation_id=conversation_id))

    def send(self, conversation_id: ConversationId, text: str, *, to: str = ACTIVE) -> "ChatStream":
        """Ask a question; the answer streams while the returned context is held."""
        return ChatStream(self, conversation_id, text, to)

    def retry(
        self,
        conversation_id: ConversationId,
        *,
        to: str = ACTIVE,
        load: LoadWish | None = None,
    ) -> "ChatStream":
        """Answer the last prompt again; a former answer to it is replaced.

        Args:
            conversation_id: the conversation.
            to: the model, by id or alias.
            load: how to load the model if it isn't; None for as usual. A person asks for it, so
                that it is loaded even if that has just failed repeatedly.
        """
        return ChatStream(self, conversation_id, None, to, load or LoadWish())

    async def take_back(self, conversation_id: ConversationId) -> str:
        """Remove the last turn, prompt and answers, and return the prompt's text to be edited.

        Raises:
            RequestError: an answer is under way, or there is no prompt.
        """
        kept, answers = to_answer_again(await self.history(conversation_id))
        await self._store.forget_messages((kept[-1], *answers))
        self._events.publish(ConversationChanged(conversation_id=conversation_id))
        return kept[-1].text

    # For ChatStream

    async def history(self, conversation_id: ConversationId) -> tuple[Message, ...]:
        """The messages that a new turn follows.

        Raises:
            RequestError: an answer is under way, or the conversation was deleted.
        """
        history = await self.messages(conversation_id)
        self.get(conversation_id)
        if any(m.conversation_id == conversation_id for m in self._streaming.values()):
            raise RequestError("An answer is still being written here.", "Stop it first.")
        return history

    async def keep_prompt(self, history: tuple[Message, ...], prompt: Message) -> None:
        """Keep a prompt and its conversation, also when the caller is cancelled meanwhile."""
        conversation = self.get(prompt.conversation_id)
        changes: dict[str, object] = {"updated_at": prompt.created_at}
        if not history:
            changes["title"] = title_from(prompt.text)
        changed = conversation.model_copy(update=changes)
        await asyncio.shield(self._tasks.start("keep prompt", self._keep_prompt(changed, prompt)))

    def request(
        self, conversation_id: ConversationId, history: tuple[Message, ...]
    ) -> GenerationRequest:
        """What the model is asked, with the settings in force."""
        return GenerationRequest(
            messages=turns(history),
            max_tokens=self._settings().max_tokens,
            thinking=self.get(conversation_id).thinking,
        )

    def lease(
        self, to: str, conversation_id: ConversationId, load: LoadWish | None
    ) -> AbstractAsyncContextManager[Lease]:
        """A lease in the conversation's name."""
        return self._models.lease(to, f"Playground “{self.get(conversation_id).title}”", load)

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

    async def replace(self, former: tuple[Message, ...], message: Message) -> None:
        """Put an answer that has begun in the place of former ones."""
        await self._store.forget_messages(former)
        await self.save(message)

    async def finish(self, live: Message, final: Message, *, counts: bool) -> None:
        """Keep a final answer, whatever happens to the caller meanwhile.

        Args:
            live: the answer as it streamed.
            final: what is kept; a former answer where the model of the live one wasn't reached.
            counts: whether it is a use of its model.
        """
        await asyncio.shield(
            self._tasks.start("finish answer", self._finish(live, final, counts=counts))
        )

    async def _finish(self, live: Message, final: Message, *, counts: bool) -> None:
        try:
            await self.save(final)
        finally:
            self._streaming.pop(live.id, None)
            self._events.publish(ConversationChanged(conversation_id=final.conversation_id))
        if counts and final.model_id is not None and final.stats is not None:
            self._models.health.answered(final.model_id, final.stats, final.error)
            await self._metrics.record_request(final.model_id, final.stats)

    async def _keep_prompt(self, conversation: Conversation, prompt: Message) -> None:
        await self._keep(conversation)
        await self._store.save_messages([prompt])

    async def _choose(self, conversation_id: ConversationId, **choices: object) -> None:
        changed = self.get(conversation_id).model_copy(update=choices)
        self._conversations[conversation_id] = changed
        # One without a prompt is kept with its first.
        if await self.messages(conversation_id):
            await self._keep(changed)

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

    prompt: Message | None = None
    """Set as soon as it is kept."""
    answer: Message | None = None
    """Set with the prompt; grows with each piece and is final once the context is left."""

    def __init__(
        self,
        owner: Conversations,
        conversation_id: ConversationId,
        text: str | None,
        to: str,
        load: LoadWish | None = None,
    ) -> None:
        self._owner = owner
        self._conversation_id = conversation_id
        self._text = text
        self._to = to
        self._load = load
        self._stack = AsyncExitStack()
        self._history: tuple[Message, ...] = ()
        self._replaced: tuple[Message, ...] = ()
        self._lease: Lease | None = None
        self._tried: set[ModelId] = set()
        self._pieces: AsyncGenerator[TextPiece, None] | None = None
        self._written = Written()
        self._submitted_ns = 0
        self.stats: GenerationStats | None = None
        """The figures of the answer, once it has ended."""

    async def __aenter__(self) -> Self:
        await self._open()
        self.answer = _message(self._conversation_id, Role.ASSISTANT, state=MessageState.STREAMING)
        self._owner.streaming(self.answer)
        try:
            spec = (await self._lease_best()).spec
            await self._owner.replace(
                self._replaced, self._grow(model_id=spec.id, model_name=spec.name)
            )
        except BaseException as error:
            await self._end(self.answer, error)
            raise
        return self

    async def _lease_best(self) -> Lease:
        """A lease on the model, or on the first that stands in for it and can be had."""
        fallbacks = self._owner.fallbacks
        name = fallbacks.choose(self._to, self._tried) or self._to
        while True:
            try:
                self._lease = await self._stack.enter_async_context(
                    self._owner.lease(name, self._conversation_id, self._load)
                )
            except AppError as error:
                following = self._after(fallbacks.target(name), error)
                if following is None:
                    raise
                name = following
            else:
                return self._lease

    def _after(self, failed: ModelId, error: AppError) -> str | None:
        """Whom to ask instead of a model that failed; None when there is nobody."""
        fallbacks = self._owner.fallbacks
        self._tried.add(failed)
        following = fallbacks.choose(self._to, self._tried) if fallbacks.falls_back(error) else None
        if following is not None:
            fallbacks.failed(self._to, failed, error)
        return following

    async def _open(self) -> None:
        """Keep the prompt, or find the one to answer again.

        Raises:
            RequestError: the prompt is empty, or there is none.
        """
        history = await self._owner.history(self._conversation_id)
        if self._text is None:
            self._history, self._replaced = to_answer_again(history)
            self.prompt = self._history[-1]
            return
        check_prompt(self._text)
        # Once it is on its way to the disk it is kept, even if this task is cancelled.
        self.prompt = _message(self._conversation_id, Role.USER, text=self._text)
        self._history = (*history, self.prompt)
        try:
            await self._owner.keep_prompt(history, self.prompt)
        except AppError:
            self.prompt = None
            raise

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
        assert self.answer is not None, "the context was entered"
        if self._pieces is not None:
            await self._pieces.aclose()
        await self._end(self.answer, error)

    async def _stream(self) -> AsyncGenerator[TextPiece, None]:
        assert self._lease is not None, "iterate inside the context"
        saved = time.monotonic()
        self._submitted_ns = time.monotonic_ns()
        async with aclosing(self._answers()) as updates:
            async for update in updates:
                if isinstance(update, GenerationEnd):
                    self.stats = update.stats
                    continue
                answer = self._grow(**self._written.add(update))
                if time.monotonic() - saved >= SAVE_SECONDS:
                    await self._owner.save(answer)
                    saved = time.monotonic()
                yield update

    async def _answers(self) -> AsyncGenerator[GenerationUpdate, None]:
        """What the model answers; until its first piece, what another one answers instead."""
        while True:
            assert self._lease is not None, "iterate inside the context"
            begun, spec = False, self._lease.spec
            try:
                async with aclosing(self._updates(self._lease.engine)) as updates:
                    async for update in updates:
                        begun = True
                        yield update
            except AppError as error:
                if begun or self._after(spec.id, error) is None:
                    raise
                await self._stack.aclose()
                spec = (await self._lease_best()).spec
                self._grow(model_id=spec.id, model_name=spec.name)
            else:
                return

    def _updates(self, engine: Engine) -> AsyncGenerator[GenerationUpdate, None]:
        request = self._owner.request(self._conversation_id, self._history)
        if not self._owner.get(self._conversation_id).drops_oldest:
            return generate_fitting(engine, request, 0, None)
        left_out = 0
        last = next((item for item in reversed(self._history) if item.stats is not None), None)
        if last is not None and last.stats is not None:
            left_out = still_left_out(
                request.messages, last.left_out, last.stats.prompt_tokens, engine.context_length
            )
        self._cut(left_out)
        return generate_fitting(engine, request, left_out, self._cut)

    def _cut(self, left_out: int) -> None:
        self._grow(left_out=left_out)

    def _grow(self, **changes: object) -> Message:
        assert self.answer is not None, "there is an answer once the context is entered"
        self.answer = self.answer.model_copy(update=changes)
        self._owner.streaming(self.answer)
        return self.answer

    async def _end(self, live: Message, error: BaseException | None) -> None:
        """Settle how the answer ended, keep it, and give the model back."""
        report = report_of(error) if isinstance(error, Exception) else None
        if report is not None:
            state, finish = MessageState.FAILED, FinishReason.FAILED
        elif self.stats is None or self.stats.finish is FinishReason.CANCELLED:
            state, finish = MessageState.STOPPED, FinishReason.CANCELLED
        else:
            state, finish = MessageState.COMPLETE, self.stats.finish
        # A request that the model never took counts for nothing in its averages.
        if self.stats is None and self._submitted_ns and not isinstance(error, RequestError):
            self.stats = measure(
                self._submitted_ns, tuple(self._written.stamps_ns), finish=finish, prompt_tokens=0
            )
        changes: dict[str, object] = {"state": state, "stats": self.stats, "error": report}
        if self._lease is None and self._replaced:
            # No model was reached: the former answer stays, and says what is in the way now.
            former = self._replaced[-1]
            changes = {} if report is None else {"state": state, "error": report}
            self.answer = former.model_copy(update=changes)
        else:
            self.answer = live.model_copy(update=changes)
        try:
            await self._owner.finish(live, self.answer, counts=self._lease is not None)
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
