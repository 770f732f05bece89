"""A line over a page: something is under way, or can be had with one press."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from app.ui import theme
from app.ui.theme import Theme
from app.ui.widgets.plain_label import ElidedLabel

STEPS = 1000


class Banner(QFrame):
    """Words and one button, with a moving bar when something is under way."""

    triggered = Signal()

    def __init__(
        self,
        look: Theme,
        icon: str,
        action_text: str,
        *,
        busy: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._icon_name = icon
        self.setProperty("role", "banner")
        self._icon = QLabel()
        self._words = ElidedLabel(cut=Qt.TextElideMode.ElideMiddle)
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._words.setObjectName("banner_words")
        self.button = QPushButton(action_text)
        self.button.setObjectName("banner_action")
        self.button.clicked.connect(self.triggered)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.SPACE_3, theme.SPACE_1, theme.SPACE_1, theme.SPACE_1)
        row.setSpacing(theme.SPACE_2)
        row.addWidget(self._icon)
        row.addWidget(self._words, 1)
        self._bar = QProgressBar()
        self._bar.setRange(0, 0)
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(theme.SPACE_8 * 3)
        self._bar.setAccessibleName("Under way")
        self._bar.setVisible(busy)
        row.addWidget(self._bar)
        row.addWidget(self.button)
        look.changed.connect(self._recolour)
        self._recolour()
        self.set_words("")

    def set_words(self, text: str) -> None:
        """Say something else; nothing hides the banner."""
        self._words.setText(text)
        self.setVisible(bool(text))

    def set_share(self, share: float | None) -> None:
        """Show how much is done, 0 to 1; None for a bar that only moves."""
        self._bar.setRange(0, 0 if share is None else STEPS)
        self._bar.setValue(0 if share is None else round(share * STEPS))

    def words(self) -> str:
        """What it says."""
        return self._words.text()

    def _recolour(self) -> None:
        self._icon.setPixmap(self._look.icon(self._icon_name, "accent").pixmap(theme.ICON))
