"""Fields of a dialog, one under the other: a label, the field, what to know, and what is wrong."""

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.widgets.wrapped_label import WrappedLabel


class FormRow(QWidget):
    """A field with its label above and its error below."""

    def __init__(
        self, label: str, field: QWidget, hint: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._field = field
        words = QLabel(label)
        words.setFont(theme.strong())
        words.setBuddy(field)
        field.setAccessibleName(label)
        self._hint = WrappedLabel()
        self._hint.setFont(theme.caption())
        self._hint.setProperty("role", "muted")
        self._error = WrappedLabel()
        self._error.setObjectName(f"{field.objectName()}_error")
        self._error.setFont(theme.caption())
        self._error.setProperty("role", "error")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_1)
        for widget in (words, field, self._hint, self._error):
            column.addWidget(widget)
        self.set_hint(hint)
        self.set_error("")

    @property
    def error(self) -> str:
        """What is wrong with the field; empty when nothing is."""
        return self._error.text()

    def set_hint(self, text: str) -> None:
        """Say what to know of the field."""
        self._hint.setText(text)
        self._hint.setVisible(bool(text))
        self._field.setAccessibleDescription(text)

    def set_error(self, text: str) -> None:
        """Say what is wrong with the field; nothing takes that back."""
        self._error.setText(text)
        self._error.setVisible(bool(text))
        invalid = "true" if text else "false"
        marked = self._field.focusProxy() or self._field
        if marked.property("invalid") != invalid:
            marked.setProperty("invalid", invalid)
            marked.style().unpolish(marked)
            marked.style().polish(marked)
