"""The pages as a column of icons and words."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QPushButton, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.actions import ActionInfo
from app.ui.theme import Theme

WIDE = 148
NARROW = 52
BADGE = 16
DOT = 8


class SidebarButton(QPushButton):
    """A page's button with a badge where something waits."""

    def __init__(self, look: Theme, info: ActionInfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.info = info
        self._look = look
        self._count = 0
        self._failing = False
        self._narrow = False
        self.setProperty("kind", "side")
        self.setCheckable(True)
        self.setObjectName(f"sidebar_{info.id}")
        self.set_badge(0)
        self.set_narrow(narrow=False)

    @property
    def badge(self) -> int:
        """The number of the badge; 0 when there is none."""
        return self._count

    def set_badge(self, count: int, *, failing: bool = False) -> None:
        """Show a number; 0 shows none."""
        self._count = count
        self._failing = failing
        self.setAccessibleName(f"{self.info.text}, {count}" if count else self.info.text)
        self.update()

    def set_narrow(self, *, narrow: bool) -> None:
        """Show the icon only."""
        self._narrow = narrow
        self.setText("" if narrow else f"  {self.info.text}")
        key = QKeySequence(self.info.shortcut[0]).toString(QKeySequence.SequenceFormat.NativeText)
        self.setToolTip(f"{self.info.text} ({key})")

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the button, then the badge: its number, or a mere dot beside a lone icon."""
        super().paintEvent(event)
        if not self._count:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.caption())
        text = str(self._count)
        size = QSizeF(painter.fontMetrics().horizontalAdvance(text) + theme.SPACE_3, BADGE)
        box = QRectF(QPointF(0, 0), QSizeF(DOT, DOT) if self._narrow else size)
        box.moveCenter(QPointF(0, DOT if self._narrow else self.height() / 2))
        box.moveRight(self.width() - (theme.SPACE_1 if self._narrow else theme.SPACE_2))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._look.color("error" if self._failing else "accent"))
        painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
        if not self._narrow:
            painter.setPen(self._look.color("on_accent"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()


class Sidebar(QFrame):
    """Chooses a page; Settings stands at the foot."""

    chosen = Signal(str)

    def __init__(
        self, look: Theme, infos: Sequence[ActionInfo], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._look = look
        self.setProperty("role", "side")
        self.setObjectName("sidebar")
        self._group = QButtonGroup(self)
        self._buttons: dict[str, SidebarButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_2, theme.SPACE_3, theme.SPACE_2, theme.SPACE_3)
        column.setSpacing(theme.SPACE_1)
        for info in infos:
            button = SidebarButton(look, info)
            button.clicked.connect(lambda _=False, page=info.id: self.chosen.emit(page))
            self._group.addButton(button)
            self._buttons[info.id] = button
            if info is infos[-1]:
                column.addStretch()
            column.addWidget(button)
        self.set_narrow(narrow=False)
        look.changed.connect(self._recolour)
        self._recolour()

    def button(self, page: str) -> SidebarButton:
        """The button of a page."""
        return self._buttons[page]

    def show_chosen(self, page: str) -> None:
        """Mark a page as the one that is shown."""
        self._buttons[page].setChecked(True)
        self._recolour()

    def set_narrow(self, *, narrow: bool) -> None:
        """Show icons only."""
        self.setFixedWidth(NARROW if narrow else WIDE)
        for button in self._buttons.values():
            button.set_narrow(narrow=narrow)

    def _recolour(self) -> None:
        for button in self._buttons.values():
            role = "accent" if button.isChecked() else "muted"
            button.setIcon(self._look.icon(button.info.icon, role))
