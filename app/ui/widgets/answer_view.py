"""The place of something that is looked up: what is there, a quiet wait, or why it isn't."""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from app.domain.error_reports import ErrorReport
from app.ui import theme
from app.ui.theme import Theme
from app.ui.widgets.error_box import ErrorBox
from app.ui.widgets.waiting_line import WaitingLine

QUIET_MS = 200
"""A wait that is shorter than this isn't worth a word."""
RETRY = "Try again"


class AnswerView(QWidget):
    """Covers its content while that is waited for or can't be had."""

    retried = Signal()

    def __init__(
        self, look: Theme, content: QWidget, waiting: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._content = content
        self._text = waiting
        self.line = WaitingLine()
        self._wait = _top(self.line)
        self._error: ErrorBox | None = None
        self._broken = QWidget()
        column = QVBoxLayout(self._broken)
        column.setContentsMargins(0, 0, 0, 0)
        column.addStretch()
        self._stack = QStackedLayout(self)
        for page in (self._wait, self._content, self._broken):
            self._stack.addWidget(page)
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(QUIET_MS)
        self._quiet.timeout.connect(lambda: self.line.show_step(self._text, None))
        self.line.show_step("", None)

    def show_state(self, *, there: bool, failure: ErrorReport | None) -> None:
        """Show the content when it is there, else why it isn't, else that it is waited for."""
        if there or failure is not None:
            self._quiet.stop()
            self.line.show_step("", None)
        if there:
            self._stack.setCurrentWidget(self._content)
        elif failure is not None:
            self._fail(failure)
        elif self._stack.currentWidget() is not self._wait:
            self._stack.setCurrentWidget(self._wait)
            self._quiet.start()
        elif not self._quiet.isActive() and not self.line.words.text():
            self._quiet.start()

    def _fail(self, failure: ErrorReport) -> None:
        if self._error is None:
            self._error = ErrorBox(self._look, failure, (RETRY,))
            self._error.triggered.connect(lambda _: self.retried.emit())
            layout = self._broken.layout()
            if isinstance(layout, QVBoxLayout):
                layout.insertWidget(0, self._error)
        self._error.show_report(failure)
        self._stack.setCurrentWidget(self._broken)


def _top(widget: QWidget) -> QWidget:
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(0, theme.SPACE_2, 0, 0)
    column.addWidget(widget)
    column.addStretch()
    return page
