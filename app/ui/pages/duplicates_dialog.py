"""Shows where the copies of models lie, and clears some away."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.ui import dialogs, theme
from app.ui.theme import Theme
from app.ui.viewmodels.duplicates import Copies, Duplicates
from app.ui.widgets.copies_box import CopiesBox
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.wrapped_label import WrappedLabel

NONE = "No model lies on the disk more than once."
MOST = 200
"""Models that are listed; those left out waste least."""


class DuplicatesDialog(QDialog):
    """Each model with its files, the most wasteful first."""

    def __init__(self, parent: QWidget | None, look: Theme, duplicates: Duplicates) -> None:
        super().__init__(parent)
        self._look = look
        self.setObjectName("duplicates_dialog")
        self.setWindowTitle("Duplicates")
        self.setModal(True)
        self.resize(theme.FORM_WIDTH + theme.SPACE_8 * 2, theme.FORM_WIDTH * 3 // 4)
        self._duplicates = duplicates
        self._boxes: list[CopiesBox] = []
        heading = PlainLabel("Models that lie on the disk several times")
        heading.setFont(theme.section())
        self._said = WrappedLabel()
        self._said.setObjectName("duplicates_words")
        self._said.setProperty("role", "muted")
        page = QWidget()
        page.setProperty("role", "page")
        self._listed = QVBoxLayout(page)
        self._listed.setContentsMargins(0, 0, theme.SPACE_2, 0)
        self._listed.setSpacing(theme.SPACE_4)
        self._listed.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(page)
        self._leaving = QVBoxLayout()
        self._leaving.setSpacing(theme.SPACE_1)
        self._close = QPushButton("Close")
        self._close.setDefault(True)
        self._close.clicked.connect(self.accept)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self._close)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_6, theme.SPACE_6, theme.SPACE_6, theme.SPACE_4)
        column.setSpacing(theme.SPACE_3)
        column.addWidget(heading)
        column.addWidget(self._said)
        column.addWidget(area, 1)
        column.addLayout(self._leaving)
        column.addLayout(row)
        duplicates.changed.connect(self._show)
        self._show()
        self._close.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show(self) -> None:
        copies = self._duplicates.copies()
        self._said.setText(self._words(self._duplicates.summary(), len(copies)))
        shown = copies[:MOST]
        if [(item.model_id, item.paths) for item in shown] == [
            (box.model_id, box.paths) for box in self._boxes
        ]:
            for box, item in zip(self._boxes, shown, strict=True):
                box.show_item(item)
        else:
            self._list(shown)
        self._show_leaving()
        if self.focusWidget() is None:
            # What had the focus has gone with its copy.
            self._close.setFocus(Qt.FocusReason.OtherFocusReason)

    def _list(self, copies: Sequence[Copies]) -> None:
        for box in self._boxes:
            self._listed.removeWidget(box)
            box.hide()
            box.deleteLater()
        self._boxes = [self._box(item) for item in copies]
        for at, box in enumerate(self._boxes):
            self._listed.insertWidget(at, box)

    def _box(self, item: Copies) -> CopiesBox:
        box = CopiesBox(self._look, item)
        box.compare_requested.connect(partial(self._duplicates.compare, item.model_id))
        box.stop_requested.connect(partial(self._duplicates.stop, item.model_id))
        box.trash_requested.connect(partial(self._duplicates.delete, item.model_id))
        return box

    def _show_leaving(self) -> None:
        while (taken := self._leaving.takeAt(0)) is not None:
            if (gone := taken.widget()) is not None:
                gone.hide()
                gone.deleteLater()
        for leaving in self._duplicates.leaving():
            line = QWidget()
            row = QHBoxLayout(line)
            row.setContentsMargins(0, 0, 0, 0)
            row.addWidget(WrappedLabel(leaving.words), 1)
            undo = QPushButton("Undo")
            undo.setObjectName("undo_copies")
            undo.setAccessibleName(f"Undo: {leaving.words}")
            undo.setAutoDefault(False)
            undo.clicked.connect(partial(self._duplicates.undo, leaving.model_id))
            row.addWidget(undo)
            self._leaving.addWidget(line)

    def _words(self, summary: str, count: int) -> str:
        if not count:
            return NONE
        hint = (
            "Modelyard uses one of the files. Copies in your own folders can go to the trash; "
            "those in other programs' stores are theirs to delete."
        )
        return f"{summary}. {hint}" if summary else hint


async def show_duplicates(parent: QWidget, look: Theme, duplicates: Duplicates) -> None:
    """Show the dialog until it is closed."""
    await dialogs.finished(DuplicatesDialog(parent, look, duplicates))
