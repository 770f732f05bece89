"""The command palette, over whichever page shows."""

from typing import Any

import shiboken6
from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFrame,
    QLineEdit,
    QListView,
    QVBoxLayout,
    QWidget,
)

from app.ui import theme
from app.ui.delegates.palette_row import ENTRY, PaletteRow
from app.ui.theme import Theme
from app.ui.viewmodels.palette import Entry, Palette
from app.ui.widgets.plain_label import PlainLabel

NO_INDEX = QModelIndex()
WIDTH = 600
ROWS = 11
ENTER = {Qt.Key.Key_Return, Qt.Key.Key_Enter}
STEPS = {
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Tab: 1,
    Qt.Key.Key_Backtab: -1,
    Qt.Key.Key_PageDown: ROWS,
    Qt.Key.Key_PageUp: -ROWS,
}
KEYS = "Enter does it · Ctrl+Enter shows a model in the Library · Esc closes"
NONE = "Nothing is called that. Type words of a model's name or path, or of an action."
STAYS = {Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason}
"""Ways for the focus to leave after which it comes back by itself."""


class Hits(QAbstractListModel):
    """The entries that are found."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []

    def show(self, entries: list[Entry]) -> None:
        """Show other entries."""
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = NO_INDEX) -> int:
        """How many there are."""
        return 0 if parent.isValid() else len(self.entries)

    def data(
        self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """An entry, or its words."""
        entry = self.entries[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return entry.text
            case Qt.ItemDataRole.AccessibleTextRole:
                return entry.spoken
            case _ if role == ENTRY:
                return entry
        return None


class CommandPalette(QFrame):
    """A line to type in and what it finds. The keyboard stays in the line."""

    chosen = Signal(str, str)
    """The id of an action to carry out, and the model that it is for, if it is for one."""
    revealed = Signal(str)
    """The id of a model to show in the Library."""

    def __init__(self, look: Theme, finder: Palette, window: QWidget) -> None:
        super().__init__(window)
        self.finder = finder
        self._window = window
        self._earlier: QWidget | None = None
        """Where the keyboard was before."""
        self.setObjectName("palette")
        self.setProperty("role", "palette")
        self.line = _Line()
        self.line.moved.connect(self._step)
        self.line.entered.connect(self._enter)
        self.line.left.connect(self.hide)
        self.line.closed.connect(self.dismiss)
        self.line.textChanged.connect(self._find)
        self._hits = Hits(self)
        self.list = QListView()
        self.list.setObjectName("palette_hits")
        self.list.setProperty("role", "hits")
        self.list.setAccessibleName("Actions and models")
        self.list.setModel(self._hits)
        self.list.setItemDelegate(PaletteRow(look, self.list))
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.entered.connect(self.list.setCurrentIndex)
        self.list.clicked.connect(self._click)
        self.list.selectionModel().currentChanged.connect(self._say)
        self.none = PlainLabel(NONE)
        self.none.setObjectName("palette_none")
        self.none.setProperty("role", "muted")
        self.none.setWordWrap(True)
        keys = PlainLabel(KEYS)
        keys.setProperty("role", "muted")
        keys.setFont(theme.caption())
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.SPACE_3] * 4)
        column.setSpacing(theme.SPACE_2)
        for widget in (self.line, self.list, self.none, keys):
            column.addWidget(widget)
        window.installEventFilter(self)
        look.changed.connect(self.list.viewport().update)
        self.hide()

    def toggle(self) -> None:
        """Open it with an empty line, or close it."""
        if self.isVisible():
            self.dismiss()
            return
        self._earlier = QApplication.focusWidget()
        self.line.clear()
        self._find("")
        self.show()
        self.raise_()
        self.line.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def dismiss(self) -> None:
        """Close it; the keyboard goes back to where it was."""
        self.hide()
        if self._earlier is not None and shiboken6.isValid(self._earlier):
            self._earlier.setFocus(Qt.FocusReason.OtherFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the middle of a window that changes its size."""
        if event.type() is QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def _find(self, text: str) -> None:
        self._hits.show(self.finder.find(text))
        found = bool(self._hits.entries)
        self.list.setVisible(found)
        self.none.setVisible(not found)
        if found:
            self.list.setCurrentIndex(self._hits.index(0))
            self.list.scrollToTop()
        else:
            self.line.setAccessibleDescription(NONE)
        self._place()

    def _place(self) -> None:
        room = self._window.rect()
        width = min(WIDTH, room.width() - 2 * theme.SPACE_6)
        top = min(room.height() // 8, 2 * theme.ROW + theme.SPACE_8)
        layout = self.layout()
        assert layout is not None
        edge = 2 * self.list.frameWidth()
        self.list.setFixedHeight(edge)
        layout.activate()
        # Whole rows only: half a row at the foot looks like the end of the words.
        room_for = (room.height() - top - theme.SPACE_6 - layout.sizeHint().height()) // theme.ROW
        rows = max(1, min(ROWS, room_for, len(self._hits.entries)))
        self.list.setFixedHeight(rows * theme.ROW + edge)
        layout.activate()
        height = layout.sizeHint().height()
        self.setGeometry((room.width() - width) // 2, top, width, height)

    def _step(self, by: int) -> None:
        count = len(self._hits.entries)
        if not count:
            return
        row = self.list.currentIndex().row() + by
        # One step beyond the end leads round; a page stops there.
        row = row % count if abs(by) == 1 else min(max(row, 0), count - 1)
        self.list.setCurrentIndex(self._hits.index(row))

    def _say(self, index: QModelIndex) -> None:
        if index.isValid():
            # The keyboard stays in the line, so it is the line that tells what is chosen.
            self.line.setAccessibleDescription(self._hits.entries[index.row()].spoken)

    def _click(self, index: QModelIndex) -> None:
        self.list.setCurrentIndex(index)
        held = QApplication.keyboardModifiers() & Qt.KeyboardModifier.ControlModifier
        self._enter(bool(held))

    def _enter(self, reveal: bool) -> None:
        index = self.list.currentIndex()
        if not index.isValid() or not self._hits.entries:
            return
        entry = self._hits.entries[index.row()]
        if reveal and entry.model_id is not None:
            self._close_with(entry)
            self.revealed.emit(entry.model_id)
        elif entry.enabled:
            self._close_with(entry)
            self.chosen.emit(entry.action, entry.model_id or "")

    def _close_with(self, entry: Entry) -> None:
        self.finder.remember(entry)
        self.dismiss()


class _Line(QLineEdit):
    """Hands on the keys that move in the list."""

    moved = Signal(int)
    entered = Signal(bool)
    """Enter was pressed; whether with Ctrl."""
    closed = Signal()
    left = Signal()
    """The keyboard went elsewhere in the window."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("palette_line")
        self.setPlaceholderText("Type an action or a model")
        self.setAccessibleName("Find an action or a model")
        # Files are for the window, wherever they are dropped.
        self.setAcceptDrops(False)

    def event(self, event: QEvent) -> bool:
        """Take the keys before Tab leads on."""
        if event.type() is QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            key = Qt.Key(event.key())
            if key in STEPS:
                self.moved.emit(STEPS[key])
                return True
            if key in ENTER:
                held = event.modifiers() & Qt.KeyboardModifier.ControlModifier
                self.entered.emit(bool(held))
                return True
            if key == Qt.Key.Key_Escape:
                self.closed.emit()
                return True
        return super().event(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Close what hangs on it when somebody goes on elsewhere."""
        super().focusOutEvent(event)
        if event.reason() not in STAYS:
            self.left.emit()
