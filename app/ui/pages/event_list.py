"""The activity log as a table: chains of causes that fold."""

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.ui import theme
from app.ui.delegates.event_line import FOLD, EventDelegate
from app.ui.theme import Theme
from app.ui.viewmodels.activity_table import KIND, TIME, WHAT, ActivityTable

FOLDING = {Qt.Key.Key_Left: False, Qt.Key.Key_Right: True}
KIND_WIDTH = 104


class EventList(QTableView):
    """Left folds the chain of the current row and Right opens it, as a press on its mark does."""

    folded = Signal(str, bool)
    """The key of a chain, and whether it is to be open."""
    copied = Signal(str)
    """The key of the entry that was asked for on the clipboard."""
    opened = Signal(str)
    """The key of the entry whose model is asked for."""

    def __init__(self, look: Theme, table: ActivityTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = table
        self.setObjectName("activity_events")
        self.setAccessibleName("Events")
        self.setModel(table)
        self.setItemDelegate(EventDelegate(look, self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.ROW)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(TIME, QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(KIND, QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(WHAT, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(TIME, self._time_width())
        header.resizeSection(KIND, KIND_WIDTH)
        self.doubleClicked.connect(self._open)
        look.changed.connect(self.viewport().update)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A press on the mark of a chain folds or opens it."""
        index = self.indexAt(event.position().toPoint())
        super().mousePressEvent(event)
        if index.isValid() and index.column() == WHAT:
            left = self.visualRect(index).left()
            if event.position().x() < left + theme.SPACE_2 + FOLD:
                self._fold(index.row())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Fold, open, copy and jump by key."""
        current = self._table.row_at(self.currentIndex().row())
        if current is None:
            super().keyPressEvent(event)
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copied.emit(current.entry.key)
        elif event.key() in FOLDING:
            self._fold_to(current.chain, is_open=FOLDING[Qt.Key(event.key())])
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._open(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def _fold_to(self, chain: str, *, is_open: bool) -> None:
        top = self._table.row_of(chain)
        row = self._table.row_at(top)
        if row is not None and row.folds and row.open != is_open:
            self.selectRow(top)
            self.folded.emit(chain, is_open)

    def _fold(self, at: int) -> None:
        row = self._table.row_at(at)
        if row is not None and row.folds:
            self.folded.emit(row.chain, not row.open)

    def _open(self, index: QModelIndex) -> None:
        row = self._table.row_at(index.row())
        if row is not None:
            self.opened.emit(row.entry.key)

    def _time_width(self) -> int:
        return self.fontMetrics().horizontalAdvance("00:00:00") + 3 * theme.SPACE_2
