"""The providers of remote models, as a part of the Settings."""

from itertools import chain

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.domain.accounts import AccountId
from app.ui import theme
from app.ui.theme import Theme
from app.ui.viewmodels.accounts import AccountList
from app.ui.viewmodels.local_servers import LocalServers
from app.ui.widgets.account_row import AccountRow
from app.ui.widgets.local_offers import LocalOffers
from app.ui.widgets.notice import Notice
from app.ui.widgets.tab_order import in_tab_order
from app.ui.widgets.wrapped_label import WrappedLabel

NOBODY = (
    "Models of OpenAI, Anthropic and every server that speaks OpenAI's protocol stand beside the "
    "local ones. Their keys are kept in the system's keyring and nowhere else."
)
ACTIONS = {
    "set_key": "set_account_key",
    "change": "change_account",
    "refresh": "refresh_account",
    "remove": "remove_account",
}
"""What a row's buttons ask the window for."""


class ProvidersSection(QWidget):
    """The accounts, what could be added with one press, and what can be done with all of them."""

    requested = Signal(str, str)
    """The id of an action, and the account that it is for."""

    def __init__(
        self,
        look: Theme,
        accounts: AccountList,
        servers: LocalServers,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._accounts = accounts
        self._servers = servers
        self._rows: list[AccountRow] = []
        self.setObjectName("providers")
        self._keyring = Notice(look, "keyring_banner")
        self._nobody = WrappedLabel(NOBODY)
        self._nobody.setObjectName("no_accounts")
        self._nobody.setProperty("role", "muted")
        self.offers = LocalOffers(look, servers)
        self.add = QPushButton("Add account…")
        self.add.setObjectName("add_account")
        self.audit = QPushButton("Audit keys…")
        self.audit.setObjectName("audit_keys")
        self.audit.setToolTip("Search Modelyard's own files and processes for every key")
        self.add.clicked.connect(lambda: self.requested.emit("add_account", ""))
        self.audit.clicked.connect(lambda: self.requested.emit("audit_keys", ""))
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SPACE_2)
        buttons.addWidget(self.add)
        buttons.addWidget(self.audit)
        buttons.addStretch()
        self._list = QVBoxLayout()
        self._list.setSpacing(theme.SPACE_4)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_3)
        column.addWidget(self._keyring)
        column.addWidget(self._nobody)
        column.addLayout(self._list)
        column.addWidget(self.offers)
        column.addLayout(buttons)
        column.setAlignment(buttons, Qt.AlignmentFlag.AlignLeft)
        accounts.changed.connect(self._show)
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        """Find out what there is: somebody sees it now."""
        super().showEvent(event)
        self._accounts.look()
        self._servers.look_soon()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop looking for servers."""
        super().hideEvent(event)
        self._servers.leave()

    def rows(self) -> tuple[AccountRow, ...]:
        """The rows of the accounts, in their order."""
        return tuple(self._rows)

    def _show(self) -> None:
        lines = self._accounts.lines()
        if [row.id for row in self._rows] != [line.id for line in lines]:
            self._rebuild()
        else:
            for row, line in zip(self._rows, lines, strict=True):
                row.show_line(line)
        state = self._accounts.keyring
        unkept = bool(lines) and state is not None and not state.lasting
        self._keyring.say(state.reason if unkept and state is not None else "")
        self._nobody.setVisible(not lines)
        self.audit.setVisible(bool(lines))
        # The one thing to do first; later it is one of several.
        kind = "" if lines else "primary"
        if self.add.property("kind") != kind:
            self.add.setProperty("kind", kind)
            self.add.style().polish(self.add)
        buttons = chain.from_iterable(row.buttons() for row in self._rows)
        offered = (banner.button for banner in self.offers.banners)
        in_tab_order(*buttons, *offered, self.add, self.audit)

    def _rebuild(self) -> None:
        if any(row.isAncestorOf(self.window().focusWidget()) for row in self._rows):
            self.add.setFocus()
        for row in self._rows:
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows = [AccountRow(self._look, line) for line in self._accounts.lines()]
        for row in self._rows:
            row.triggered.connect(lambda action, account=row.id: self._request(action, account))
            self._list.addWidget(row)
            # A layout shows what is new a moment later; until then it can't take the focus.
            row.show()

    def _request(self, action: str, account: AccountId) -> None:
        self.requested.emit(ACTIONS[action], account)
