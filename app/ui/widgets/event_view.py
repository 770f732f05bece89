"""One event: when it happened, what it was, what led to it and what followed."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.domain.models import ModelId
from app.ui import theme, words
from app.ui.theme import Theme
from app.ui.viewmodels.activity import Story
from app.ui.viewmodels.activity_rows import Entry
from app.ui.viewmodels.event_words import KIND_WORDS, clock, full_time
from app.ui.widgets.error_box import ErrorBox
from app.ui.widgets.icon_button import IconButton
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.wrapped_label import WrappedLabel

LEAST_WIDTH, LEAST_HEIGHT = 260, 120
"""A place that was kept while it was hidden leaves it no room at all."""
MOST = 12
"""Causes or effects that are listed; the table has all of them."""


class EventLink(QPushButton):
    """A cause or an effect on one line, cut where there is too little room; a press leads to it."""

    def __init__(self, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._said = f"{clock(entry.at)}  {entry.text}"
        self.setObjectName("event_link")
        self.setProperty("kind", "flat")
        self.setStyleSheet(f"text-align: left; padding: 0 {theme.SPACE_1}px;")
        self.setAccessibleName(self._said)
        self.setToolTip(words.tooltip(self._said))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFont(theme.figures())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width shows more of the words, or less."""
        super().resizeEvent(event)
        room = self.width() - 2 * theme.SPACE_2
        cut = self.fontMetrics().elidedText(self._said, Qt.TextElideMode.ElideRight, room)
        self.setText(words.button_text(cut))


class EventView(QFrame):
    """Stands beside the log; each cause and effect leads to its own row."""

    chosen = Signal(str)
    """The key of a cause or an effect that was pressed."""
    model_asked = Signal(str)
    """The id of the model to show."""
    copy_asked = Signal()

    def __init__(self, look: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._story: Story | None = None
        self.setProperty("role", "card")
        self.setObjectName("event_view")
        self.setMinimumSize(LEAST_WIDTH, LEAST_HEIGHT)
        self._when = WrappedLabel()
        self._when.setProperty("role", "muted")
        self._when.setObjectName("event_when")
        self._text = WrappedLabel()
        self._text.setObjectName("event_text")
        self._text.setFont(theme.strong())
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._body = QVBoxLayout()
        self._body.setSpacing(theme.SPACE_2)
        self._parts: list[QWidget] = []
        page = QWidget()
        page.setProperty("role", "page")
        inside = QVBoxLayout(page)
        inside.setContentsMargins(*[theme.SPACE_3] * 4)
        inside.setSpacing(theme.SPACE_2)
        self.copy = IconButton(look, "copy", "Copy this event as text")
        self.copy.setObjectName("event_copy")
        self.copy.clicked.connect(lambda _=False: self.copy_asked.emit())
        top = QHBoxLayout()
        top.setSpacing(theme.SPACE_2)
        top.addWidget(self._when, 1)
        top.addWidget(self.copy, alignment=Qt.AlignmentFlag.AlignTop)
        inside.addLayout(top)
        inside.addWidget(self._text)
        inside.addLayout(self._body)
        inside.addStretch(1)
        area = QScrollArea()
        area.setAccessibleName("Event")
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(area)

    def show_story(self, story: Story, models: Sequence[tuple[ModelId, str]]) -> None:
        """Show an event.

        Args:
            story: the event with its causes and effects.
            models: the models that can be shown.
        """
        if story == self._story:
            return
        self._story = story
        entry = story.entry
        kind = KIND_WORDS[entry.topic]
        self._when.setText(f"{kind[0].upper()}{kind[1:]} · {full_time(entry.at)}")
        self._text.setText(entry.text)
        for part in self._parts:
            part.hide()
            part.deleteLater()
        self._parts = []
        if entry.error is not None:
            self._put(ErrorBox(self._look, entry.error))
        for model_id, name in models:
            self._put(self._model_button(model_id, name))
        self._tell("What led to it", story.causes, story.origin)
        self._tell("What followed", story.effects)

    def _tell(self, title: str, entries: Sequence[Entry], origin: str = "") -> None:
        heading = PlainLabel(title)
        heading.setFont(theme.section())
        heading.setContentsMargins(0, theme.SPACE_2, 0, 0)
        self._put(heading)
        if origin:
            self._put(WrappedLabel(origin))
        if not entries and not origin:
            nothing = WrappedLabel("Nothing that is known.")
            nothing.setProperty("role", "muted")
            self._put(nothing)
        for entry in entries[:MOST]:
            link = EventLink(entry)
            link.clicked.connect(lambda _=False, key=entry.key: self.chosen.emit(key))
            self._put(link)
        if len(entries) > MOST:
            more = PlainLabel(f"And {words.count(len(entries) - MOST)} more.")
            more.setProperty("role", "muted")
            self._put(more)

    def _model_button(self, model_id: ModelId, name: str) -> QWidget:
        button = QPushButton("Show in Library")
        button.setObjectName("event_model")
        button.setAccessibleName(f"Show {name} in the Library")
        button.setToolTip(words.tooltip(f"Show {name} in the Library"))
        button.clicked.connect(lambda _=False: self.model_asked.emit(model_id))
        label = WrappedLabel(name)
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE_2)
        row.addWidget(label, 1)
        row.addWidget(button)
        return line

    def _put(self, widget: QWidget) -> None:
        self._parts.append(widget)
        self._body.addWidget(widget)
