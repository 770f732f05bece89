"""A search box that completes fields and their values as one types."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPoint, QStringListModel, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMoveEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QLineEdit, QListView, QWidget

from app.domain.query_language import Completion
from app.ui import theme

MOST = 8
"""Ways to go on that are seen at once."""
ACCEPTING = {Qt.Key.Key_Tab, Qt.Key.Key_Return, Qt.Key.Key_Enter}


class QueryBox(QLineEdit):
    """Tab or Enter takes the chosen way to go on, Escape closes the list, then clears the line."""

    closed = Signal()
    """The list of ways to go on is closed."""
    left = Signal()
    """Down was pressed while no list was open: on to what was found."""

    def __init__(
        self,
        complete: Callable[[str, int], Sequence[Completion]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._complete = complete
        self._offered: tuple[Completion, ...] = ()
        self._texts = QStringListModel(self)
        self.offers = QListView()
        self.offers.setModel(self._texts)
        self.offers.setUniformItemSizes(True)
        self.offers.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.offers.setObjectName("query_offers")
        self.offers.setProperty("role", "offers")
        self.offers.setAccessibleName("Ways to go on")
        self.offers.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.offers.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.offers.hide()
        self.offers.clicked.connect(self._take)
        self.offers.installEventFilter(self)
        self._typed = ""
        self.textEdited.connect(self._go_on_with)
        self.textChanged.connect(self._leave_alone)

    def offer(self) -> None:
        """List the ways to go on at the cursor; none closes the list."""
        line, cursor = self.text(), self.cursorPosition()
        typed = line[:cursor].casefold()
        self._offered = tuple(
            way for way in self._complete(line, cursor) if not typed.endswith(way.text.casefold())
        )
        self._texts.setStringList([way.text for way in self._offered])
        if not self._offered:
            self.offers.hide()
            return
        self._choose(0)
        self._place()
        self.offers.show()
        self.offers.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Tell when the list closes."""
        if watched is self.offers and event.type() is QEvent.Type.Hide:
            self.closed.emit()
        return super().eventFilter(watched, event)

    def event(self, event: QEvent) -> bool:
        """Take Tab for the list while it is open; elsewhere it leads on."""
        if (
            event.type() is QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and event.key() in ACCEPTING
            and self.offers.isVisible()
        ):
            self._accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move in the list or to the table, and close, then clear."""
        key = event.key()
        if key in {Qt.Key.Key_Down, Qt.Key.Key_Up} and self.offers.isVisible():
            step = 1 if key == Qt.Key.Key_Down else -1
            self._choose((self.offers.currentIndex().row() + step) % len(self._offered))
        elif key == Qt.Key.Key_Down:
            self.left.emit()
        elif key == Qt.Key.Key_Escape and self.offers.isVisible():
            self.offers.hide()
        elif key == Qt.Key.Key_Escape:
            self.clear()
        elif event.text() == " " and self._between_pieces():
            return
        else:
            super().keyPressEvent(event)

    def moveEvent(self, event: QMoveEvent) -> None:
        """Take the list along."""
        super().moveEvent(event)
        self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the list as wide."""
        super().resizeEvent(event)
        self._place()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Close the list with the way that leads on."""
        super().focusOutEvent(event)
        self.offers.hide()

    def _go_on_with(self, typed: str) -> None:
        self._typed = typed
        self.offer()

    def _leave_alone(self, text: str) -> None:
        """Complete no text that nobody typed."""
        if text != self._typed:
            self.offers.hide()

    def _between_pieces(self) -> bool:
        """Whether a blank that is needed is there: an accepted way to go on brought it along."""
        before = self.text()[: self.cursorPosition()]
        quoted = before.count('"') % 2 == 1
        return before.endswith(" ") and not quoted and not self.hasSelectedText()

    def _choose(self, row: int) -> None:
        self.offers.setCurrentIndex(self._texts.index(row))

    def _take(self, index: QModelIndex) -> None:
        self._choose(index.row())
        self._accept()

    def _accept(self) -> None:
        way = self._offered[max(0, self.offers.currentIndex().row())]
        before, after = self.text()[: way.start], self.text()[self.cursorPosition() :]
        begun = way.text.endswith(":")
        # One blank follows, whether it stood there or not, and the cursor is behind it.
        text, after = (way.text, after) if begun else (f"{way.text} ", after.lstrip(" "))
        self.offers.hide()
        self.setText(f"{before}{text}{after}")
        self.setCursorPosition(len(before) + len(text))
        if begun:
            self.offer()

    def _place(self) -> None:
        window = self.window()
        if not self._offered:
            return
        if self.offers.parentWidget() is not window:
            self.offers.setParent(window)
        rows = min(MOST, len(self._offered))
        height = rows * self.offers.sizeHintForRow(0) + 2 * self.offers.frameWidth()
        self.offers.resize(self.width(), height + theme.SPACE_1)
        self.offers.move(self.mapTo(window, QPoint(0, self.height() + theme.SPACE_1)))
