"""A path or an id on one line: cut in the middle, whole in the tooltip and on the clipboard."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QWidget

from app.ui import theme
from app.ui.theme import Theme
from app.ui.widgets.plain_label import ElidedLabel


class CopyLine(QWidget):
    """A technical text and the button that copies it."""

    def __init__(self, look: Theme, name: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._name = name
        self._words = ElidedLabel("", Qt.TextElideMode.ElideMiddle)
        self._words.setFont(theme.mono())
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.button = QToolButton()
        self.button.setProperty("kind", "flat")
        self.button.setAccessibleName(f"Copy {name.lower()}")
        self.button.setToolTip(f"Copy {name.lower()}")
        self.button.clicked.connect(self._put_on_clipboard)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE_1)
        row.addWidget(self._words, 1)
        row.addWidget(self.button)
        look.changed.connect(self._recolour)
        self._recolour()
        self.set_text(text)

    def set_text(self, text: str) -> None:
        """Show another text."""
        self._words.setText(text)
        self._words.setAccessibleName(f"{self._name}: {text}")

    def _put_on_clipboard(self) -> None:
        QGuiApplication.clipboard().setText(self._words.text())

    def _recolour(self) -> None:
        self.button.setIcon(self._look.icon("copy", "muted"))
