"""A long technical text under its title, to be read or copied."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QTextOption
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.theme import Theme
from app.ui.widgets.plain_label import ElidedLabel

LEAST_LINES = 3


class TextPane(QWidget):
    """A title, a button that copies all of it, and a text that scrolls."""

    def __init__(self, look: Theme, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.title = ElidedLabel(title)
        self.title.setFont(theme.strong())
        self.copy = QToolButton()
        self.copy.setObjectName(f"{name}_copy")
        self.copy.setProperty("kind", "flat")
        self.copy.setAccessibleName(f"Copy {title.casefold()}")
        self.copy.setToolTip(f"Copy {title.casefold()}")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text()))
        self.box = QPlainTextEdit()
        self.box.setObjectName(name)
        self.box.setAccessibleName(title)
        self.box.setReadOnly(True)
        self.box.setTabChangesFocus(True)
        self.box.setFont(theme.mono())
        self.box.setProperty("role", "detail")
        self.box.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.box.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        flags = Qt.TextInteractionFlag
        self.box.setTextInteractionFlags(
            flags.TextSelectableByMouse | flags.TextSelectableByKeyboard
        )
        self.box.setMinimumHeight(LEAST_LINES * self.box.fontMetrics().lineSpacing())
        self.head = QHBoxLayout()
        self.head.setSpacing(theme.SPACE_2)
        self.head.addWidget(self.title)
        self.head.addStretch(1)
        self.head.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_1)
        column.addLayout(self.head)
        column.addWidget(self.box, 1)
        look.changed.connect(self._recolour)
        self._recolour()

    def text(self) -> str:
        """What it shows."""
        return self.box.toPlainText()

    def set_text(self, text: str) -> None:
        """Show another text, from its beginning; the same one stays where it is scrolled to."""
        if text != self.text():
            self.box.setPlainText(text)

    def _recolour(self) -> None:
        self.copy.setIcon(self._look.icon("copy", "muted"))
