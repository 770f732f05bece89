"""An error where it happened: two sentences, at most two buttons, the detail one click away."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.domain.errors import ErrorReport
from app.ui import theme
from app.ui.theme import Theme
from app.ui.widgets.wrapped_label import WrappedLabel


class ErrorBox(QFrame):
    """Shows an ErrorReport with buttons; `triggered` names the one that was pressed."""

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
        self._words = WrappedLabel()
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._detail = WrappedLabel()
        self._detail.setFont(theme.mono())
        self._detail.setProperty("role", "muted")
        self._detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
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

        words = QVBoxLayout()
        words.setSpacing(theme.SPACE_2)
        words.addWidget(self._words)
        words.addLayout(self._buttons)
        words.addWidget(self._detail)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.SPACE_3, theme.SPACE_2, theme.SPACE_3, theme.SPACE_2)
        row.setSpacing(theme.SPACE_2)
        row.addWidget(self._icon, alignment=Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        look.changed.connect(self._recolour)
        self._recolour()
        self.offer(actions)
        self.show_report(report)

    def offer(self, actions: Sequence[str]) -> None:
        """Put other buttons before the one that unfolds the detail."""
        if [button.text() for button in self._actions] == list(actions):
            return
        for button in self._actions:
            self._buttons.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._actions = [self._button(text) for text in actions]
        for place, button in enumerate(self._actions):
            self._buttons.insertWidget(place, button)

    def show_report(self, report: ErrorReport) -> None:
        """Show another error in the same box."""
        self._words.setText(f"{report.what} {report.remedy}")
        self._detail.setText(report.detail)
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
