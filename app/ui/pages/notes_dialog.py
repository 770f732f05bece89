"""Tags, a note and aliases of one model."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.domain.models import ACTIVE, ModelId
from app.manager.manager import Manager
from app.ui import dialogs, theme
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.wrapped_label import WrappedLabel


class NotesDialog(QDialog):
    """What a person writes about a model."""

    def __init__(
        self,
        parent: QWidget | None,
        name: str,
        *,
        tags: Sequence[str],
        note: str,
        aliases: Sequence[str],
    ) -> None:
        super().__init__(parent)
        self.setObjectName("notes_dialog")
        self.setWindowTitle("Tags and note")
        self.setModal(True)
        self.setMinimumWidth(theme.FORM_WIDTH * 3 // 4)
        heading = WrappedLabel(name)
        heading.setFont(theme.section())
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(theme.SPACE_6, theme.SPACE_6, theme.SPACE_6, theme.SPACE_4)
        self._column.setSpacing(theme.SPACE_1)
        self._column.addWidget(heading)
        self.tags = self._line("Tags", ", ".join(tags), "Found as tag:name; commas between them")
        self.aliases = self._line(
            "Aliases", ", ".join(aliases), "Names that programs may ask for; commas between them"
        )
        self.note = QPlainTextEdit(note)
        self.note.setProperty("role", "input")
        self.note.setTabChangesFocus(True)
        self.note.setMinimumHeight(theme.ROW * 4)
        self._add("Note", self.note, "")
        save = QPushButton("Save")
        save.setObjectName("notes_save")
        save.setProperty("kind", "primary")
        save.setDefault(True)
        save.clicked.connect(self.accept)
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE_2)
        row.addStretch()
        row.addWidget(cancel)
        row.addWidget(save)
        self._column.addSpacing(theme.SPACE_3)
        self._column.addLayout(row)
        self.tags.setFocus(Qt.FocusReason.OtherFocusReason)

    def _line(self, label: str, text: str, hint: str) -> QLineEdit:
        line = QLineEdit(text)
        self._add(label, line, hint)
        return line

    def _add(self, label: str, field: QWidget, hint: str) -> None:
        words = PlainLabel(label)
        words.setFont(theme.strong())
        words.setBuddy(field)
        field.setObjectName(f"notes_{label.lower()}")
        field.setAccessibleName(label)
        self._column.addSpacing(theme.SPACE_2)
        self._column.addWidget(words)
        self._column.addWidget(field)
        if hint:
            field.setAccessibleDescription(hint)
            said = PlainLabel(hint)
            said.setFont(theme.caption())
            said.setProperty("role", "muted")
            self._column.addWidget(said)


async def write_notes(parent: QWidget, manager: Manager, model_id: ModelId) -> None:
    """Let the person write about a model, and keep what they save.

    Raises:
        AppError: something of it can't be kept.
    """
    noted = manager.annotations.get(model_id)
    aliases = [
        alias.name
        for alias in manager.models.aliases()
        if alias.model_id == model_id and alias.name != ACTIVE
    ]
    dialog = NotesDialog(
        parent,
        manager.models.get(model_id).name,
        tags=noted.tags,
        note=noted.note,
        aliases=aliases,
    )
    if not await dialogs.finished(dialog):
        return
    wanted = _parts(dialog.aliases.text())
    await manager.annotations.set_tags(model_id, _parts(dialog.tags.text()))
    await manager.annotations.set_note(model_id, dialog.note.toPlainText().strip())
    for name in aliases:
        if name not in wanted:
            await manager.models.remove_alias(name)
    for name in wanted:
        if name not in aliases:
            await manager.models.assign_alias(name, model_id)


def _parts(text: str) -> list[str]:
    return [part for part in map(str.strip, text.split(",")) if part]
