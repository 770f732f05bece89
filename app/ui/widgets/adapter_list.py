"""LoRA files with their scales."""

from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.widgets.plain_label import ElidedLabel
from app.ui.widgets.tab_order import in_tab_order
from app.ui.widgets.wrapped_label import WrappedLabel

SCALE_WIDTH = 72


class AdapterList(QWidget):
    """One row a file, and a button that asks for another one."""

    edited = Signal(object)
    """All files with their scales as they are typed."""
    add_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._adapters: tuple[tuple[str, str], ...] = ()
        self._rows: list[QWidget] = []
        self._listed = QVBoxLayout()
        self._listed.setSpacing(theme.SPACE_2)
        self._hint = _line("muted")
        self._hint.setText("Small files that are laid over the weights, each with its scale.")
        self._error = _line("error")
        self._error.hide()
        self.button = QPushButton("Add adapter…")
        self.button.setObjectName("add_adapter")
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self.add_requested)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_2)
        column.addLayout(self._listed)
        column.addWidget(self.button, alignment=Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._hint)
        column.addWidget(self._error)

    def show_adapters(self, adapters: Sequence[tuple[str, str]]) -> None:
        """Show other files; what is typed into the same ones stays where it is."""
        if tuple(adapters) == self._adapters:
            return
        self._adapters = tuple(adapters)
        if any(row.isAncestorOf(self.window().focusWidget()) for row in self._rows):
            self.button.setFocus(Qt.FocusReason.OtherFocusReason)
        for row in self._rows:
            self._listed.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows = [self._row(place, *adapter) for place, adapter in enumerate(adapters)]
        for row in self._rows:
            self._listed.addWidget(row)
        in_tab_order(*self._fields(), self.button)

    def set_error(self, text: str) -> None:
        """Say why a scale or file isn't taken; nothing takes that back."""
        self._error.setText(text)
        self._error.setVisible(bool(text))

    def _row(self, place: int, path: str, scale: str) -> QWidget:
        name = PurePath(path).name
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(theme.SPACE_2)
        words = ElidedLabel(path, Qt.TextElideMode.ElideMiddle)
        words.setFont(theme.mono())
        words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        field = QLineEdit(scale)
        field.setObjectName(f"adapter_scale_{place}")
        field.setAccessibleName(f"Scale of {name}")
        field.setToolTip("Scale")
        field.setFixedWidth(SCALE_WIDTH)
        field.setFont(theme.figures())
        field.setAlignment(Qt.AlignmentFlag.AlignRight)
        field.textEdited.connect(lambda text: self._rescale(place, text))
        remove = QPushButton("Remove")
        remove.setObjectName(f"remove_adapter_{place}")
        remove.setAccessibleName(f"Remove {name}")
        remove.setAutoDefault(False)
        remove.clicked.connect(lambda: self._remove(place))
        line.addWidget(words, 1)
        line.addWidget(field)
        line.addWidget(remove)
        return row

    def _fields(self) -> list[QWidget]:
        kinds = (QLineEdit, QPushButton)
        return [child for row in self._rows for kind in kinds for child in row.findChildren(kind)]

    def _rescale(self, place: int, scale: str) -> None:
        changed = list(self._adapters)
        changed[place] = (changed[place][0], scale)
        self._adapters = tuple(changed)
        self.edited.emit(self._adapters)

    def _remove(self, place: int) -> None:
        self.edited.emit((*self._adapters[:place], *self._adapters[place + 1 :]))


def _line(role: str) -> WrappedLabel:
    label = WrappedLabel()
    label.setProperty("role", role)
    label.setFont(theme.caption())
    return label
