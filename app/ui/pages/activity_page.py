"""Activity: what happened in this run, and why."""

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QGuiApplication, QHideEvent, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.domain.activity import Topic
from app.domain.models import ModelId
from app.manager.manager import Manager
from app.ui import theme
from app.ui.pages.event_list import EventList
from app.ui.theme import Theme
from app.ui.viewmodels.activity import Activity
from app.ui.viewmodels.activity_rows import Key
from app.ui.viewmodels.event_words import TOPIC_WORDS
from app.ui.widgets.choice_box import ChoiceBox
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.event_view import EventView
from app.ui.widgets.flow_layout import FlowLayout
from app.ui.widgets.page_header import PageHeader
from app.ui.widgets.plain_label import ElidedLabel

SEARCH_WIDTH, CHOICE_WIDTH = 220, 180
LIST_WIDTH, EVENT_WIDTH = 640, 300
LIST_HEIGHT, EVENT_HEIGHT = 240, 180
SIDE_BY_SIDE = 860
"""The width of a page that has room for the log and an event beside each other."""
EVERY_MODEL = "All models"


class ActivityPage(QWidget):
    """The log on the left, the event that is chosen on the right."""

    requested = Signal(str, str)
    """The id of an action, and what it is for."""

    def __init__(self, manager: Manager, look: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._current: Key | None = None
        self.view_model = Activity(manager, self)
        self.setObjectName("activity_page")
        self._make_controls()
        self.list = EventList(look, self.view_model.table)
        self.event_view = EventView(look)
        self.event_view.hide()
        self._empty = EmptyState(
            look,
            "activity",
            "Nothing has happened yet",
            "Load a model or add a folder: what that leads to is listed here, with its causes.",
        )
        self._nothing = EmptyState(
            look,
            "search",
            "No such event",
            "Nothing that is listed fits all that is asked for.",
            "Show everything",
        )
        self._lay_out()
        self._connect()
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        """Follow what happens."""
        super().showEvent(event)
        self.view_model.watch(seen=True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Follow nothing that nobody sees."""
        super().hideEvent(event)
        self.view_model.watch(seen=False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the event below the log where there is too little room beside it."""
        super().resizeEvent(event)
        beside = self.width() >= SIDE_BY_SIDE
        wanted = Qt.Orientation.Horizontal if beside else Qt.Orientation.Vertical
        if self.splitter.orientation() is not wanted:
            self.splitter.setOrientation(wanted)
            sizes = (LIST_WIDTH, EVENT_WIDTH) if beside else (LIST_HEIGHT, EVENT_HEIGHT)
            self.splitter.setSizes(sizes)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc takes back what is looked for."""
        if event.key() == Qt.Key.Key_Escape and self.view_model.filter:
            self.view_model.look_for_everything()
        else:
            super().keyPressEvent(event)

    def focus_list(self) -> None:
        """Let the keys move through the log."""
        (self.list if self.list.isVisible() else self.search).setFocus()

    def choose(self, key: Key) -> None:
        """Select an entry, whatever is looked for or folded."""
        self.view_model.reveal(key)
        row = self.view_model.table.row_of(key)
        if row >= 0:
            self.list.selectRow(row)
            self.list.scrollTo(self.view_model.table.index(row, 0))

    def _make_controls(self) -> None:
        self.search = QLineEdit()
        self.search.setObjectName("activity_search")
        self.search.setAccessibleName("Words to look for")
        self.search.setPlaceholderText("Words to look for")
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(SEARCH_WIDTH)
        self.copy = QPushButton("Copy")
        self.copy.setObjectName("activity_copy")
        self.copy.setToolTip("Copy all that is listed as text")
        self.bundle = QPushButton("Support bundle…")
        self.bundle.setObjectName("activity_bundle")
        self.bundle.setToolTip(
            "Write what helps to find a fault into a file, without anything private"
        )
        self.header = PageHeader("Activity")
        for control in (self.search, self.copy, self.bundle):
            self.header.add(control)
        self.note = ElidedLabel()
        self.note.setObjectName("activity_note")
        self.note.setProperty("role", "muted")
        self.models = ChoiceBox(self._look)
        self.models.setObjectName("activity_model")
        self.models.setAccessibleName("Model")
        self.models.setMinimumWidth(CHOICE_WIDTH)
        self.models.setMinimumContentsLength(14)
        self.models.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.chips: dict[Topic, QPushButton] = {}
        for topic, word in TOPIC_WORDS.items():
            chip = QPushButton(word)
            chip.setObjectName(f"topic_{topic.value}")
            chip.setProperty("kind", "facet")
            chip.setCheckable(True)
            chip.setAccessibleName(f"Show {word.lower()}")
            chip.clicked.connect(self._ask_topics)
            self.chips[topic] = chip

    def _lay_out(self) -> None:
        flow = QWidget()
        chips = FlowLayout(flow, spacing=theme.SPACE_1)
        for chip in self.chips.values():
            chips.addWidget(chip)
        bar = QHBoxLayout()
        bar.setSpacing(theme.SPACE_3)
        bar.addWidget(flow, 1)
        bar.addWidget(self.models, alignment=Qt.AlignmentFlag.AlignTop)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setObjectName("activity")
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(theme.SPACE_3)
        self.splitter.addWidget(self.list)
        self.splitter.addWidget(self.event_view)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.splitter.setSizes([LIST_WIDTH, EVENT_WIDTH])
        self._stack = QStackedWidget()
        for widget in (self.splitter, self._nothing, self._empty):
            self._stack.addWidget(widget)
        page = QVBoxLayout(self)
        page.setContentsMargins(*[theme.SPACE_4] * 4)
        page.setSpacing(theme.SPACE_3)
        page.addWidget(self.header)
        page.addLayout(bar)
        page.addWidget(self._stack, 1)
        page.addWidget(self.note)

    def _connect(self) -> None:
        model = self.view_model
        self.search.textChanged.connect(lambda text: model.look_for(words=text))
        self.models.activated.connect(self._ask_model)
        self.copy.clicked.connect(lambda _=False: _put_on_clipboard(model.text()))
        self.bundle.clicked.connect(lambda _=False: self.requested.emit("support_bundle", ""))
        self.list.folded.connect(lambda key, is_open: model.fold(key, is_open=is_open))
        self.list.copied.connect(lambda key: _put_on_clipboard(model.story_text(key)))
        self.list.opened.connect(self._open)
        self.list.selectionModel().currentRowChanged.connect(self._row_chosen)
        self.event_view.chosen.connect(self.choose)
        self.event_view.copy_asked.connect(self._copy_event)
        self.event_view.model_asked.connect(lambda model: self.requested.emit("show_model", model))
        self._nothing.triggered.connect(model.look_for_everything)
        model.changed.connect(self._show)

    def _show(self) -> None:
        model = self.view_model
        asked = model.filter
        if self.search.text() != asked.words:
            self.search.setText(asked.words)
        for topic, chip in self.chips.items():
            chip.setChecked(topic in asked.topics)
        self._show_models()
        self.note.setText(model.summary())
        shown = model.table.rowCount() > 0 and not model.idle()
        self.copy.setEnabled(shown)
        if shown:
            self._stack.setCurrentWidget(self.splitter)
        else:
            self._stack.setCurrentWidget(self._nothing if asked else self._empty)
        self._show_event()

    def _show_models(self) -> None:
        choices = [("", EVERY_MODEL), *self.view_model.models()]
        shown = [
            (self.models.itemData(n), self.models.itemText(n)) for n in range(self.models.count())
        ]
        if shown != choices:
            self.models.clear()
            for model_id, name in choices:
                self.models.addItem(name, model_id)
        self.models.setCurrentIndex(self.models.findData(self.view_model.filter.model or ""))
        self.models.setEnabled(len(choices) > 1)

    def _show_event(self) -> None:
        """Show what is known of the chosen entry by now."""
        table = self.view_model.table
        row = table.row_at(self.list.currentIndex().row())
        story = self.view_model.story(row.entry.key) if row is not None else None
        self._current = row.entry.key if row is not None and story is not None else None
        if story is not None:
            self.event_view.show_story(story, self.view_model.openable(story.entry))
        self.event_view.setVisible(story is not None)

    def _row_chosen(self, _current: QModelIndex) -> None:
        self._show_event()

    def _ask_topics(self) -> None:
        chosen = frozenset(topic for topic, chip in self.chips.items() if chip.isChecked())
        self.view_model.look_for(topics=chosen)

    def _ask_model(self, index: int) -> None:
        model_id = self.models.itemData(index)
        if model_id:
            self.view_model.look_for(model=ModelId(model_id))
        else:
            self.view_model.look_for(any_model=True)

    def _open(self, key: Key) -> None:
        story = self.view_model.story(key)
        models = self.view_model.openable(story.entry) if story is not None else ()
        if models:
            self.requested.emit("show_model", models[0][0])

    def _copy_event(self) -> None:
        if self._current is not None:
            _put_on_clipboard(self.view_model.story_text(self._current))


def _put_on_clipboard(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
