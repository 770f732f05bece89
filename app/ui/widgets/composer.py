"""Where prompts are typed: a box that grows, the model they go to, and Send or Stop."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QMimeData, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, QTextOption
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.domain.chat_templates import Thinking, ThinkingSwitch
from app.domain.models import ModelId, ModelSpec
from app.ui import theme, words
from app.ui.theme import Theme
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.thinking_box import ThinkingBox

MOST_LINES = 8
MOST_CHARACTERS = 1024 * 1024
"""What the box takes; laying out more keeps the window waiting for more than a second."""
ENDLESS_WORD = 10_000
NAME_WIDTH = 240
NAME_BESIDE = 120
"""The name's width where the choice of thinking stands beside it."""
HINT_FROM = 560
"""The width from which there is room for the hint."""
HINT = "Enter sends, Shift+Enter starts a new line"
HINT_ANSWERING = "Answering · Esc stops"
EDGES = 16
"""Padding and border of the input box, top and bottom together."""

Offer = Callable[[], tuple[Sequence[ModelSpec], Sequence[ModelSpec]]]
"""The models to switch to: loaded ones, and others."""


class Composer(QWidget):
    """Enter sends, Shift+Enter starts a line; Esc is left to the page."""

    sent = Signal(str)
    stopped = Signal()
    switched = Signal(str)
    """The id of the model that the next prompts are to go to."""
    library_wanted = Signal()
    overfilled = Signal(int, int)
    """A text was pasted that would make so many characters, and how many are the most."""
    edited = Signal()

    def __init__(self, look: Theme, offer: Offer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._offer = offer
        self._answering = False
        self._active: ModelId | None = None
        self._name = ""
        self.input = _Input()
        self.input.setObjectName("prompt")
        self.input.setAccessibleName("Prompt")
        self.input.entered.connect(self._enter)
        self.input.overfilled.connect(self.overfilled)
        self.input.textChanged.connect(self.edited)
        self._model = QToolButton()
        self._model.setObjectName("model_switcher")
        self._model.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._model.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._model.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.menu = QMenu(self._model)
        self.menu.aboutToShow.connect(self._fill_menu)
        self._model.setMenu(self.menu)
        self._note = PlainLabel()
        self._note.setObjectName("model_note")
        self._note.setFont(theme.caption())
        self.thinking = ThinkingBox(look)
        self._hint = QLabel(HINT)
        self._hint.setObjectName("hint")
        self._hint.setProperty("role", "muted")
        self._hint.setFont(theme.caption())
        self._send = QPushButton()
        self._send.setObjectName("send")
        # A click leaves the focus where people type.
        self._send.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._send.clicked.connect(self._press)

        row = QHBoxLayout()
        row.setSpacing(theme.SPACE_2)
        row.addWidget(self._model)
        row.addWidget(self.thinking)
        row.addWidget(self._note)
        row.addStretch(1)
        row.addWidget(self._hint)
        row.addWidget(self._send)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_2)
        column.addWidget(self.input)
        column.addLayout(row)
        look.changed.connect(self._recolour)
        self._recolour()

    @property
    def text(self) -> str:
        """What is typed."""
        return self.input.toPlainText()

    def set_text(self, text: str) -> None:
        """Replace what is typed."""
        if text != self.text:
            self.input.wrap_for(text)
            self.input.setPlainText(text)

    def set_target(
        self, model_id: ModelId | None, name: str, note: str, *, warns: bool = False
    ) -> None:
        """Say which model the next prompt goes to.

        Args:
            model_id: the active model.
            name: its name; empty when there is none.
            note: what stands in the way or happens first, in a few words.
            warns: whether the note stands in the way.
        """
        self._active = model_id
        self._name = name
        self._show_name()
        self._model.setAccessibleName(f"Next prompt goes to {name}" if name else "Choose a model")
        tip = f"{name}: the next prompt goes to it" if name else ""
        self._model.setToolTip(words.tooltip(tip))
        self._note.setText(note)
        self._note.setToolTip(words.tooltip(note))
        self._note.setProperty("role", "warn" if warns else "muted")
        _polish(self._note)
        self.input.setPlaceholderText(f"Ask {name}" if name else "Ask a model")
        # Qt repaints for another placeholder only once there was text.
        self.input.viewport().update()
        self._show_hint()

    def set_thinking(self, switch: ThinkingSwitch | None, chosen: Thinking | None) -> None:
        """Offer how much to think about answers, where the model can be told.

        Args:
            switch: the switch of the model's template, if it has one.
            chosen: what the conversation asks for.
        """
        self.thinking.show_switch(switch, chosen)
        self._show_name()

    def set_state(self, *, answering: bool, can_send: bool) -> None:
        """Make the button Stop while an answer is under way, else Send."""
        changed = answering != self._answering
        self._answering = answering
        enabled = answering or can_send
        # The next key is meant for the prompt, not for what the button has become.
        if self._send.hasFocus() and (changed or not enabled):
            self.input.setFocus()
        self._send.setEnabled(enabled)
        self._hint.setText(HINT_ANSWERING if answering else HINT)
        if changed or not self._send.text():
            self._recolour()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Drop the hint where it's tight."""
        super().resizeEvent(event)
        self._show_hint()

    def _show_name(self) -> None:
        room = NAME_WIDTH if self.thinking.isHidden() else NAME_BESIDE
        cut = Qt.TextElideMode.ElideRight
        short = self._model.fontMetrics().elidedText(self._name, cut, room)
        self._model.setText(words.button_text(short) or "Choose a model")

    def _show_hint(self) -> None:
        self._hint.setVisible(self.width() >= HINT_FROM and not self._note.text())

    def _press(self) -> None:
        self.input.setFocus()
        if self._answering:
            self.stopped.emit()
        else:
            self.sent.emit(self.text)

    def _enter(self) -> None:
        if not self._answering and self._send.isEnabled():
            self.sent.emit(self.text)

    def _fill_menu(self) -> None:
        self.menu.clear()
        loaded, others = self._offer()
        for spec in loaded:
            self._add(spec)
        if others:
            self.menu.addSeparator()
            self.menu.addAction("Load and switch").setEnabled(False)
            for spec in others:
                self._add(spec)
        self.menu.addSeparator()
        self.menu.addAction("Open Library", self.library_wanted.emit)

    def _add(self, spec: ModelSpec) -> None:
        text = words.button_text(
            " · ".join(part for part in (spec.name, spec.quantisation) if part)
        )
        action = self.menu.addAction(text, lambda: self.switched.emit(spec.id))
        action.setCheckable(True)
        action.setChecked(spec.id == self._active)

    def _recolour(self) -> None:
        self._send.setText("Stop" if self._answering else "Send")
        self._send.setToolTip("Stop the answer (Esc)" if self._answering else "Send (Enter)")
        self._send.setProperty("kind", "" if self._answering else "primary")
        _polish(self._send)
        role = "text" if self._answering else "on_accent"
        self._send.setIcon(self._look.icon("stop" if self._answering else "send", role))
        self._model.setIcon(self._look.icon("switch"))


def _polish(widget: QWidget) -> None:
    """Let the style sheet look at the widget's properties again."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def has_endless_word(text: str) -> bool:
    """Whether looking for the end of a word in this text keeps the window waiting."""
    return len(text) > ENDLESS_WORD and max(map(len, text.split()), default=0) > ENDLESS_WORD


class _Input(QPlainTextEdit):
    """A text box as high as its text, within limits."""

    entered = Signal()
    overfilled = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "input")
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().documentLayout().documentSizeChanged.connect(lambda _: self._fit())
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter sends; with Shift it starts a line."""
        enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.entered.emit()
        elif event.key() == Qt.Key.Key_Escape:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Refuse a text that would keep the window busy."""
        text = source.text()
        characters = self.document().characterCount() - 1 + len(text)
        if characters > MOST_CHARACTERS:
            self.overfilled.emit(characters, MOST_CHARACTERS)
            return
        if has_endless_word(text):
            self.wrap_for(text)
        super().insertFromMimeData(source)

    def wrap_for(self, text: str) -> None:
        """Break lines in a text where that doesn't take long."""
        mode = QTextOption.WrapMode
        endless = has_endless_word(text)
        self.setWordWrapMode(mode.WrapAnywhere if endless else mode.WrapAtWordBoundaryOrAnywhere)

    def changeEvent(self, event: QEvent) -> None:
        """Fit again when the font changes."""
        super().changeEvent(event)
        if event.type() in {QEvent.Type.FontChange, QEvent.Type.StyleChange}:
            self._fit()

    def _fit(self) -> None:
        line = self.fontMetrics().lineSpacing()
        lines = max(2, min(MOST_LINES, int(self.document().size().height())))
        margin = int(self.document().documentMargin()) * 2
        self.setFixedHeight(lines * line + margin + EDGES)
