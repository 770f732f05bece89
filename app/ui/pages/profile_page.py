"""Profile: measure a model, watch it, and keep the result."""

import asyncio
import importlib
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.domain.models import ModelId
from app.domain.profiles import ProfileRunId
from app.manager.manager import Manager
from app.ui import theme, words
from app.ui.bridge import Bridge
from app.ui.dialogs import ask
from app.ui.intents import Intents
from app.ui.theme import Theme
from app.ui.viewmodels.profile import Profiling
from app.ui.widgets.choice_box import ChoiceBox
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.page_header import PageHeader
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.waiting_line import WaitingLine

if TYPE_CHECKING:
    from app.ui.charts.profile_charts import ProfileCharts

LIVE_MS = 50
"""How often live charts are drawn, at most."""
CHOICE_WIDTH = 280
CHARTS_HEIGHT, KEPT_HEIGHT = 440, 180
ONE_CHART = 176
"""The height that shows one chart; the others are scrolled to."""
MODEL_COLUMN = 1
NARROWEST = 80
"""The width of a column that still shows some of a model's name."""
CELL_PADDING = theme.SPACE_2 - 3
"""Qt adds 3 pixels, so that figures stand under their titles."""


class ProfilePage(QWidget):
    """What runs now on top, what is kept below."""

    navigate = Signal(str)
    """The name of the page to go to."""

    def __init__(
        self,
        manager: Manager,
        look: Theme,
        intents: Intents,
        bridge: Bridge,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._intents = intents
        self.view_model = Profiling(manager, bridge, intents, self)
        self.charts: ProfileCharts | None = None
        """Made when the page is first seen: pyqtgraph is slow to import."""
        self._frame = QTimer(self)
        self._frame.setSingleShot(True)
        self._frame.setInterval(LIVE_MS)
        self._frame.timeout.connect(self._draw)
        self.setObjectName("profile_page")
        self._make_controls()
        self._make_table()
        self._lay_out()
        self._connect()
        self._show_choices()
        self._show_run()
        self._recolour()

    def profile(self, model_id: ModelId) -> None:
        """Measure a model, unless a run is under way."""
        self.view_model.choose(model_id)
        self.view_model.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Make the charts the first time, and draw what came meanwhile."""
        super().showEvent(event)
        self.view_model.watch(seen=True)
        if self.charts is None:
            self._intents.run("charts", self._make_charts())
        else:
            self._draw()

    def hideEvent(self, event: QHideEvent) -> None:
        """Draw and list nothing that nobody sees."""
        super().hideEvent(event)
        self.view_model.watch(seen=False)
        self._frame.stop()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc cancels the run."""
        if event.key() == Qt.Key.Key_Escape and self.view_model.running:
            self.view_model.cancel()
        else:
            super().keyPressEvent(event)

    def _make_controls(self) -> None:
        self.choice = ChoiceBox(self._look)
        self.choice.setObjectName("profile_model")
        self.choice.setAccessibleName("Model to profile")
        self.choice.setMinimumWidth(CHOICE_WIDTH)
        self.choice.setMinimumContentsLength(20)
        self.choice.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.button = QPushButton("Profile")
        self.button.setObjectName("profile_start")
        self.button.setToolTip("Measure the chosen model's speed")
        self.header = PageHeader("Profile")
        self.header.add(self.choice)
        self.header.add(self.button)
        self.waiting = WaitingLine()
        self.heading = PlainLabel()
        self.heading.setObjectName("profile_heading")
        self.heading.setFont(theme.section())
        self.summary = QLabel()
        self.summary.setProperty("role", "muted")
        self.no_models = EmptyState(
            self._look,
            "library",
            "No models yet.",
            "Add a folder in the Library, then measure how fast its models are here.",
            "Open Library",
        )
        self.no_runs = EmptyState(
            self._look,
            "profile",
            "Nothing measured yet",
            "Choose a model and press Profile: a few short requests show how fast it is here.",
        )

    def _make_table(self) -> None:
        self.table = QTableView()
        self.table.setObjectName("profile_runs")
        self.table.setAccessibleName("Kept runs")
        self.table.setModel(self.view_model.runs)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.setWordWrap(False)
        self.table.setStyleSheet(f"QTableView::item {{ padding: 0 {CELL_PADDING}px; }}")
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(theme.ROW)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(NARROWEST)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(MODEL_COLUMN, QHeaderView.ResizeMode.Stretch)
        self.delete = QPushButton("Delete")
        self.delete.setObjectName("profile_delete")
        self.delete.setToolTip("Delete the selected run (Del)")
        self._delete_key = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.table)
        self._delete_key.setContext(Qt.ShortcutContext.WidgetShortcut)

    def _lay_out(self) -> None:
        self._area = QWidget()
        shown = QVBoxLayout(self._area)
        shown.setContentsMargins(0, 0, 0, theme.SPACE_2)
        shown.setSpacing(theme.SPACE_2)
        title = QHBoxLayout()
        title.setSpacing(theme.SPACE_3)
        title.addWidget(self.heading)
        title.addWidget(self.summary)
        title.addWidget(self.waiting, 1)
        title.addStretch(1)
        shown.addLayout(title)
        self.loading = QLabel("Loading charts…")
        self.loading.setProperty("role", "muted")
        self.loading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._chart_area = QScrollArea()
        self._chart_area.setAccessibleName("Charts")
        self._chart_area.setMinimumHeight(ONE_CHART)
        self._chart_area.setWidgetResizable(True)
        self._chart_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._chart_area.setWidget(self.loading)
        shown.addWidget(self._chart_area, 1)
        runs = QLabel("Kept runs")
        runs.setFont(theme.section())
        bar = QHBoxLayout()
        bar.addWidget(runs)
        bar.addStretch(1)
        bar.addWidget(self.delete)
        self._kept = QWidget()
        below = QVBoxLayout(self._kept)
        below.setContentsMargins(0, theme.SPACE_2, 0, 0)
        below.setSpacing(theme.SPACE_2)
        below.addLayout(bar)
        below.addWidget(self.table, 1)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setObjectName("profile")
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self._area)
        self.splitter.addWidget(self._kept)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.splitter.setSizes([CHARTS_HEIGHT, KEPT_HEIGHT])
        self._stack = QStackedWidget()
        for widget in (self.splitter, self.no_runs, self.no_models):
            self._stack.addWidget(widget)
        page = QVBoxLayout(self)
        page.setContentsMargins(*[theme.SPACE_4] * 4)
        page.setSpacing(theme.SPACE_3)
        page.addWidget(self.header)
        page.addWidget(self._stack, 1)

    def _connect(self) -> None:
        model = self.view_model
        self.choice.activated.connect(self._chosen)
        self.button.clicked.connect(self._press)
        self.delete.clicked.connect(self._delete_selected)
        self._delete_key.activated.connect(self._delete_selected)
        self.no_models.triggered.connect(lambda: self.navigate.emit("library"))
        self.table.selectionModel().currentRowChanged.connect(self._row_chosen)
        model.choices_changed.connect(self._show_choices)
        model.chosen_changed.connect(self._show_chosen)
        model.running_changed.connect(self._show_state)
        model.stepped.connect(self._show_step)
        model.shown_changed.connect(self._show_run)
        model.grew.connect(self._draw_soon)
        model.runs.modelReset.connect(self._show_run)
        self._look.changed.connect(self._recolour)

    async def _make_charts(self) -> None:
        # numpy is most of the wait and knows no Qt; what touches Qt stays on its thread.
        await asyncio.to_thread(importlib.import_module, "numpy")
        from app.ui.charts.profile_charts import ProfileCharts  # noqa: PLC0415 - after numpy

        self.charts = ProfileCharts(self._look)
        self.charts.setProperty("role", "page")
        self._chart_area.setWidget(self.charts)
        self._draw()

    def _show_choices(self) -> None:
        self.choice.clear()
        for choice in self.view_model.choices:
            self.choice.addItem(choice.text, choice.id)
        self._show_chosen()

    def _show_chosen(self) -> None:
        ids = [choice.id for choice in self.view_model.choices]
        chosen = self.view_model.chosen
        self.choice.setCurrentIndex(ids.index(chosen) if chosen is not None else -1)
        self._show_state()

    def _show_state(self) -> None:
        """Bring buttons and empty states in step."""
        model = self.view_model
        running = model.running
        self.button.setText("Cancel" if running else "Profile")
        self.button.setProperty("kind", "" if running else "primary")
        self.button.style().unpolish(self.button)
        self.button.style().polish(self.button)
        self.button.setEnabled(running or model.chosen is not None)
        if running and (self.choice.hasFocus() or self.table.hasFocus()):
            self.button.setFocus()
        self.choice.setEnabled(not running and bool(model.choices))
        self.table.setEnabled(not running)
        kept = model.runs.rowCount() > 0
        deletable = not running and model.shown is not None
        if self.delete.hasFocus() and not deletable:
            (self.table if kept and not running else self.button).setFocus()
        self.delete.setEnabled(deletable)
        self._kept.setVisible(kept)
        if running or kept:
            self._stack.setCurrentWidget(self.splitter)
        else:
            self._stack.setCurrentWidget(self.no_runs if model.choices else self.no_models)
        self._recolour()
        self._show_step()

    def _show_step(self) -> None:
        step = self.view_model.step()
        self.waiting.setVisible(step is not None)
        self.summary.setVisible(step is None)
        if step is not None:
            self.waiting.show_step(step.text, step.share)

    def _show_run(self) -> None:
        run = self.view_model.shown
        self.heading.setText(self.view_model.heading())
        self.summary.setText(
            f"{words.speed(run.tokens_per_second)} · "
            f"{words.duration(run.time_to_first_token)} to first token"
            if run is not None
            else ""
        )
        row = self.view_model.runs.row_of(run.id) if run is not None else -1
        if row >= 0:
            self.table.selectRow(row)
        else:
            self.table.clearSelection()
        self._show_state()
        self._draw()

    def _draw_soon(self) -> None:
        if self.isVisible() and not self._frame.isActive():
            self._frame.start()

    def _draw(self) -> None:
        model = self.view_model
        if self.charts is not None and self.isVisible():
            live = model.running and model.shown is None
            self.charts.show_series(model.series(), live=live, requests=model.expected())

    def _press(self) -> None:
        if self.view_model.running:
            self.view_model.cancel()
        else:
            self.view_model.start()

    def _chosen(self, index: int) -> None:
        self.view_model.choose(ModelId(self.choice.itemData(index)))

    def _row_chosen(self, current: QModelIndex) -> None:
        run = self.view_model.runs.row_at(current.row())
        if run is not None:
            self.view_model.show_run(run.id)

    def _delete_selected(self) -> None:
        if self.view_model.shown is not None:
            self._intents.run("delete run", self._ask_and_delete(self.view_model.shown.id))

    async def _ask_and_delete(self, run_id: ProfileRunId) -> None:
        answer = await ask(
            self,
            "Delete this run?",
            f"The run of {self.view_model.heading()} is gone for good.",
            ("Delete", "Cancel"),
            default="Cancel",
        )
        if answer == "Delete":
            self.view_model.delete(run_id)

    def _recolour(self) -> None:
        running = self.view_model.running
        role = "text" if running else "on_accent"
        self.button.setIcon(self._look.icon("cancel" if running else "profile", role))
