"""The stream of one answer."""

import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from types import TracebackType
from typing import Protocol, Self

from app.domain.context_window import still_left_out
from app.domain.conversations import (
    Conversation,
    ConversationId,
    Message,
    MessageId,
    MessageState,
    PassedOver,
    begun_by,
    check_prompt,
    ending,
    to_answer_again,
)
from app.domain.error_reports import report_of
from app.domain.errors import AppError, RequestError
from app.domain.generation import (
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
from app.manager.fallbacks import Fallbacks
from app.manager.fitting import generate_fitting
from app.manager.instances import Lease
from app.manager.written import Written
from app.ports.engines import Engine

SAVE_SECONDS = 1.0
"""How much of a streaming answer a crash of the whole app may cost."""


class Owner(Protocol):
    """What a stream needs of whoever keeps conversations."""

    fallbacks: Fallbacks
    """Who stands in for a model that can't answer."""

    def get(self, conversation_id: ConversationId) -> Conversation:
        """One conversation; a RequestError where it was deleted."""
        ...

    async def history(self, conversation_id: ConversationId) -> tuple[Message, ...]:
        """The messages that a new turn follows; a RequestError while an answer is under way."""
        ...

    async def keep_prompt(self, history: tuple[Message, ...], prompt: Message) -> None:
        """Keep a prompt and its conversation, also when the caller is cancelled meanwhile."""
        ...

    def request(
        self, conversation_id: ConversationId, history: tuple[Message, ...]
    ) -> GenerationRequest:
        """What the model is asked, with the settings in force."""
        ...

    def lease(
        self, to: str, conversation_id: ConversationId, load: LoadWish | None
    ) -> AbstractAsyncContextManager[Lease]:
        """A lease in the conversation's name."""
        ...

    def streaming(self, message: Message) -> None:
        """Hold an answer as far as it has come."""
        ...

    async def save(self, message: Message) -> None:
        """Keep an answer as far as it has come."""
        ...

    async def replace(self, former: tuple[Message, ...], message: Message) -> None:
        """Put an answer that has begun in the place of former ones."""
        ...

    async def finish(self, live: Message, kept: Message, former: tuple[Message, ...]) -> None:
        """Keep a final answer, whatever happens to the caller meanwhile."""
        ...


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
        owner: Owner,
        conversation_id: ConversationId,
        text: str | None,
        to: str | None,
        load: LoadWish | None = None,
    ) -> None:
        self._owner = owner
        self._conversation_id = conversation_id
        self._text = text
        self._to = to
        self._load = load
        self._stack = AsyncExitStack()
        self._history: tuple[Message, ...] = ()
        self._former: tuple[Message, ...] = ()
        """Answers that stay until this one has begun."""
        self._lease: Lease | None = None
        self._tried: set[ModelId] = set()
        """Models that have failed to answer this prompt."""
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
            await self._lease_best()
            if not self._former:
                await self._owner.save(self.answer)
        except BaseException as error:
            await self._end(self.answer, error)
            raise
        return self

    async def _lease_best(self) -> None:
        """Lease the model, or the first that stands in for it and can be had."""
        fallbacks, to = self._owner.fallbacks, self._to or ACTIVE
        name: str | None = fallbacks.choose(to, self._tried) or to
        while name is not None:
            try:
                lease = await self._stack.enter_async_context(
                    self._owner.lease(name, self._conversation_id, self._load)
                )
            except AppError as error:
                name = self._after(fallbacks.target(name), error)
                if name is None:
                    raise
            else:
                self._lease = lease
                self._grow(model_id=lease.spec.id, model_name=lease.spec.name)
                return

    def _after(self, failed: ModelId, error: AppError) -> str | None:
        """Whom to ask instead of a model that failed; None when there is nobody."""
        fallbacks, to = self._owner.fallbacks, self._to or ACTIVE
        self._tried.add(failed)
        following = fallbacks.choose(to, self._tried) if fallbacks.falls_back(error) else None
        if following is not None:
            fallbacks.failed(to, failed, error)
            assert self.answer is not None, "there is an answer once the context is entered"
            over = PassedOver(model_name=fallbacks.name_of(failed), error=report_of(error))
            self._grow(passed_over=(*self.answer.passed_over, over))
        return following

    async def _open(self) -> None:
        """Keep the prompt, or find the one to answer again.

        Raises:
            RequestError: the prompt is empty, or there is none.
        """
        history = await self._owner.history(self._conversation_id)
        if self._text is None:
            self._history, self._former = to_answer_again(history)
            self.prompt = self._history[-1]
            self._to = self._to or begun_by(self._former)
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
                if self._former:
                    await self._owner.replace(self._former, answer)
                    self._former = ()
                elif time.monotonic() - saved >= SAVE_SECONDS:
                    await self._owner.save(answer)
                    saved = time.monotonic()
                yield update

    async def _answers(self) -> AsyncGenerator[GenerationUpdate, None]:
        """What the model answers; until its first piece, what another one answers instead."""
        while True:
            assert self._lease is not None, "iterate inside the context"
            begun = False
            try:
                async with aclosing(self._updates(self._lease.engine)) as updates:
                    async for update in updates:
                        begun = True
                        yield update
            except AppError as error:
                if begun or self._after(self._lease.spec.id, error) is None:
                    raise
                await self._stack.aclose()
                await self._lease_best()
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
        state, finish = ending(self.stats.finish if self.stats else None, failed=bool(report))
        # A request that the model never took counts for nothing in its averages.
        if self.stats is None and self._submitted_ns and not isinstance(error, RequestError):
            self.stats = measure(
                self._submitted_ns, tuple(self._written.stamps_ns), finish=finish, prompt_tokens=0
            )
        ended = live.model_copy(update={"state": state, "stats": self.stats, "error": report})
        former = self._former
        self.answer = ended
        if former and state is not MessageState.COMPLETE:
            # Nothing was written: the former answer stays, and says what is in the way now.
            changes = {} if report is None else {"state": state, "error": report}
            self.answer, former = former[-1].model_copy(update=changes), ()
        try:
            await self._owner.finish(ended, self.answer, former)
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
