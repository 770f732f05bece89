"""The top of a page: its title, a muted line beside it, and its controls."""

from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.ui import theme
from app.ui.widgets.plain_label import PlainLabel


class PageHeader(QWidget):
    """A title on the left; what is added stands on the right in the order it is added."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        heading = PlainLabel(title)
        heading.setFont(theme.title())
        self._note = PlainLabel()
        self._note.setProperty("role", "muted")
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(theme.SPACE_2)
        self._row.addWidget(heading)
        self._row.addSpacing(theme.SPACE_1)
        self._row.addWidget(self._note)
        self._row.addStretch(1)
        self.setMinimumHeight(theme.CONTROL + theme.SPACE_1)

    def set_note(self, text: str) -> None:
        """The muted words beside the title, such as a count."""
        self._note.setText(text)

    def add(self, widget: QWidget, stretch: int = 0) -> None:
        """Put a control at the right end."""
        self._row.addWidget(widget, stretch)
