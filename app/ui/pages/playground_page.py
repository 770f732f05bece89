"""The Playground: talk to the active model."""

import time
from collections.abc import Callable

from PySide6.QtCore import QMetaObject, QObject, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.domain.conversations import ConversationId
from app.domain.generation import Sampling
from app.domain.models import ModelId
from app.domain.spending import BudgetLevel
from app.manager.manager import Manager
from app.ui import theme
from app.ui.bridge import Bridge
from app.ui.dialogs import ask
from app.ui.intents import Intents
from app.ui.theme import Theme
from app.ui.viewmodels import account_words
from app.ui.viewmodels.chat import Chat
from app.ui.viewmodels.gestures import Gestures
from app.ui.viewmodels.playground import Playground
from app.ui.viewmodels.ways_out import (
    ASK_ACTIVE,
    CHANGE_ADDRESS,
    DROP_OLDEST,
    EDIT_PROMPT,
    LOAD_ANYWAY,
    LOAD_SAFER,
    NEW_CONVERSATION,
    RETRY,
    SET_KEY,
    SHOW_SPENDING,
)
from app.ui.widgets.composer import Composer
from app.ui.widgets.conversation_list import ConversationList
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.error_box import ErrorBox
from app.ui.widgets.page_header import PageHeader
from app.ui.widgets.parameter_panel import ParameterPanel
from app.ui.widgets.quiet_line import QuietLine
from app.ui.widgets.tab_order import in_tab_order
from app.ui.widgets.transcript import Transcript
from app.ui.widgets.waiting_line import WaitingLine

LIST_WIDTH = 220
WAIT_MS = 1000
"""How often a wait that a provider asks for is told anew."""
OPENABLE = {"http", "https", "mailto"}
"""What a link in an answer may open outside; anything else is only text."""

DROPPING = "The oldest turns of this conversation are left out where they don't fit."


class PlaygroundPage(QWidget):
    """Conversations left, the open one in the middle, the prompt below it."""

    navigate = Signal(str)
    """The name of the page to go to."""
    requested = Signal(str, str)
    """The id of an action, and the account that it is for."""

    def __init__(
        self,
        manager: Manager,
        look: Theme,
        intents: Intents,
        bridge: Bridge,
        gestures: Gestures,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._intents = intents
        self.view_model = Playground(manager, bridge, intents, gestures, self)
        self._links: list[QMetaObject.Connection] = []
        self._error: ErrorBox | None = None
        self.setObjectName("playground_page")
        self.header = PageHeader("Playground")
        self.list = ConversationList(look, self.view_model.conversations)
        self.list.setMinimumWidth(theme.SPACE_8 * 4)
        self.transcript = Transcript(look)
        self.hint = EmptyState(
            look, "playground", "Ask something", "The answer shows how fast it came."
        )
        self.no_model = EmptyState(
            look,
            "library",
            "No model is loaded.",
            "Load one in the Library, then ask it something here.",
            "Open Library",
        )
        self.waiting = WaitingLine()
        self.template_note = QuietLine("template_note")
        self.budget_note = QuietLine("budget_note", "Show spending")
        self.parameters = ParameterPanel()
        self.parameters.hide()
        self.fold = QPushButton("Parameters")
        self.fold.setObjectName("show_parameters")
        self.fold.setToolTip("Show how the tokens of the next answers are chosen")
        self.fold.setCheckable(True)
        self.header.add(self.fold)
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(WAIT_MS)
        self._wait.timeout.connect(self._show_error)
        self.dropping_note = QuietLine("dropping_note", "Keep all turns")
        self.composer = Composer(look, self.view_model.offered)
        self._stack = QStackedWidget()
        for widget in (self.transcript, self.hint, self.no_model):
            self._stack.addWidget(widget)
        self._lay_out()
        self._connect()
        self._show_target()
        self._show_chat()

    def showEvent(self, event: QShowEvent) -> None:
        """Open a conversation the first time the page is seen."""
        super().showEvent(event)
        self.view_model.show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc stops the answer, wherever on the page the focus is."""
        if event.key() == Qt.Key.Key_Escape and self.view_model.answering:
            self.view_model.stop()
        else:
            super().keyPressEvent(event)

    def focus_composer(self) -> None:
        """Be ready to type."""
        self.composer.input.setFocus()

    def new_conversation(self) -> None:
        """Open an empty conversation, ready to type."""
        self.view_model.start_new()
        self.focus_composer()

    def open_link(self, url: QUrl) -> None:
        """Open a link of an answer in the system's browser."""
        if url.scheme() in OPENABLE:
            QDesktopServices.openUrl(url)

    def _lay_out(self) -> None:
        self._below = QVBoxLayout()
        self._below.setSpacing(theme.SPACE_2)
        self._below.addWidget(self.waiting)
        self._below.addWidget(self.dropping_note)
        self._below.addWidget(self.template_note)
        self._below.addWidget(self.budget_note)
        self._below.addWidget(self.composer)
        column = QWidget()
        column.setLayout(self._below)
        column.setMaximumWidth(theme.READING_WIDTH)
        self._below.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.setContentsMargins(theme.SPACE_4, 0, theme.SPACE_4, 0)
        row.addWidget(column)
        right = QWidget()
        middle = QVBoxLayout(right)
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(theme.SPACE_3)
        middle.addWidget(self._stack, 1)
        middle.addLayout(row)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setObjectName("playground")
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(theme.SPACE_3)
        self.splitter.addWidget(self.list)
        self.splitter.addWidget(right)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([LIST_WIDTH, theme.READING_WIDTH])
        page = QVBoxLayout(self)
        page.setContentsMargins(*[theme.SPACE_4] * 4)
        page.setSpacing(theme.SPACE_3)
        page.addWidget(self.header)
        beside = QHBoxLayout()
        beside.setSpacing(theme.SPACE_3)
        beside.addWidget(self.splitter, 1)
        beside.addWidget(self.parameters)
        page.addLayout(beside, 1)

    def _connect(self) -> None:
        self.no_model.triggered.connect(self._open_library)
        self.transcript.link_opened.connect(self.open_link)
        self.list.opened.connect(self.view_model.open)
        self.list.created.connect(self.new_conversation)
        self.list.deleted.connect(self._delete)
        self._ways_out: dict[str, Callable[[], object]] = {
            RETRY: self.view_model.retry,
            ASK_ACTIVE: self.view_model.ask_active,
            LOAD_SAFER: self.view_model.retry_safer,
            LOAD_ANYWAY: self.view_model.retry_anyway,
            NEW_CONVERSATION: self.new_conversation,
            EDIT_PROMPT: self._edit_prompt,
            DROP_OLDEST: self.view_model.drop_oldest,
            SET_KEY: lambda: self._request("set_account_key"),
            CHANGE_ADDRESS: lambda: self._request("change_account"),
            SHOW_SPENDING: lambda: self.requested.emit("spending", ""),
        }
        self.budget_note.triggered.connect(lambda: self.requested.emit("spending", ""))
        self.transcript.cost = self.view_model.prices.of_answer
        self.view_model.prices.changed.connect(self.transcript.draw_again)
        self.view_model.money_changed.connect(self._show_budget)
        self.fold.toggled.connect(self._unfold)
        self.parameters.chosen.connect(self.view_model.choose_sampling)
        self.dropping_note.triggered.connect(self._keep_all)
        self.composer.overfilled.connect(self.view_model.refuse_paste)
        self.composer.thinking.chosen.connect(self.view_model.choose_thinking)
        self.view_model.choices_changed.connect(self._show_choices)
        self.composer.sent.connect(self._send)
        self.composer.stopped.connect(self.view_model.stop)
        self.composer.switched.connect(self._switch)
        self.composer.library_wanted.connect(self._open_library)
        self.composer.edited.connect(self._typed)
        self.view_model.selected.connect(self._show_chat)
        self.view_model.target_changed.connect(self._show_target)
        self.view_model.busy_changed.connect(self._show_state)
        self.view_model.conversations.modelReset.connect(self._show_selection)
        self.view_model.conversations.dataChanged.connect(self._show_selection)

    def _show_chat(self) -> None:
        """Follow the open conversation, and no other."""
        for link in self._links:
            QObject.disconnect(link)
        chat = self.view_model.current
        self._links = [] if chat is None else self._follow(chat)
        self._redraw()
        self._show_selection()
        self._show_choices()
        self._show_state()

    def _follow(self, chat: Chat) -> list[QMetaObject.Connection]:
        return [
            chat.changed.connect(self._redraw),
            chat.prompted.connect(self.transcript.add_message),
            chat.prompted.connect(self._show_state),
            chat.began.connect(self.transcript.begin),
            chat.reasoned.connect(self.transcript.reason),
            chat.thought.connect(self.transcript.end_reasoning),
            chat.grew.connect(self.transcript.append),
            chat.ended.connect(self.transcript.end),
            chat.waiting_changed.connect(self._show_state),
        ]

    def _redraw(self) -> None:
        chat = self.view_model.current
        if chat is None:
            self.transcript.show_messages(())
            return
        self.transcript.show_messages(chat.messages, chat.live, chat.partial, chat.reasoning)
        self.composer.set_text(chat.draft)
        self._show_state()

    def _show_state(self) -> None:
        """Bring buttons, waiting line, error and empty states in step."""
        playground = self.view_model
        chat = playground.current
        self.composer.set_state(
            answering=playground.answering, can_send=playground.can_send(self.composer.text)
        )
        waiting = chat.waiting() if chat is not None else None
        self.waiting.setVisible(waiting is not None)
        if waiting is not None:
            self.waiting.show_step(waiting.text, waiting.progress)
        self._show_error()
        if chat is not None and (chat.messages or chat.live is not None):
            self._show_middle(self.transcript)
        elif playground.target.spec is None:
            self._show_middle(self.no_model)
        else:
            self._show_middle(self.hint)

    def _show_middle(self, widget: QWidget) -> None:
        if widget is not self._stack.currentWidget():
            self._take_focus_from(self._stack)
            self._stack.setCurrentWidget(widget)

    def _show_error(self) -> None:
        failure = None if self.view_model.answering else self.view_model.failure()
        if failure is None:
            if self._error is not None:
                self._take_focus_from(self._error)
                self._error.hide()
            return
        if self._error is None:
            self._error = ErrorBox(self._look, failure)
            self._error.triggered.connect(lambda action: self._ways_out[action]())
            self._below.insertWidget(0, self._error)
        if failure.retry_at is not None and failure.retry_at > time.time():
            self._wait.start()
        ways_out = self.view_model.ways_out()
        self._error.offer(ways_out.actions, ways_out.note)
        in_tab_order(self.transcript, *self._error.buttons(), self.composer.input)
        self._error.show_report(failure)
        self._error.show()

    def _take_focus_from(self, leaving: QWidget) -> None:
        """Put the focus where people type before what has it is hidden."""
        focus = QApplication.focusWidget()
        if focus is not None and leaving.isAncestorOf(focus):
            self.focus_composer()

    def _show_target(self) -> None:
        target = self.view_model.target
        model_id = target.spec.id if target.spec is not None else None
        self.composer.set_target(model_id, target.name, target.note, warns=bool(target.problem))
        self.template_note.say(target.template_note)
        self._show_choices()
        self._show_budget()
        self._show_state()

    def _show_budget(self) -> None:
        state = self.view_model.budget()
        text = account_words.budget(state) if state is not None else ""
        if not text:
            self._take_focus_from(self.budget_note)
        spent = state is not None and state.level is BudgetLevel.SPENT
        self.budget_note.say(text, "warn" if spent else "muted")

    def _unfold(self, on: bool) -> None:
        if not on:
            self._take_focus_from(self.parameters)
        self.parameters.setVisible(on)

    def _request(self, action: str) -> None:
        self.requested.emit(action, self.view_model.asked_provider())

    def _show_choices(self) -> None:
        """Bring what the open conversation asks of models in step."""
        chosen = self.view_model.conversation
        thinking = chosen.thinking if chosen is not None else None
        self.composer.set_thinking(self.view_model.target.thinking, thinking)
        self.parameters.show_sampling(
            chosen.sampling if chosen is not None else Sampling(),
            self.view_model.taken(),
            self.view_model.target.name,
        )
        drops = chosen is not None and chosen.drops_oldest
        if not drops:
            self._take_focus_from(self.dropping_note)
        self.dropping_note.say(DROPPING if drops else "")

    def _show_selection(self) -> None:
        if self.view_model.current is not None:
            self.list.select(self.view_model.current.id)
        self.header.set_note(self.view_model.title())

    def _typed(self) -> None:
        if self.view_model.current is not None:
            self.view_model.current.draft = self.composer.text
        self._show_state()

    def _open_library(self) -> None:
        self.navigate.emit("library")

    def _send(self, text: str) -> None:
        if self.view_model.send(text):
            self.composer.set_text("")

    def _keep_all(self) -> None:
        self.view_model.keep_all()
        self.focus_composer()

    def _edit_prompt(self) -> None:
        self.view_model.edit()
        self.focus_composer()

    def _switch(self, model_id: str) -> None:
        self.view_model.switch(ModelId(model_id))

    def _delete(self, conversation_id: str) -> None:
        self._intents.run("delete conversation", self._ask_and_delete(conversation_id))

    async def _ask_and_delete(self, conversation_id: str) -> None:
        table = self.view_model.conversations
        title = table.index(table.row_of(ConversationId(conversation_id))).data()
        answer = await ask(
            self,
            "Delete this conversation?",
            f"“{title}” and its answers are gone for good.",
            ("Delete", "Cancel"),
            default="Cancel",
        )
        if answer == "Delete":
            self.view_model.delete(ConversationId(conversation_id))
