"""A rounded label that stands for one thing and may be taken away."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from app.ui import theme, words
from app.ui.theme import Theme
from app.ui.widgets.plain_label import PlainLabel


class Chip(QFrame):
    """An icon and a word; with a small cross when it can be removed."""

    removed = Signal()

    def __init__(
        self,
        look: Theme,
        text: str,
        *,
        icon: str = "",
        role: str = "text",
        removable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._icon_name = icon
        self._icon_role = role
        self.setProperty("role", "chip")
        self.setFixedHeight(theme.CONTROL)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.SPACE_2, 0, 2 if removable else theme.SPACE_2, 0)
        row.setSpacing(theme.SPACE_1)
        self._icon = QLabel()
        row.addWidget(self._icon)
        self._icon.setVisible(bool(icon))
        label = PlainLabel(text)
        if role != "text":
            label.setProperty("role", role)
        row.addWidget(label)
        self.cross: QToolButton | None = None
        """What takes the thing away, where that is offered."""
        if removable:
            self.cross = QToolButton()
            self.cross.setObjectName("chip_remove")
            self.cross.setProperty("kind", "flat")
            self.cross.setAccessibleName(f"Remove {text}")
            self.cross.setToolTip(words.tooltip(f"Remove {text}"))
            self.cross.setCursor(Qt.CursorShape.PointingHandCursor)
            self.cross.clicked.connect(self.removed)
            row.addWidget(self.cross)
        look.changed.connect(self._recolour)
        self._recolour()

    def _recolour(self) -> None:
        if self._icon_name:
            icon = self._look.icon(self._icon_name, self._icon_role)
            self._icon.setPixmap(icon.pixmap(theme.ICON))
        if self.cross is not None:
            self.cross.setIcon(self._look.icon("close", "muted"))
