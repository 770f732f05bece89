"""One muted line that says what holds here, with a way to undo it where there is one."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from app.ui import theme
from app.ui.widgets.wrapped_label import WrappedLabel


class QuietLine(QWidget):
    """Shows words, and hides itself when there are none."""

    triggered = Signal()

    def __init__(self, name: str, action: str = "", parent: QWidget | None = None) -> None:
        """Make an empty, hidden line.

        Args:
            name: the object name of the words.
            action: the button's text; without one there is no button.
            parent: what it lies in.
        """
        super().__init__(parent)
        self.words = WrappedLabel()
        self.words.setObjectName(name)
        self.words.setProperty("role", "muted")
        self.words.setFont(theme.caption())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE_2)
        row.addWidget(self.words, 1, Qt.AlignmentFlag.AlignVCenter)
        self.button: QPushButton | None = None
        """What undoes it."""
        if action:
            self.button = QPushButton(action)
            self.button.setObjectName(f"{name}_undo")
            self.button.setProperty("kind", "flat")
            self.button.clicked.connect(self.triggered)
            row.addWidget(self.button)
        self.hide()

    def say(self, text: str, role: str = "muted") -> None:
        """Show other words, or nothing.

        Args:
            text: what holds.
            role: the token that colours it.
        """
        if self.words.property("role") != role:
            self.words.setProperty("role", role)
            self.words.style().unpolish(self.words)
            self.words.style().polish(self.words)
        self.words.setText(text)
        self.setVisible(bool(text))
