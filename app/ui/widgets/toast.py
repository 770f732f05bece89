"""Short messages in the window's lower left. They never take the focus."""

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.domain.error_reports import ErrorReport
from app.ui import theme
from app.ui.theme import Theme
from app.ui.widgets.wrapped_label import WrappedLabel

TOAST_MS = 6_000
ERROR_MS = 10_000
MOST = 3
WIDTH = 300
ICONS = {"warn": "warning"}
"""Icons that aren't called as their colour is."""

T = TypeVar("T", QToolButton, QPushButton)


class Toast(QFrame):
    """One message with its icon, at most one action, details that unfold, and a cross."""

    closed = Signal(object)

    def __init__(self, parent: QWidget, look: Theme, text: str, role: str, detail: str) -> None:
        super().__init__(parent)
        self._look = look
        self._role = role
        self._stays = False
        self.setObjectName("toast")
        self.setProperty("role", "toast")
        self.setFixedWidth(WIDTH)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._icon = QLabel()
        self._icon.setAccessibleName(ICONS.get(role, role))
        self.words = WrappedLabel(text)
        self.words.setObjectName("toast_text")
        self._detail = WrappedLabel(detail)
        self._detail.setFont(theme.mono())
        self._detail.setProperty("role", "muted")
        self._detail.hide()
        self._cross = _quiet(QToolButton())
        self._cross.setAccessibleName("Dismiss")
        self._cross.clicked.connect(self.dismiss)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(theme.SPACE_1)
        self._buttons.addStretch()
        if detail:
            details = _quiet(QPushButton("Details"))
            details.setObjectName("toast_details")
            details.setCheckable(True)
            details.toggled.connect(self._unfold)
            self._buttons.addWidget(details)

        words = QVBoxLayout()
        words.setSpacing(theme.SPACE_1)
        words.addWidget(self.words, 1)
        words.addWidget(self._detail)
        words.addLayout(self._buttons)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.SPACE_3, theme.SPACE_2, theme.SPACE_1, theme.SPACE_2)
        row.setSpacing(theme.SPACE_2)
        top = Qt.AlignmentFlag.AlignTop
        row.addWidget(self._icon, alignment=top)
        row.addLayout(words, 1)
        row.addWidget(self._cross, alignment=top)

        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(ERROR_MS if role == "error" else TOAST_MS)
        self._timer.timeout.connect(self.dismiss)
        self._timer.start()
        look.changed.connect(self._recolour)
        self._recolour()

    def add_action(self, text: str, act: Callable[[], object]) -> None:
        """Offer one thing to do; pressing it also closes the toast."""
        button = _quiet(QPushButton(text))
        button.setObjectName("toast_action")
        button.clicked.connect(lambda _=False: self._act(act))
        self._buttons.addWidget(button)

    def stay(self) -> None:
        """Don't go by itself."""
        self._stays = True
        self._timer.stop()

    def dismiss(self) -> None:
        """Take the message away, unless it is gone."""
        if self.isHidden():
            return
        self._timer.stop()
        self.hide()
        self.closed.emit(self)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Keep a message while the pointer is on it."""
        self._timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Count again from the start."""
        if not self._stays and not self._detail.isVisible():
            self._timer.start()
        super().leaveEvent(event)

    def _act(self, act: Callable[[], object]) -> None:
        self.dismiss()
        act()

    def _unfold(self, shown: bool) -> None:
        self._timer.stop()
        self._detail.setVisible(shown)

    def _recolour(self) -> None:
        icon = ICONS.get(self._role, self._role)
        self._icon.setPixmap(self._look.icon(icon, self._role).pixmap(theme.ICON))
        self._cross.setIcon(self._look.icon("close", "muted"))


class Toaster(QObject):
    """Stacks messages at a window's left, where they hide no button, the newest lowest."""

    def __init__(self, window: QWidget, look: Theme, *, above: int = 0) -> None:
        """Make a toaster.

        Args:
            window: the widget that they lie over.
            look: the theme.
            above: pixels at the foot to keep free, as for a status bar.
        """
        super().__init__(window)
        self._window = window
        self._look = look
        self._above = above
        self._toasts: list[Toast] = []
        window.installEventFilter(self)

    @property
    def toasts(self) -> tuple[Toast, ...]:
        """The messages that are shown, the oldest first."""
        return tuple(self._toasts)

    def say(
        self,
        text: str,
        *,
        role: str = "info",
        action: str = "",
        act: Callable[[], object] | None = None,
        detail: str = "",
    ) -> Toast:
        """Show a message; `role` is "ok", "info", "warn" or "error"."""
        toast = Toast(self._window, self._look, text, role, detail)
        if action and act is not None:
            toast.add_action(action, act)
        toast.closed.connect(self._forget)
        self._toasts.append(toast)
        for surplus in self._toasts[:-MOST]:
            surplus.dismiss()
        toast.installEventFilter(self)
        toast.show()
        self._place()
        return toast

    def fail(self, report: ErrorReport) -> Toast:
        """Show an error with its details one click away."""
        return self.say(f"{report.what} {report.remedy}", role="error", detail=report.detail)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the window's corner and the messages' heights."""
        moved = event.type() in {QEvent.Type.Resize, QEvent.Type.LayoutRequest}
        if moved and (watched is self._window or watched in self._toasts):
            self._place()
        return False

    def _forget(self, toast: Toast) -> None:
        self._toasts.remove(toast)
        toast.deleteLater()
        self._place()

    def _place(self) -> None:
        foot = self._window.height() - self._above
        for toast in reversed(self._toasts):
            height = toast.heightForWidth(WIDTH)
            toast.resize(WIDTH, max(height, toast.minimumSizeHint().height()))
            toast.move(theme.SPACE_2, foot - toast.height())
            toast.raise_()
            foot -= toast.height() + theme.SPACE_2


def _quiet(button: T) -> T:
    button.setProperty("kind", "flat")
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return button
