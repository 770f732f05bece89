"""Tags, aliases and a note of the shown model, written where they stand."""

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QLineEdit, QPlainTextEdit, QWidget

from app.ui import theme
from app.ui.viewmodels.notes import Note, Notes
from app.ui.widgets.plain_label import PlainLabel

TITLES = {Note.TAGS: "Tags", Note.ALIASES: "Aliases", Note.NOTE: "Note"}
HINTS = {
    Note.TAGS: "Such as work, fast",
    Note.ALIASES: "Such as coder",
    Note.NOTE: "What to remember of it",
}
"""What an empty field says."""
TOOLTIPS = {
    Note.TAGS: "Found as tag:name in the search; commas between them",
    Note.ALIASES: "Names that programs may ask for; commas between them",
    Note.NOTE: "Kept when you leave it or press Ctrl+Enter; Esc takes back what you typed",
}
NOTE_ROWS = 2
ENTER = {Qt.Key.Key_Return, Qt.Key.Key_Enter}

Field = QLineEdit | QPlainTextEdit


class NotesView(QWidget):
    """Leaving a field keeps what it says, as Enter does, in the note Ctrl+Enter; Esc takes it back."""

    def __init__(self, notes: Notes, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._notes = notes
        self._model = notes.model
        self._kept = dict.fromkeys(Note, "")
        """What is kept of each, as far as the fields have been told."""
        self.fields: dict[Note, Field] = {
            Note.TAGS: QLineEdit(),
            Note.ALIASES: QLineEdit(),
            Note.NOTE: _note_field(),
        }
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.SPACE_3)
        grid.setVerticalSpacing(theme.SPACE_2)
        grid.setColumnMinimumWidth(0, theme.SPACE_8 * 3)
        grid.setColumnStretch(1, 1)
        for row, (note, field) in enumerate(self.fields.items()):
            label = PlainLabel(TITLES[note])
            label.setProperty("role", "muted")
            label.setMinimumHeight(theme.CONTROL)
            label.setBuddy(field)
            field.setObjectName(f"notes_{note}")
            field.setAccessibleName(TITLES[note])
            field.setAccessibleDescription(TOOLTIPS[note])
            field.setToolTip(TOOLTIPS[note])
            field.setPlaceholderText(HINTS[note])
            field.installEventFilter(self)
            grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(field, row, 1)
        notes.changed.connect(self._show)
        self._show()

    @property
    def stops(self) -> tuple[QWidget, ...]:
        """What can have the focus, in the order of Tab."""
        return tuple(self.fields.values())

    def keep(self) -> None:
        """Keep what was typed since it was last kept."""
        for note, field in self.fields.items():
            text = _text(field)
            if text != self._kept[note]:
                self._kept[note] = text
                self._notes.save(note, text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep on the way out, and take keys for keeping and taking back."""
        if event.type() is QEvent.Type.FocusOut:
            self.keep()
        elif event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            # The keys are this field's before they are anybody's shortcut.
            if event.key() in ENTER or (event.key() == Qt.Key.Key_Escape and self._typed()):
                event.accept()
                return True
        elif event.type() is QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            if event.key() in ENTER and (control or watched is not self.fields[Note.NOTE]):
                self.keep()
                return True
            if event.key() == Qt.Key.Key_Escape and self._typed():
                self._take_back()
                return True
        return super().eventFilter(watched, event)

    def _typed(self) -> bool:
        return any(_text(field) != self._kept[note] for note, field in self.fields.items())

    def _take_back(self) -> None:
        for note, field in self.fields.items():
            _say(field, self._kept[note])

    def _show(self) -> None:
        other = self._notes.model != self._model
        self._model = self._notes.model
        for note, field in self.fields.items():
            # What somebody is typing stays until they keep it.
            untouched = other or _text(field) == self._kept[note]
            self._kept[note] = self._notes.text(note)
            if untouched:
                _say(field, self._kept[note])


def _note_field() -> QPlainTextEdit:
    field = QPlainTextEdit()
    field.setProperty("role", "input")
    field.setTabChangesFocus(True)
    field.setFixedHeight(theme.CONTROL + NOTE_ROWS * theme.SPACE_4)
    return field


def _text(field: Field) -> str:
    return field.toPlainText() if isinstance(field, QPlainTextEdit) else field.text()


def _say(field: Field, text: str) -> None:
    if _text(field) == text:
        return
    if isinstance(field, QPlainTextEdit):
        field.setPlainText(text)
    else:
        field.setText(text)
