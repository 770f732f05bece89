"""Shows where the copies of models lie."""

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
from app.ui.widgets.copy_line import CopyLine
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
        copies = duplicates.copies()
        heading = PlainLabel("Models that lie on the disk several times")
        heading.setFont(theme.section())
        said = WrappedLabel(self._words(duplicates.summary(), len(copies)))
        said.setObjectName("duplicates_words")
        said.setProperty("role", "muted")
        page = QWidget()
        page.setProperty("role", "page")
        listed = QVBoxLayout(page)
        listed.setContentsMargins(0, 0, theme.SPACE_2, 0)
        listed.setSpacing(theme.SPACE_4)
        for item in copies[:MOST]:
            listed.addLayout(self._model(item))
        listed.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(page)
        close = QPushButton("Close")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_6, theme.SPACE_6, theme.SPACE_6, theme.SPACE_4)
        column.setSpacing(theme.SPACE_3)
        column.addWidget(heading)
        column.addWidget(said)
        column.addWidget(area, 1)
        column.addLayout(row)
        close.setFocus(Qt.FocusReason.OtherFocusReason)

    def _words(self, summary: str, count: int) -> str:
        if not count:
            return NONE
        hint = "Modelyard uses one of the files; delete others where they lie."
        return f"{summary}. {hint}" if summary else hint

    def _model(self, item: Copies) -> QVBoxLayout:
        lines = QVBoxLayout()
        lines.setSpacing(theme.SPACE_1)
        name = WrappedLabel(item.name)
        name.setFont(theme.strong())
        summary = WrappedLabel(item.summary)
        summary.setProperty("role", "muted")
        lines.addWidget(name)
        lines.addWidget(summary)
        for path, whose in item.paths:
            line = QHBoxLayout()
            line.setSpacing(theme.SPACE_2)
            line.addWidget(CopyLine(self._look, "Path", path), 1)
            owner = PlainLabel(whose)
            owner.setFont(theme.caption())
            owner.setProperty("role", "muted")
            line.addWidget(owner)
            lines.addLayout(line)
        return lines


async def show_duplicates(parent: QWidget, look: Theme, duplicates: Duplicates) -> None:
    """Show the dialog until it is closed."""
    await dialogs.finished(DuplicatesDialog(parent, look, duplicates))
