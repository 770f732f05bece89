"""The Playground: conversations, the open one, and the model that the next prompt goes to."""

import time
from collections.abc import Coroutine
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.domain.accounts import is_loopback
from app.domain.chat_templates import Thinking
from app.domain.conversations import Conversation, ConversationId, Message, check_prompt, overlong
from app.domain.error_reports import ErrorReport
from app.domain.errors import RequestError, UnknownModel
from app.domain.events import (
    AccountsChanged,
    AliasAssigned,
    BudgetMoved,
    ConversationChanged,
    InstanceChanged,
    ModelsChanged,
    SettingChanged,
    SpendingChanged,
)
from app.domain.generation import Sampling
from app.domain.instances import COMING, InstanceState
from app.domain.load_settings import LoadWish
from app.domain.models import ModelId, ModelQuery, ModelSpec, ModelStatus
from app.domain.spending import BudgetLevel, BudgetState
from app.manager.manager import Manager
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.viewmodels.chat import Chat
from app.ui.viewmodels.conversation_table import ConversationTable
from app.ui.viewmodels.gestures import Gestures
from app.ui.viewmodels.prices import Prices
from app.ui.viewmodels.target import Target, choices
from app.ui.viewmodels.ways_out import WaysOut, of_answer, of_restart


class Playground(QObject):
    """Owns the open chats. Answers go on while another conversation is looked at."""

    selected = Signal()
    """Another conversation is open."""
    target_changed = Signal()
    """The next prompt goes elsewhere, or its model changed state."""
    choices_changed = Signal()
    """What is chosen for the open conversation may have changed."""
    busy_changed = Signal()
    """The open conversation began or ended an answer."""
    money_changed = Signal()
    """A price came in, or the budget stands otherwise."""

    def __init__(
        self,
        manager: Manager,
        bridge: Bridge,
        intents: Intents,
        gestures: Gestures,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        self._gestures = gestures
        self._chats: dict[ConversationId, Chat] = {}
        self._samplings = 0
        """How often parameters were chosen; the last choice is the one that holds."""
        self.current: Chat | None = None
        """The open conversation; None until the first one is opened."""
        self.conversations = ConversationTable(self)
        self.conversations.renamed.connect(self.rename)
        self.target = self._find_target()
        self.prices = Prices(manager, intents, bridge, self)
        self.prices.changed.connect(self.money_changed)
        for kind in (BudgetMoved, SpendingChanged, SettingChanged, AccountsChanged):
            bridge.on(kind, lambda _: self.money_changed.emit())
        bridge.on(ConversationChanged, lambda _: self._list())
        bridge.on(ConversationChanged, lambda _: self.choices_changed.emit())
        bridge.on(AliasAssigned, lambda _: self._retarget())
        bridge.on(ModelsChanged, lambda _: self._retarget())
        bridge.on(InstanceChanged, lambda _: self._retarget())
        bridge.lost.connect(self._list)
        bridge.lost.connect(self._retarget)
        intents.busy_changed.connect(self._busy)
        self._list()

    @property
    def conversation(self) -> Conversation | None:
        """What is chosen for the open conversation; None when there is none."""
        if self.current is None:
            return None
        try:
            return self._manager.conversations.get(self.current.id)
        except RequestError:
            return None

    @property
    def answering(self) -> bool:
        """Whether the open conversation has an answer under way."""
        return self.current is not None and self._intents.running(_chat(self.current.id))

    def can_send(self, text: str) -> bool:
        """Whether this text can be sent now."""
        return bool(text.strip()) and not self.answering and not self.target.problem

    def is_answered_by(self, model_id: ModelId) -> bool:
        """Whether the open conversation's last answer is this model's."""
        if self.current is None:
            return False
        last = self.current.live or next(iter(self.current.messages[-1:]), None)
        return last is not None and last.model_id == model_id

    def offered(self) -> tuple[tuple[ModelSpec, ...], tuple[ModelSpec, ...]]:
        """The models to switch to: those loaded or on their way, then the first few others."""
        models = self._manager.models
        states = {*COMING, InstanceState.READY}
        here = (view.model_id for view in models.instances() if view.state in states)
        known = models.query(ModelQuery(status=ModelStatus.AVAILABLE, limit=None)).ids
        return choices(map(models.get, known), tuple(map(models.get, here)))

    def title(self) -> str:
        """The open conversation's title."""
        if self.current is None:
            return ""
        index = self.conversations.index(self.conversations.row_of(self.current.id))
        return str(index.data() or "")

    def show(self) -> None:
        """Open the conversation that was changed last, or a new one, when none is open."""
        if self.current is not None:
            return
        first = self.conversations.id_at(0)
        if first is None:
            self.start_new()
        else:
            self.open(first)

    def open(self, conversation_id: ConversationId) -> None:
        """Show a conversation."""
        if self.current is not None and self.current.id == conversation_id:
            return
        known = self._chats.get(conversation_id)
        chat = known or Chat(self._manager, conversation_id, self)
        self._chats[conversation_id] = chat
        self.current = chat
        self.selected.emit()
        if known is None:
            self._intents.run(f"open:{conversation_id}", chat.open())

    def start_new(self) -> None:
        """Open an empty conversation; one that is still empty is taken again."""
        empty = next((chat for chat in self._chats.values() if self._is_empty(chat)), None)
        if empty is not None:
            self.open(empty.id)
        else:
            conversation = self._manager.conversations.create()
            self._list()
            self.open(conversation.id)

    def rename(self, conversation_id: ConversationId, title: str) -> None:
        """Give a conversation another title."""
        work = self._manager.conversations.rename(conversation_id, title)
        self._intents.run(f"rename:{conversation_id}", work)

    def delete(self, conversation_id: ConversationId) -> None:
        """Remove a conversation and stop its answer."""
        self._intents.cancel(_chat(conversation_id))
        self._intents.run(f"delete:{conversation_id}", self._delete(conversation_id))

    def send(self, text: str) -> bool:
        """Ask the active model in the open conversation; whether that began."""
        if self.current is None or not self.can_send(text):
            return False
        try:
            check_prompt(text)
        except RequestError as error:
            self._intents.refuse(error)
            return False
        self.current.draft = ""
        return self._run(self.current, self.current.send(text))

    def ways_out(self) -> WaysOut:
        """What can be done about the open conversation's failed answer."""
        failed = self.current.failed if self.current is not None else None
        if failed is None or failed.error is None:
            return WaysOut(())
        asked = self._asked_again(failed)
        active = self.target.spec
        other = active if active is not None and active.id != asked else None
        if self.target.problem:
            other = None
        models, memory = self._manager.models, self._manager.memory
        return of_answer(models, memory, failed.error, asked, other, time.time())

    def asked_provider(self) -> str:
        """The account whose model the failed answer was asked of; empty for a local one."""
        failed = self.current.failed if self.current is not None else None
        asked = self._asked_again(failed) if failed is not None else None
        try:
            spec = self._manager.models.get(asked) if asked is not None else None
        except UnknownModel:
            return ""
        return spec.provider if spec is not None and spec.remote is not None else ""

    def budget(self) -> BudgetState | None:
        """How the month stands, where the next prompt costs money and that is worth a word."""
        account = self._manager.accounts.find(self.target.spec.provider if self.target.spec else "")
        if account is None or is_loopback(account.base_url):
            return None
        state = self._manager.spending.budget()
        return state if state.level in {BudgetLevel.NEAR, BudgetLevel.SPENT} else None

    def taken(self) -> frozenset[str] | None:
        """The fields of `Sampling` that the next prompt's model takes; None for all of them."""
        spec = self.target.spec
        return self._manager.accounts.parameters(spec.id) if spec is not None else None

    def choose_sampling(self, sampling: Sampling) -> None:
        """Have the tokens of the open conversation's next answers chosen that way."""
        if self.current is not None:
            work = self._manager.conversations.set_sampling(self.current.id, sampling)
            self._samplings += 1
            self._intents.run(f"sampling {self._samplings}", work)

    def failure(self) -> ErrorReport | None:
        """Why the open conversation's last answer failed, and what happens about it now."""
        failed = self.current.failed if self.current is not None else None
        if failed is None or failed.error is None:
            return None
        asked = self._asked_again(failed)
        restarts = asked is not None and self._manager.models.restarts_at(asked) is not None
        return of_restart(failed.error) if restarts else failed.error

    def retry(self, load: LoadWish | None = None, to: ModelId | None = None) -> bool:
        """Answer the open conversation's last prompt again; whether that began.

        Args:
            load: how to load the model if it isn't; None for as usual.
            to: the model; None for the one that began the answer.
        """
        if self.current is None or self.answering:
            return False
        return self._run(self.current, self.current.retry(load, to))

    def ask_active(self) -> bool:
        """The same of the active model, where another one began the answer."""
        return self.target.spec is not None and self.retry(to=self.target.spec.id)

    def retry_safer(self) -> bool:
        """The same on a model that crashed, loaded with less to go wrong."""
        failed = self.current.failed if self.current is not None else None
        asked = self._asked_again(failed) if failed is not None else None
        safer = self._manager.models.safer(asked) if asked is not None else None
        return self.retry(LoadWish(settings=safer.settings) if safer is not None else None)

    def retry_anyway(self) -> bool:
        """The same on a model that isn't predicted to fit into memory."""
        return self.retry(LoadWish(anyway=True))

    def drop_oldest(self) -> bool:
        """Answer the last prompt again, from now on without the oldest turns where they don't fit.

        Returns:
            Whether that began.
        """
        if self.current is None or self.answering:
            return False
        return self._run(self.current, self._drop_oldest(self.current))

    def keep_all(self) -> None:
        """Show models the whole conversation again."""
        if self.current is not None:
            work = self._manager.conversations.set_dropping(self.current.id, drops=False)
            self._intents.run(f"keep:{self.current.id}", work)

    def choose_thinking(self, thinking: Thinking | None) -> None:
        """Have the open conversation's next answers thought about that much."""
        if self.current is not None:
            work = self._manager.conversations.set_thinking(self.current.id, thinking)
            self._intents.run(f"thinking:{self.current.id}", work)

    def refuse_paste(self, characters: int, limit: int) -> None:
        """Say that a text is too long to be typed in."""
        self._intents.refuse(overlong(characters, limit))

    def edit(self) -> bool:
        """Take the open conversation's last prompt back to edit it; whether that began."""
        if self.current is None or self.answering:
            return False
        return self._intents.run(f"edit:{self.current.id}", self.current.take_back())

    def stop(self) -> None:
        """End the open conversation's answer at once; its text so far is kept."""
        if self.current is not None and self.answering:
            self._intents.cancel(_chat(self.current.id))

    def switch(self, model_id: ModelId) -> None:
        """Send the next prompts to another model; the running answers stay where they are."""
        self._gestures.switch(model_id)

    def _asked_again(self, failed: Message) -> ModelId | None:
        """The model that Retry asks: the one that began the answer, or else the active one."""
        if failed.model_id is not None:
            return failed.model_id
        return self.target.spec.id if self.target.spec is not None else None

    def _run(self, chat: Chat, work: Coroutine[Any, Any, None]) -> bool:
        return self._intents.run(_chat(chat.id), work)

    async def _drop_oldest(self, chat: Chat) -> None:
        await self._manager.conversations.set_dropping(chat.id, drops=True)
        await chat.retry()

    async def _delete(self, conversation_id: ConversationId) -> None:
        await self._manager.conversations.delete(conversation_id)
        chat = self._chats.pop(conversation_id, None)
        self._list()
        if chat is not None and chat is self.current:
            self.current = None
            self.show()

    def _is_empty(self, chat: Chat) -> bool:
        listed = self.conversations.row_of(chat.id) >= 0
        return listed and not chat.messages and not chat.answering

    def _list(self) -> None:
        rows = self._manager.conversations.all()
        answering = {row.id for row in rows if self._intents.running(_chat(row.id))}
        self.conversations.replace(rows, answering)

    def _retarget(self) -> None:
        target = self._find_target()
        if target != self.target:
            self.target = target
            self.target_changed.emit()
        for chat in self._chats.values():
            if chat.answering and chat.live is None:
                chat.waiting_changed.emit()

    def _find_target(self) -> Target:
        models = self._manager.models
        active = models.active()
        if active is None:
            return Target()
        try:
            return Target(spec=models.get(active), instance=models.instance(active))
        except UnknownModel:
            return Target()

    def _busy(self, name: str, _: bool) -> None:
        if not name.startswith(_chat(ConversationId(""))):
            return
        self._list()
        if self.current is not None and name == _chat(self.current.id):
            self.busy_changed.emit()


def _chat(conversation_id: ConversationId) -> str:
    """The name of a conversation's answer among the intents."""
    return f"chat:{conversation_id}"
