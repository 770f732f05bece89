"""One account in the Settings: where it is, how its key ends, and what can be done."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.domain.accounts import AccountId
from app.ui import theme
from app.ui.theme import Theme
from app.ui.viewmodels.accounts import CHANGE, REFRESH, SET_KEY, AccountLine
from app.ui.widgets.error_box import ErrorBox
from app.ui.widgets.icon_button import IconButton
from app.ui.widgets.plain_label import ElidedLabel
from app.ui.widgets.wrapped_label import WrappedLabel

MENDS = {SET_KEY: "Set key…", CHANGE: "Change…", REFRESH: "Try again"}
REMOVE = "remove"


class AccountRow(QFrame):
    """Name and provider above, address, key and models below, buttons at the right."""

    triggered = Signal(str)
    """`SET_KEY`, `CHANGE`, `REFRESH` or `REMOVE`."""

    def __init__(self, look: Theme, line: AccountLine, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.id: AccountId = line.id
        self._mends = ""
        self._error: ErrorBox | None = None
        self.setObjectName(f"account_{line.id}")
        self._name = ElidedLabel()
        self._name.setFont(theme.strong())
        self._provider = _muted()
        self._address = _muted()
        self._address.setFont(theme.mono(theme.CAPTION_PX))
        self._facts = WrappedLabel()
        self._facts.setProperty("role", "muted")
        self._facts.setFont(theme.caption())
        self._facts.setObjectName("account_facts")
        self._set_key = QPushButton()
        self._set_key.setObjectName("account_set_key")
        self._refresh = IconButton(look, "retry", "")
        self._change = IconButton(look, "settings", "")
        self._remove = IconButton(look, "trash", "")
        for button, action in (
            (self._set_key, SET_KEY),
            (self._refresh, REFRESH),
            (self._change, CHANGE),
            (self._remove, REMOVE),
        ):
            button.setObjectName(f"account_{action}")
            button.clicked.connect(lambda _=False, chosen=action: self.triggered.emit(chosen))
        self._lay_out()
        self.show_line(line)

    def _lay_out(self) -> None:
        title = QHBoxLayout()
        title.setSpacing(theme.SPACE_2)
        title.addWidget(self._name)
        title.addWidget(self._provider)
        title.addStretch()
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addLayout(title)
        words.addWidget(self._address)
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE_1)
        row.addLayout(words, 1)
        for button in self.own_buttons():
            row.addWidget(button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.SPACE_1)
        self._column.addLayout(row)
        self._column.addWidget(self._facts)

    def own_buttons(self) -> list[QPushButton]:
        """The buttons that are always there, in the order of Tab."""
        return [self._set_key, self._refresh, self._change, self._remove]

    def buttons(self) -> list[QPushButton]:
        """Every button, in the order of Tab."""
        return [*self.own_buttons(), *(self._error.buttons() if self._error is not None else ())]

    def show_line(self, line: AccountLine) -> None:
        """Show another state of the same account."""
        self._name.setText(line.name)
        self._provider.setText(line.provider)
        self._provider.setVisible(bool(line.provider))
        self._address.setText(line.address)
        self._facts.setText(f"{line.key} · {line.models}")
        self._set_key.setText("Change key…" if line.has_key else "Set key…")
        self._set_key.setAccessibleName(f"{self._set_key.text().rstrip('…')} of {line.name}")
        self._refresh.setEnabled(not line.busy)
        for button, verb in (
            (self._refresh, "Refresh the models of"),
            (self._change, "Rename or move"),
            (self._remove, "Remove"),
        ):
            button.setAccessibleName(f"{verb} {line.name}")
            button.setToolTip(f"{verb} {line.name}")
        self._show_problem(line)

    def _show_problem(self, line: AccountLine) -> None:
        self._mends = line.mends
        if line.problem is None:
            if self._error is not None:
                self._error.hide()
            return
        if self._error is None:
            self._error = ErrorBox(self._look, line.problem)
            self._error.triggered.connect(lambda _: self.triggered.emit(self._mends))
            self._column.addWidget(self._error)
        self._error.offer((MENDS[line.mends],))
        self._error.show_report(line.problem)
        self._error.show()


def _muted() -> ElidedLabel:
    label = ElidedLabel()
    label.setProperty("role", "muted")
    return label
