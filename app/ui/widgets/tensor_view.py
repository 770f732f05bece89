"""The tensors of a model's file under the mix of their types."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui import theme, words
from app.ui.theme import Theme
from app.ui.viewmodels.inspected import Inspected
from app.ui.widgets.answer_view import AnswerView
from app.ui.widgets.file_table import FileTable
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.type_mix import TypeMix


class TensorView(QWidget):
    """The mix on top, the table below, read a page at a time."""

    def __init__(self, look: Theme, inspected: Inspected, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._inspected = inspected
        self._mix = TypeMix(look)
        self._count = PlainLabel()
        self._count.setObjectName("tensor_count")
        self._count.setProperty("role", "muted")
        self.table = FileTable("tensors", "Tensors", inspected.tensor_table)
        self.table.stretch(0)
        # The end of a tensor's name tells it from the others of its block.
        self.table.setTextElideMode(Qt.TextElideMode.ElideLeft)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_3)
        column.addWidget(self._mix)
        column.addWidget(self._count)
        column.addWidget(self.table, 1)
        self._view = AnswerView(look, content, "Reading the tensors…")
        self._view.retried.connect(inspected.retry)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._view)
        inspected.tensors.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        tensors = self._inspected.tensors
        page = tensors.answer
        self._view.show_state(there=page is not None, failure=tensors.failure)
        if page is not None:
            self._mix.show_mix(page.mix)
            self._count.setText(words.amount(page.total, "tensor"))
