"""Choosing one model of the library, in a dialog that is awaited."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.ui import dialogs, theme
from app.ui.viewmodels.model_choices import COLUMNS, Choice
from app.ui.viewmodels.row_table import RowTable
from app.ui.widgets.file_table import FileTable
from app.ui.widgets.plain_label import PlainLabel

NAME_COLUMN = 0
LEADING = frozenset({Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp})
"""Keys that move in the list while one types."""


@dataclass(frozen=True)
class Answer:
    """What was chosen."""

    choice: Choice | None
    """None where the other way was taken."""


async def choose_model(
    parent: QWidget, title: str, other: str, find: Callable[[str], Sequence[Choice]]
) -> Answer | None:
    """Open the dialog and wait until it is closed; None where nothing was chosen.

    Args:
        parent: the window that waits for it.
        title: what a model is chosen for, in a few words.
        other: the button that chooses none of them, as "Choose a file…".
        find: the models that contain what is typed.
    """
    dialog = ModelChooser(parent, title, other, find)
    await dialogs.finished(dialog)
    return dialog.answer


class ModelChooser(QDialog):
    """A line to type in, what it finds, and a way to choose none of it."""

    def __init__(
        self,
        parent: QWidget | None,
        title: str,
        other: str,
        find: Callable[[str], Sequence[Choice]],
    ) -> None:
        super().__init__(parent)
        self._find = find
        self.answer: Answer | None = None
        self.setObjectName("model_chooser")
        self.setWindowTitle(title)
        self.setModal(True)
        self.resize(theme.FORM_WIDTH, theme.FORM_WIDTH * 3 // 4)
        heading = PlainLabel(title)
        heading.setFont(theme.section())
        self.search = QLineEdit()
        self.search.setObjectName("choose_search")
        self.search.setAccessibleName("Search")
        self.search.setPlaceholderText("Search by name, provider or folder")
        self.search.setClearButtonEnabled(True)
        self._rows = RowTable[Choice](COLUMNS, self)
        self.table = FileTable("choose_models", title, self._rows)
        self.table.stretch(NAME_COLUMN)
        self._nothing = PlainLabel("No model contains these words.")
        self._nothing.setProperty("role", "muted")
        self.other = QPushButton(other)
        self.other.setObjectName("choose_other")
        self._cancel = QPushButton("Cancel")
        self.take = QPushButton("Choose")
        self.take.setObjectName("choose_take")
        self.take.setProperty("kind", "primary")
        self.take.setDefault(True)
        for button in (self.other, self._cancel):
            button.setAutoDefault(False)
        self._lay_out(heading)
        self.search.textChanged.connect(self._show)
        self.search.installEventFilter(self)
        self.table.doubleClicked.connect(lambda _: self._take())
        self.take.clicked.connect(self._take)
        self.other.clicked.connect(self._take_other)
        self._cancel.clicked.connect(self.reject)
        self._show("")
        self.search.setFocus(Qt.FocusReason.OtherFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrows move in the list while one types."""
        if (
            watched is self.search
            and event.type() is QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and event.key() in LEADING
        ):
            self.table.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)

    def _lay_out(self, heading: PlainLabel) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SPACE_2)
        buttons.addWidget(self.other)
        buttons.addStretch()
        buttons.addWidget(self._cancel)
        buttons.addWidget(self.take)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.SPACE_4] * 4)
        column.setSpacing(theme.SPACE_3)
        column.addWidget(heading)
        column.addWidget(self.search)
        column.addWidget(self.table, 1)
        column.addWidget(self._nothing)
        column.addLayout(buttons)

    def _show(self, typed: str) -> None:
        found = self._find(typed)
        self._rows.replace(found)
        self._nothing.setVisible(not found)
        self.take.setEnabled(bool(found))
        self.table.selectRow(0)

    def _take(self) -> None:
        choice = self._rows.row_at(self.table.currentIndex().row())
        if choice is not None:
            self.answer = Answer(choice)
            self.accept()

    def _take_other(self) -> None:
        self.answer = Answer(None)
        self.accept()
