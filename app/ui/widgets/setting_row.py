"""One setting: its label, its control, a line of explanation, and why it was refused."""

from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.widgets.wrapped_label import WrappedLabel


class SettingRow(QWidget):
    """The control stands right of its label, or alone where it carries its own words."""

    def __init__(
        self, label: str, explanation: str, control: QWidget, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._control = control
        self._explanation = explanation
        self._hint = _line("muted")
        self._error = _line("error")
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE_3)
        if label:
            words = QLabel(label)
            words.setBuddy(control)
            control.setAccessibleName(label)
            row.addWidget(words)
            row.addStretch()
        row.addWidget(control)
        if not label:
            row.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_1)
        column.addLayout(row)
        column.addWidget(self._hint)
        column.addWidget(self._error)
        self.set_lock("")
        self.set_error("")

    @property
    def error(self) -> str:
        """Why the last value was refused; empty when it wasn't."""
        return self._error.text()

    @property
    def hint(self) -> str:
        """The line of explanation, or why the setting is locked."""
        return self._hint.text()

    def set_lock(self, reason: str) -> None:
        """Lock the control and say why; nothing unlocks it."""
        self._control.setEnabled(not reason)
        self._hint.setText(reason or self._explanation)
        self._hint.setVisible(bool(self._hint.text()))

    def set_error(self, text: str) -> None:
        """Say why a value wasn't taken; nothing takes that back."""
        self._error.setText(text)
        self._error.setVisible(bool(text))
        invalid = "true" if text else "false"
        if self._control.property("invalid") != invalid:
            self._control.setProperty("invalid", invalid)
            self._control.style().polish(self._control)


def _line(role: str) -> WrappedLabel:
    label = WrappedLabel()
    label.setProperty("role", role)
    label.setFont(theme.caption())
    return label
