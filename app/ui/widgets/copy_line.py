"""A path or an id on one line: cut in the middle, whole in the tooltip and on the clipboard."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from app.ui import theme
from app.ui.theme import Theme


class CopyLine(QWidget):
    """A technical text and the button that copies it."""

    def __init__(self, look: Theme, name: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._text = text
        words = _ElidedLabel(text)
        words.setAccessibleName(f"{name}: {text}")
        self._copy = QToolButton()
        self._copy.setProperty("kind", "flat")
        self._copy.setAccessibleName(f"Copy {name.lower()}")
        self._copy.setToolTip(f"Copy {name.lower()}")
        self._copy.clicked.connect(self._put_on_clipboard)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE_1)
        row.addWidget(words, 1)
        row.addWidget(self._copy)
        look.changed.connect(self._recolour)
        self._recolour()

    def _put_on_clipboard(self) -> None:
        QGuiApplication.clipboard().setText(self._text)

    def _recolour(self) -> None:
        self._copy.setIcon(self._look.icon("copy", "muted"))


class _ElidedLabel(QLabel):
    """Shows as much of both ends as there is room for."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setFont(theme.mono())
        self.setToolTip(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the text, without its middle where it is too long."""
        painter = QPainter(self)
        cut = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, self.width())
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(self.palette().windowText().color())
        painter.drawText(self.rect(), flags, cut)
        painter.end()
