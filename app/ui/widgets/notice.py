"""Something that holds here and is worth knowing: an icon and words that wrap."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from app.ui import theme
from app.ui.theme import Theme
from app.ui.widgets.wrapped_label import WrappedLabel


class Notice(QFrame):
    """Shows words in a frame, and hides itself when there are none."""

    def __init__(
        self, look: Theme, name: str, role: str = "warn", parent: QWidget | None = None
    ) -> None:
        """Make an empty, hidden one.

        Args:
            look: the theme.
            name: the object name of the words.
            role: the token that colours the icon: "warn", "ok" or "info".
            parent: what it lies in.
        """
        super().__init__(parent)
        self._look = look
        self._role = role
        self.setProperty("role", "banner")
        self._icon = QLabel()
        self.words = WrappedLabel()
        self.words.setObjectName(name)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.SPACE_3, theme.SPACE_2, theme.SPACE_3, theme.SPACE_2)
        row.setSpacing(theme.SPACE_2)
        row.addWidget(self._icon, alignment=Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.words, 1)
        look.changed.connect(self._recolour)
        self._recolour()
        self.hide()

    def say(self, text: str, role: str = "") -> None:
        """Show other words, or nothing.

        Args:
            text: what holds.
            role: another colour of the icon; empty for the one it has.
        """
        self._role = role or self._role
        self._recolour()
        self.words.setText(text)
        self.setVisible(bool(text))

    def _recolour(self) -> None:
        icon = {"warn": "warning"}.get(self._role, self._role)
        self._icon.setPixmap(self._look.icon(icon, self._role).pixmap(theme.ICON))
