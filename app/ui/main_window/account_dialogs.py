"""The dialogs of accounts, keys and spending."""

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.domain.accounts import PROVIDERS, AccountId
from app.domain.errors import UnknownModel
from app.domain.models import ModelId
from app.manager.manager import Manager
from app.ui import dialogs
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.pages.account_dialog import edit_account
from app.ui.pages.audit_dialog import show_audit
from app.ui.pages.key_dialog import change_key
from app.ui.pages.spending_dialog import show_spending
from app.ui.theme import Theme
from app.ui.viewmodels.account_form import AccountForm
from app.ui.viewmodels.accounts import AccountList
from app.ui.viewmodels.key_form import KeyForm
from app.ui.viewmodels.ledger import Ledger


class AccountDialogs(QObject):
    """Opens them over the window; each question is an intent of its own."""

    def __init__(
        self,
        window: QWidget,
        look: Theme,
        manager: Manager,
        intents: Intents,
        bridge: Bridge,
        accounts: AccountList,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._look = look
        self._manager = manager
        self._intents = intents
        self._ledger = Ledger(manager, intents, bridge, self)
        self._accounts = accounts

    def handlers(self) -> dict[str, Callable[[str], None]]:
        """What is done for each action's id."""
        return {
            "add_account": lambda _: self.add(),
            "change_account": self.change,
            "set_account_key": self.set_key,
            "refresh_account": lambda account: self._accounts.refresh(AccountId(account)),
            "remove_account": self.remove,
            "audit_keys": lambda _: self.audit(),
            "spending": lambda _: self.show_spending(),
        }

    def add(self) -> None:
        """Add an account, then its key where it needs one, then its models."""
        self._intents.run("add account", self._add())

    def change(self, whose: str) -> None:
        """Rename an account, or move it; `whose` is its id or that of one of its models."""
        account = self._account(whose)
        self._intents.run(f"change {account}", self._change(account))

    def set_key(self, whose: str) -> None:
        """Set an account's key, change it or remove it; `whose` as for `change`."""
        account = self._account(whose)
        self._intents.run(f"change key of {account}", self._set_key(account))

    def remove(self, account: str) -> None:
        """Remove an account, once the person has read what goes with it."""
        self._intents.run(f"ask to remove {account}", self._remove(AccountId(account)))

    def audit(self) -> None:
        """Search for keys that lie openly."""
        work = show_audit(self._window, self._look, self._manager, self._intents)
        self._intents.run("audit keys", work)

    def show_spending(self) -> None:
        """Show the ledger."""
        work = show_spending(self._window, self._look, self._ledger)
        self._intents.run("show spending", work)

    def _account(self, whose: str) -> AccountId:
        try:
            return AccountId(self._manager.models.get(ModelId(whose)).provider)
        except UnknownModel:
            return AccountId(whose)

    async def _add(self) -> None:
        form = AccountForm(self._manager, self._intents, parent=self)
        account_id = await edit_account(self._window, self._look, form)
        form.deleteLater()
        if account_id is None:
            return
        if PROVIDERS[self._manager.accounts.get(account_id).kind].needs_key:
            await self._set_key(account_id)
        else:
            self._accounts.refresh(account_id)

    async def _change(self, account_id: AccountId) -> None:
        before = self._manager.accounts.get(account_id).base_url
        form = AccountForm(self._manager, self._intents, account_id, self)
        kept = await edit_account(self._window, self._look, form)
        form.deleteLater()
        if kept is not None and self._manager.accounts.get(kept).base_url != before:
            self._accounts.refresh(account_id)

    async def _set_key(self, account_id: AccountId) -> None:
        form = KeyForm(self._manager, self._intents, account_id, self)
        changed = await change_key(self._window, self._look, form)
        form.deleteLater()
        account = self._manager.accounts.find(account_id)
        if changed and account is not None and account.key_place is not None:
            self._accounts.refresh(account_id)

    async def _remove(self, account_id: AccountId) -> None:
        name = self._accounts.account(account_id).name
        answer = await dialogs.ask(
            self._window,
            f"Remove {name}?",
            self._accounts.losses(account_id),
            ("Remove", "Cancel"),
            default="Cancel",
        )
        if answer == "Remove":
            self._accounts.remove(account_id)
