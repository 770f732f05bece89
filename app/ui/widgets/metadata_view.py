"""The keys of a model's file, and the whole value of the one that is chosen."""

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QPushButton, QSplitter, QVBoxLayout, QWidget

from app.ui import theme, words
from app.ui.theme import Theme
from app.ui.viewmodels.inspected import Inspected
from app.ui.viewmodels.paged_table import kind
from app.ui.widgets.answer_view import AnswerView
from app.ui.widgets.file_table import FileTable
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.text_pane import TextPane

TABLE_HEIGHT, VALUE_HEIGHT = 300, 160


class MetadataView(QWidget):
    """A table over a pane; both take pages of what is long."""

    def __init__(self, look: Theme, inspected: Inspected, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._inspected = inspected
        self._count = PlainLabel()
        self._count.setObjectName("metadata_count")
        self._count.setProperty("role", "muted")
        self.table = FileTable("metadata_keys", "Metadata keys", inspected.key_table)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.value = TextPane(look, "metadata_value", "Value")
        self.value.title.setProperty("role", "muted")
        self.value.title.setFont(theme.caption())
        self._more = QPushButton()
        self._more.setObjectName("metadata_more")
        self._more.clicked.connect(inspected.more_values)
        self._failure = PlainLabel()
        self._failure.setProperty("role", "error")
        self._failure.setWordWrap(True)

        split = QSplitter(Qt.Orientation.Vertical)
        split.setObjectName("metadata")
        split.setChildrenCollapsible(False)
        split.setHandleWidth(theme.SPACE_2)
        split.addWidget(self.table)
        split.addWidget(self._below())
        split.setSizes([TABLE_HEIGHT, VALUE_HEIGHT])
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_1)
        column.addWidget(self._count)
        column.addWidget(split, 1)
        self._view = AnswerView(look, content, "Reading the header…")
        self._view.retried.connect(inspected.retry)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._view)
        inspected.keys.changed.connect(self._show)
        inspected.values.changed.connect(self._show_value)
        self.table.selectionModel().currentRowChanged.connect(self._chosen)
        self._show()
        self._show_value()

    def _below(self) -> QWidget:
        below = QWidget()
        pane = QVBoxLayout(below)
        pane.setContentsMargins(0, 0, 0, 0)
        pane.setSpacing(theme.SPACE_1)
        pane.addWidget(self.value, 1)
        pane.addWidget(self._failure)
        row = QHBoxLayout()
        row.addWidget(self._more)
        row.addStretch()
        pane.addLayout(row)
        return below

    def _show(self) -> None:
        inspected = self._inspected
        there = inspected.keys.answer is not None
        self._view.show_state(there=there, failure=inspected.keys.failure)
        self._count.setText(words.amount(inspected.key_table.total, "key"))
        if there and not self.table.currentIndex().isValid():
            self.table.selectRow(0)

    def _show_value(self) -> None:
        inspected = self._inspected
        key, page = inspected.key, inspected.values.answer
        self.value.setVisible(key is not None)
        self.value.title.setText(f"{key.key}  ·  {kind(key)}" if key is not None else "")
        self.value.set_text("\n".join(inspected.items))
        left = page.total - len(inspected.items) if page is not None else 0
        self._more.setVisible(left > 0)
        self._more.setEnabled(not inspected.values.waiting)
        self._more.setText(f"Show more ({words.count(left)} left)")
        failure = inspected.values.failure
        self._failure.setVisible(failure is not None)
        self._failure.setText(f"{failure.what} {failure.remedy}" if failure is not None else "")

    def _chosen(self, current: QModelIndex) -> None:
        self._inspected.choose_key(current.row())
