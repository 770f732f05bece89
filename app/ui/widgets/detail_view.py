"""A technical detail of any length: the last lines of a process, to be read or copied."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QTextOption
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from app.ui import theme

LINES = 12
"""More of them scroll."""


class DetailView(QWidget):
    """Monospaced text as tall as it needs to be, up to a limit, and the button that copies it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setTabChangesFocus(True)
        self._text.setFont(theme.mono())
        self._text.setFrameShape(QFrame.Shape.StyledPanel)
        self._text.setProperty("role", "detail")
        self._text.setAccessibleName("Details")
        self._text.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self._text.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._copy = QToolButton()
        self._copy.setObjectName("copy_details")
        self._copy.setText("Copy details")
        self._copy.setProperty("kind", "flat")
        self._copy.clicked.connect(self._put_on_clipboard)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_1)
        column.addWidget(self._text)
        column.addWidget(self._copy, alignment=Qt.AlignmentFlag.AlignLeft)

    def text(self) -> str:
        """What it shows."""
        return self._text.toPlainText()

    def set_text(self, text: str) -> None:
        """Show another detail, from its end: what was said last says most."""
        if text == self.text():
            return
        self._text.setPlainText(text)
        lines = min(LINES, text.count("\n") + 1)
        spacing = self._text.fontMetrics().lineSpacing()
        self._text.setFixedHeight(lines * spacing + 4 * theme.SPACE_1)
        bar = self._text.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _put_on_clipboard(self) -> None:
        QGuiApplication.clipboard().setText(self.text())
