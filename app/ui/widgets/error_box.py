"""An error where it happened: what and why, what can be done, the detail one click away."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.domain.error_reports import ErrorReport
from app.ui import theme, words
from app.ui.theme import Theme
from app.ui.widgets.detail_view import DetailView
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.wrapped_label import WrappedLabel


class ErrorBox(QFrame):
    """Shows an ErrorReport with buttons; `triggered` names the one that was pressed.

    A crash has its cause above, and the line that says so below.
    """

    triggered = Signal(str)

    def __init__(
        self,
        look: Theme,
        report: ErrorReport,
        actions: Sequence[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._look = look
        self.setProperty("role", "error")
        self.setObjectName("error_box")
        self._icon = QLabel()
        self._icon.setAccessibleName("Error")
        self._cause = PlainLabel()
        self._cause.setObjectName("error_cause")
        self._cause.setFont(theme.strong())
        self._words = WrappedLabel()
        self._line = WrappedLabel()
        self._line.setObjectName("error_line")
        self._line.setFont(theme.mono())
        self._note = WrappedLabel()
        self._note.setObjectName("error_note")
        self._note.setProperty("role", "muted")
        for said in (self._words, self._line):
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._detail = DetailView()
        self._detail.hide()
        self._unfold = QPushButton("Details")
        self._unfold.setObjectName("error_details")
        self._unfold.setProperty("kind", "flat")
        self._unfold.setCheckable(True)
        self._unfold.toggled.connect(self._detail.setVisible)

        self._actions: list[QPushButton] = []
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(theme.SPACE_2)
        self._buttons.addWidget(self._unfold)
        self._buttons.addStretch()

        column = QVBoxLayout()
        column.setSpacing(theme.SPACE_2)
        rows: tuple[QWidget, ...] = (self._cause, self._words, self._line, self._note)
        for row in rows:
            column.addWidget(row)
        column.addLayout(self._buttons)
        column.addWidget(self._detail)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(theme.SPACE_3, theme.SPACE_2, theme.SPACE_3, theme.SPACE_2)
        whole.setSpacing(theme.SPACE_2)
        whole.addWidget(self._icon, alignment=Qt.AlignmentFlag.AlignTop)
        whole.addLayout(column, 1)
        look.changed.connect(self._recolour)
        self._recolour()
        self.offer(actions)
        self.show_report(report)

    def offer(self, actions: Sequence[str], note: str = "") -> None:
        """Put other buttons before the one that unfolds the detail.

        Args:
            actions: their texts.
            note: what to know before one is pressed.
        """
        self._note.setText(note)
        self._note.setVisible(bool(note))
        if [button.text() for button in self._actions] == list(actions):
            return
        for button in self._actions:
            self._buttons.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._actions = [self._button(text) for text in actions]
        for place, button in enumerate(self._actions):
            self._buttons.insertWidget(place, button)

    def buttons(self) -> list[QPushButton]:
        """Its buttons in the order in which they stand."""
        return [*self._actions, self._unfold]

    def show_report(self, report: ErrorReport) -> None:
        """Show another error in the same box."""
        cause = words.crash(report.crash)
        self._cause.setText(cause)
        self._cause.setVisible(bool(cause))
        self._words.setText(f"{report.what} {report.remedy}")
        line = report.crash.line if report.crash is not None else ""
        self._line.setText(line)
        self._line.setVisible(bool(line))
        self._detail.set_text(report.detail)
        self._unfold.setVisible(bool(report.detail))
        if not report.detail:
            self._unfold.setChecked(False)

    def _button(self, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(f"error_{text.casefold().replace(' ', '_')}")
        button.clicked.connect(lambda _=False: self.triggered.emit(text))
        return button

    def _recolour(self) -> None:
        self._icon.setPixmap(self._look.icon("error", "error").pixmap(theme.ICON))
