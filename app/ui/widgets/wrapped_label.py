"""A label of several lines that are never cut."""

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from app.ui.widgets.plain_label import PlainLabel

RESTYLED = {QEvent.Type.StyleChange, QEvent.Type.FontChange, QEvent.Type.Polish}


class WrappedLabel(PlainLabel):
    """Wraps at words and insists on the height that its width asks for; layouts alone don't."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setWordWrap(True)

    def minimumSizeHint(self) -> QSize:
        """Any width will do: one endless word must not widen what is around it."""
        return QSize(0, super().minimumSizeHint().height())

    def setText(self, text: str) -> None:
        """Show other words."""
        super().setText(text)
        self._insist()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width asks for another height."""
        super().resizeEvent(event)
        self._insist()

    def event(self, event: QEvent) -> bool:
        """Another font asks for another height."""
        result = super().event(event)
        if event.type() in RESTYLED:
            self._insist()
        return result

    def _insist(self) -> None:
        # Qt never asks for less than the minimum that is set: that of other words mustn't stay.
        self.setMinimumHeight(0)
        self.setMinimumHeight(max(0, self.heightForWidth(self.width())))
