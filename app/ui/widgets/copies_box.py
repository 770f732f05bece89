"""One model with the files that hold it: compared in full, and those too many moved to the trash."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui import theme, words
from app.ui.theme import Theme
from app.ui.viewmodels.duplicates import Copies
from app.ui.widgets.copy_line import CopyLine
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.waiting_line import WaitingLine
from app.ui.widgets.wrapped_label import WrappedLabel

FOREIGN = "Only files in folders of yours can be moved to the trash."
UNSURE = "Compare the files in full first: they may differ in the middle."


class CopiesBox(QWidget):
    """The name, what is known, and a line for each file."""

    compare_requested = Signal()
    stop_requested = Signal()
    trash_requested = Signal(str)

    def __init__(self, look: Theme, item: Copies, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model_id = item.model_id
        self.paths = item.paths
        name = WrappedLabel(item.name)
        name.setFont(theme.strong())
        self._summary = WrappedLabel(item.summary)
        self._summary.setProperty("role", "muted")
        self._said = WrappedLabel(item.compared)
        self._said.setProperty("role", "muted")
        self._said.setFont(theme.caption())
        self.compare = QPushButton("Compare in full")
        self.compare.setAccessibleName(f"Compare the files of {item.name} in full")
        self.compare.setAutoDefault(False)
        self.compare.clicked.connect(self.compare_requested)
        self._line = WaitingLine()
        self.stop = QPushButton("Cancel")
        self.stop.setAccessibleName(f"Cancel comparing the files of {item.name}")
        self.stop.setAutoDefault(False)
        self.stop.clicked.connect(self.stop_requested)
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE_2)
        row.addWidget(self.compare)
        row.addWidget(self._line)
        row.addWidget(self.stop)
        row.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_1)
        column.addWidget(name)
        column.addWidget(self._summary)
        column.addWidget(self._said)
        self.trash: dict[str, QPushButton] = {}
        for path, whose in item.paths:
            column.addLayout(self._file(look, path, whose))
        column.addLayout(row)
        self.show_item(item)

    def show_item(self, item: Copies) -> None:
        """Show what is known of the same files now."""
        self._summary.setText(item.summary)
        self._said.setText(item.compared)
        self._said.setVisible(bool(item.compared) and item.share is None)
        self.compare.setVisible(item.comparable and item.share is None)
        self.stop.setVisible(item.share is not None)
        self._line.setVisible(item.share is not None)
        if item.share is not None:
            self._line.show_step(f"Reading the files, {words.percent(item.share)}", item.share)
        for path, whose in item.paths:
            button = self.trash[path]
            button.setEnabled(path in item.deletable)
            if path in item.deletable:
                button.setToolTip("Move this copy to the trash; the others stay")
            else:
                button.setToolTip(UNSURE if whose == "yours" else FOREIGN)

    def _file(self, look: Theme, path: str, whose: str) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(theme.SPACE_2)
        line.addWidget(CopyLine(look, "Path", path), 1)
        owner = PlainLabel(whose)
        owner.setFont(theme.caption())
        owner.setProperty("role", "muted")
        line.addWidget(owner)
        button = self.trash[path] = QPushButton("Move to trash")
        button.setAccessibleName(f"Move {path} to the trash")
        button.setAutoDefault(False)
        button.clicked.connect(lambda: self.trash_requested.emit(path))
        line.addWidget(button)
        return line
