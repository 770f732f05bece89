"""What a page shows when it has nothing to show: one sentence and one action."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.theme import Theme
from app.ui.widgets.wrapped_label import WrappedLabel

ICON_PIXELS = 48


class EmptyState(QWidget):
    """An icon, a title, a line of plain words and at most one button."""

    triggered = Signal()

    def __init__(
        self,
        look: Theme,
        icon: str,
        title: str,
        text: str,
        action_text: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._icon_name = icon
        self._icon = QLabel()
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        heading = QLabel(title)
        heading.setFont(theme.section())
        heading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words = WrappedLabel(text)
        words.setProperty("role", "muted")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words.setFixedWidth(theme.FORM_WIDTH * 3 // 4)

        column = QVBoxLayout(self)
        column.setSpacing(theme.SPACE_3)
        column.addStretch(2)
        column.addWidget(self._icon)
        column.addWidget(heading)
        column.addWidget(words, alignment=Qt.AlignmentFlag.AlignHCenter)
        if action_text:
            self.button = QPushButton(action_text)
            self.button.setObjectName("empty_action")
            self.button.setProperty("kind", "primary")
            self.button.clicked.connect(self.triggered)
            column.addSpacing(theme.SPACE_1)
            column.addWidget(self.button, alignment=Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        look.changed.connect(self._recolour)
        self._recolour()

    def _recolour(self) -> None:
        self._icon.setPixmap(self._look.icon(self._icon_name, "control").pixmap(ICON_PIXELS))
