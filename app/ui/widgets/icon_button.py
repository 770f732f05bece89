"""A small button that is an icon alone."""

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QPushButton, QWidget

from app.ui import theme
from app.ui.theme import Theme


class IconButton(QPushButton):
    """Keeps its icon in the colours of the theme; its name is for those who can't see it."""

    def __init__(
        self,
        look: Theme,
        icon: str,
        name: str,
        *,
        role: str = "text",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._icon_name = icon
        self._role = role
        self.setProperty("kind", "icon")
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setIconSize(QSize(theme.ICON, theme.ICON))
        self.setFixedWidth(theme.CONTROL + theme.SPACE_1)
        look.changed.connect(self._recolour)
        self._recolour()

    def _recolour(self) -> None:
        self.setIcon(self._look.icon(self._icon_name, self._role))
