"""The column of conversations: open, start, rename in place, delete."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QMenu,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.ui import theme
from app.ui.theme import Theme
from app.ui.viewmodels.conversation_table import ConversationTable, Role

DOT = 8


class ConversationList(QWidget):
    """A button for a new conversation above the list of those there are."""

    opened = Signal(str)
    """The id of the conversation that was chosen."""
    created = Signal()
    deleted = Signal(str)
    """The id of the conversation that is to be deleted."""

    def __init__(
        self, look: Theme, conversations: ConversationTable, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._table = conversations
        self._new = QPushButton("New conversation")
        self._new.setObjectName("new_conversation")
        self._new.clicked.connect(self.created)
        self.view = _View()
        self.view.setObjectName("conversations")
        self.view.setAccessibleName("Conversations")
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        self.view.setModel(conversations)
        self.view.setItemDelegate(_Delegate(look, self.view))
        self.view.setEditTriggers(
            QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.DoubleClicked
        )
        self.view.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._offer)
        self.view.selectionModel().currentChanged.connect(self._current_changed)
        self.view.delete_pressed.connect(self._delete_current)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_2)
        column.addWidget(self._new)
        column.addWidget(self.view, 1)
        look.changed.connect(self._recolour)
        self._recolour()

    def select(self, conversation_id: str) -> None:
        """Mark the open conversation."""
        row = self._table.row_of(conversation_id)  # type: ignore[arg-type]
        index = self._table.index(row)
        if index != self.view.currentIndex():
            self.view.setCurrentIndex(index)

    def _current_changed(self, current: QModelIndex) -> None:
        if current.isValid():
            self.opened.emit(current.data(Role.ID))

    def _delete_current(self) -> None:
        index = self.view.currentIndex()
        if index.isValid():
            self.deleted.emit(index.data(Role.ID))

    def _offer(self, at: QPoint) -> None:
        index = self.view.indexAt(at)
        if not index.isValid():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Rename", lambda: self.view.edit(index))
        conversation_id = index.data(Role.ID)
        menu.addAction("Delete…", lambda: self.deleted.emit(conversation_id))
        menu.popup(self.view.viewport().mapToGlobal(at))

    def _recolour(self) -> None:
        self._new.setIcon(self._look.icon("plus"))


class _View(QListView):
    delete_pressed = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete asks for the current conversation's end."""
        if event.key() in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace}:
            self.delete_pressed.emit()
        else:
            super().keyPressEvent(event)


class _Delegate(QStyledItemDelegate):
    """Puts a dot behind the title while an answer is under way."""

    def __init__(self, look: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look

    def initStyleOption(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Add the dot as a decoration, so that the title keeps clear of it."""
        super().initStyleOption(option, index)
        if not index.data(Role.ANSWERING):
            return
        option.features |= QStyleOptionViewItem.ViewItemFeature.HasDecoration
        option.decorationPosition = QStyleOptionViewItem.Position.Right
        option.decorationSize = QSize(DOT, DOT)
        option.icon = QIcon(self._dot())

    def _dot(self) -> QPixmap:
        pixmap = QPixmap(DOT, DOT)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._look.color("accent"))
        painter.drawEllipse(0, 0, DOT, DOT)
        painter.end()
        return pixmap

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Rows of the standard height."""
        return QSize(super().sizeHint(option, index).width(), theme.ROW)
