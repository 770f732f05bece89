"""The owner of the conversations."""

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from app.domain.chat_templates import Thinking
from app.domain.conversations import (
    Conversation,
    ConversationId,
    Message,
    MessageId,
    settled,
    title_from,
    to_answer_again,
    turns,
)
from app.domain.errors import RequestError
from app.domain.events import ConversationChanged
from app.domain.generation import GenerationRequest, Sampling
from app.domain.load_settings import LoadWish
from app.domain.models import ACTIVE
from app.domain.settings import Settings
from app.manager.chat_stream import ChatStream
from app.manager.events import EventBus
from app.manager.fallbacks import Fallbacks
from app.manager.instances import Lease
from app.manager.metrics import Metrics
from app.manager.models import Models
from app.ports.stores import ConversationStore
from app.tasks import TaskScope


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

    async def set_sampling(self, conversation_id: ConversationId, sampling: Sampling) -> None:
        """Choose how the tokens of a conversation's next answers are chosen.

        Raises:
            RequestError: the conversation was deleted.
        """
        await self._choose(conversation_id, sampling=sampling)

    async def delete(self, conversation_id: ConversationId) -> None:
        """Remove a conversation and its messages; an unknown one is ignored."""
        if self._conversations.pop(conversation_id, None) is not None:
            await self._store.forget_conversation(conversation_id)
            self._events.publish(ConversationChanged(conversation_id=conversation_id))

    def send(self, conversation_id: ConversationId, text: str, *, to: str = ACTIVE) -> ChatStream:
        """Ask a question; the answer streams while the returned context is held."""
        return ChatStream(self, conversation_id, text, to)

    def retry(
        self,
        conversation_id: ConversationId,
        *,
        to: str | None = None,
        load: LoadWish | None = None,
    ) -> ChatStream:
        """Answer the last prompt again; a former answer stays until the new one has begun.

        Args:
            conversation_id: the conversation.
            to: the model, by id or alias; None for the one that began the former answer, or the
                active one where none did.
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
        chosen = self.get(conversation_id)
        return GenerationRequest(
            messages=turns(history),
            max_tokens=self._settings().max_tokens,
            thinking=chosen.thinking,
            sampling=chosen.sampling,
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

    async def finish(self, live: Message, kept: Message, former: tuple[Message, ...]) -> None:
        """Keep a final answer, whatever happens to the caller meanwhile.

        Args:
            live: the answer as it ended; a use of its model, where it reached one.
            kept: what is kept; a former answer where the live one never began.
            former: answers that it takes the place of.
        """
        await asyncio.shield(self._tasks.start("finish answer", self._finish(live, kept, former)))

    async def _finish(self, live: Message, kept: Message, former: tuple[Message, ...]) -> None:
        try:
            await self.replace(former, kept)
        finally:
            self._streaming.pop(live.id, None)
            self._events.publish(ConversationChanged(conversation_id=kept.conversation_id))
        if live.model_id is None or live.stats is None:
            return
        if self._settings().performance_tracking:
            self._models.health.answered(live.model_id, live.stats, live.error)
        # Money is spent whether or not anything is measured.
        await self._metrics.record_request(live.model_id, live.stats)

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
