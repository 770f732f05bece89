"""One line that says what is being waited for, with progress where there is any."""

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from app.ui import theme
from app.ui.widgets.plain_label import PlainLabel

STEPS = 1000
BAR_WIDTH = 160


class WaitingLine(QWidget):
    """Words, and a thin bar when the share is known."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = PlainLabel()
        self.words.setObjectName("waiting")
        self.words.setProperty("role", "muted")
        self.bar = QProgressBar()
        self.bar.setObjectName("waiting_progress")
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(BAR_WIDTH)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE_3)
        row.addWidget(self.words)
        row.addWidget(self.bar)
        row.addStretch(1)

    def show_step(self, text: str, share: float | None) -> None:
        """Say what is waited for.

        Args:
            text: in a few words.
            share: 0 to 1; None hides the bar.
        """
        self.words.setText(text)
        self.bar.setVisible(share is not None)
        if share is not None:
            self.bar.setAccessibleName(text)
            self.bar.setRange(0, STEPS)
            self.bar.setValue(round(share * STEPS))
