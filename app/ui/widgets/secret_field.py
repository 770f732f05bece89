"""A line for a key: hidden, shown on request, and never anywhere else than in the line."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QWidget

from app.ui import theme
from app.ui.theme import Theme
from app.ui.widgets.icon_button import IconButton

HINTS = (
    Qt.InputMethodHint.ImhSensitiveData
    | Qt.InputMethodHint.ImhNoPredictiveText
    | Qt.InputMethodHint.ImhNoAutoUppercase
)
"""What keyboards that learn words are told."""


class SecretField(QWidget):
    """A password line and the button that shows it."""

    edited = Signal()

    def __init__(self, look: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line = _Line()
        self.line.setAccessibleName(name)
        self.line.textChanged.connect(lambda _: self.edited.emit())
        self.reveal = IconButton(look, "eye", "Show the key")
        self.reveal.setObjectName("reveal")
        self.reveal.setCheckable(True)
        self.reveal.toggled.connect(self.line.show_text)
        self.setFocusProxy(self.line)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE_2)
        row.addWidget(self.line, 1)
        row.addWidget(self.reveal)

    @property
    def text(self) -> str:
        """What is typed, for the call that takes it."""
        return self.line.text()

    def wipe(self) -> None:
        """Forget what was typed, and how to undo that."""
        self.reveal.setChecked(False)
        # Unlike clear(), this empties the line's own history as well.
        self.line.setText("")


class _Line(QLineEdit):
    """Takes text and gives it to nobody: no copy, no drag, no suggestion."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("secret")
        self.setFont(theme.mono())
        self.setDragEnabled(False)
        self.setAcceptDrops(False)
        self.selectionChanged.connect(self._keep)
        self.show_text(shown=False)

    def show_text(self, shown: bool) -> None:
        """Show the characters, or dots in their place."""
        mode = QLineEdit.EchoMode
        self.setEchoMode(mode.Normal if shown else mode.Password)
        hidden = Qt.InputMethodHint.ImhHiddenText
        self.setInputMethodHints(HINTS if shown else HINTS | hidden)
        self._keep()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to paste; nothing here is to be copied."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Paste", self.paste).setEnabled(not self.isReadOnly())
        menu.addAction("Clear", lambda: self.setText("")).setEnabled(bool(self.text()))
        menu.popup(event.globalPos())

    def _keep(self) -> None:
        # What is selected while it is shown could be copied, and on X11 it is at once.
        if self.echoMode() is QLineEdit.EchoMode.Normal and self.hasSelectedText():
            self.deselect()
