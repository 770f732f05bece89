"""One open conversation: its turns, and the answer under way."""

import asyncio
import time
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from app.domain.conversations import (
    ConversationId,
    Message,
    MessageId,
    MessageState,
    begun_by,
)
from app.domain.errors import AppError
from app.domain.generation import Role
from app.domain.instances import COMING, InstanceState
from app.domain.load_settings import LoadWish
from app.domain.models import ModelId
from app.manager.chat_stream import ChatStream
from app.manager.manager import Manager
from app.ui import words

ASKED = MessageId("asked")
"""The id of a prompt that is shown before it is kept."""


@dataclass(frozen=True)
class Waiting:
    """Why an answer hasn't begun."""

    text: str
    progress: float | None = None
    """0 to 1 while the model loads; None when that can't be said."""


class Chat(QObject):
    """Follows one answer at a time; nobody needs to look for it to go on."""

    changed = Signal()
    """Other messages than those added one by one: draw everything again."""
    prompted = Signal(object)
    """A prompt was added."""
    began = Signal(object)
    """An answer has its model; text follows."""
    reasoned = Signal(str)
    """More reasoning of the answer under way."""
    thought = Signal(float)
    """The reasoning of the answer under way is over, after so many seconds; its text follows."""
    grew = Signal(str)
    """More text of the answer under way."""
    ended = Signal(object)
    """The answer under way is final."""
    waiting_changed = Signal()

    def __init__(
        self, manager: Manager, conversation_id: ConversationId, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.id = conversation_id
        self.messages: tuple[Message, ...] = ()
        """The finished turns."""
        self.live: Message | None = None
        """The answer under way, once a model writes it."""
        self.answering = False
        """A prompt was sent and its answer isn't final."""
        self.draft = ""
        """What is typed and not sent."""
        self._manager = manager
        self._opened = asyncio.Event()
        """Set once the kept messages were read, or couldn't be."""
        self._target: ModelId | None = None
        self._reached = False
        """The model is loaded and reads the prompt."""
        self._kept: tuple[Message, ...] | None = None
        """What stays of the turns when a new answer begins; None where nothing has to go."""
        self._parts: list[str] = []
        self._reasoned: list[str] = []

    @property
    def reasoning(self) -> str:
        """The reasoning of the answer under way so far."""
        return "".join(self._reasoned)

    @property
    def partial(self) -> str:
        """The text of the answer under way so far."""
        return "".join(self._parts)

    @property
    def failed(self) -> Message | None:
        """The last answer when it failed: the one that Retry is for."""
        last = self.messages[-1] if self.messages else None
        failed = last is not None and last.state is MessageState.FAILED and not self.answering
        return last if failed else None

    async def open(self) -> None:
        """Read the messages that are kept; what is asked meanwhile waits for them."""
        try:
            earlier = await self._manager.conversations.messages(self.id)
        finally:
            self._opened.set()
        self._show((*earlier, *self.messages))

    async def send(self, text: str) -> None:
        """Ask and follow the answer to its end.

        Raises:
            AppError: the prompt was refused; it is in the draft again.
        """
        self._start()
        prompt = Message(
            id=ASKED,
            conversation_id=self.id,
            role=Role.USER,
            text=text,
            created_at=time.time(),
        )
        self.messages = (*self.messages, prompt)
        self.prompted.emit(prompt)
        stream = self._manager.conversations.send(self.id, text)
        try:
            await self._follow(stream)
        finally:
            if stream.prompt is None:
                self.draft = "\n".join(part for part in (text, self.draft) if part)
                self._show(self.messages[:-1])

    async def retry(self, load: LoadWish | None = None, to: ModelId | None = None) -> None:
        """Answer the last prompt again; a former answer stays in view until the new one begins.

        Args:
            load: how to load the model if it isn't; None for as usual.
            to: the model; None for the one that began the former answer, or else the active one.

        Raises:
            AppError: there is nothing to retry.
        """
        kept = self.messages
        while kept and kept[-1].role is Role.ASSISTANT:
            kept = kept[:-1]
        former = self.messages[len(kept) :]
        self._start(to or begun_by(former))
        self._kept = kept if former else None
        await self._follow(self._manager.conversations.retry(self.id, load=load, to=to))

    async def take_back(self) -> None:
        """Put the last prompt back into the draft, to be worded otherwise.

        Raises:
            AppError: there is none.
        """
        prompt = await self._manager.conversations.take_back(self.id)
        self.draft = "\n\n".join(text for text in (prompt, self.draft) if text)
        self.messages = await self._manager.conversations.messages(self.id)
        self.changed.emit()

    def waiting(self) -> Waiting | None:
        """What stands between the prompt and the first token; None when nothing does."""
        if not self.answering or self._parts or self._reasoned:
            return None
        if self._reached:
            return Waiting("Reading the prompt…")
        if self._target is None:
            return Waiting("Waiting…")
        name = self._manager.models.get(self._target).name
        view = self._manager.models.instance(self._target)
        if view is None or view.state not in COMING:
            return Waiting(f"Waiting for {name}…")
        if view.state is InstanceState.LOADING and view.progress is not None:
            return Waiting(f"Loading {name}, {words.percent(view.progress)}", view.progress)
        return Waiting(f"{name}: {words.state(view)}")

    async def _follow(self, stream: ChatStream) -> None:
        try:
            await self._opened.wait()
            async with stream:
                self._reached = True
                if self._kept is None:
                    self.live = stream.answer
                    self.began.emit(stream.answer)
                self.waiting_changed.emit()
                async for piece in stream:
                    self.live = stream.answer
                    if self._kept is not None:
                        kept, self._kept = self._kept, None
                        self._show(kept)
                    self._reason(piece.reasoning)
                    self._grow(piece.text)
        except AppError:
            # An answer that was kept tells its error in its own place.
            if stream.answer is None:
                raise
        finally:
            self._settle(stream)

    def _start(self, target: ModelId | None = None) -> None:
        self.answering = True
        self._reached = False
        self._target = target or self._manager.models.active()
        self._parts = []
        self._reasoned = []
        self.waiting_changed.emit()

    def _reason(self, text: str) -> None:
        if not text:
            return
        first = not self._reasoned
        self._reasoned.append(text)
        self.reasoned.emit(text)
        if first:
            self.waiting_changed.emit()

    def _grow(self, text: str) -> None:
        if not text:
            return
        first = not self._parts
        if first and self.live is not None and self.live.reasoning_seconds is not None:
            self.thought.emit(self.live.reasoning_seconds)
        self._parts.append(text)
        self.grew.emit(text)
        if first:
            self.waiting_changed.emit()

    def _settle(self, stream: ChatStream) -> None:
        """Take over what the manager kept."""
        self.answering = False
        began, self.live = self.live is not None, None
        written, self._parts = self.partial, []
        self._reasoned = []
        if stream.prompt is not None:
            asked = bool(self.messages) and self.messages[-1].id == ASKED
            turns = (*self.messages[:-1], stream.prompt) if asked else self.messages
            if self._kept is not None and stream.answer is not None:
                turns = self._kept
            self.messages = (*turns, stream.answer) if stream.answer is not None else turns
            if began and stream.answer is not None and stream.answer.text.startswith(written):
                self.grew.emit(stream.answer.text[len(written) :])
                self.ended.emit(stream.answer)
            else:
                self.changed.emit()
        self._kept = None
        self.waiting_changed.emit()

    def _show(self, messages: tuple[Message, ...]) -> None:
        self.messages = messages
        self.changed.emit()
