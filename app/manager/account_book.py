"""The accounts that there are, kept by the change, and what came of asking each of them."""

import time
from dataclasses import dataclass

from app.domain.accounts import Account, AccountId, AccountRefresh
from app.domain.error_reports import ErrorReport
from app.domain.errors import ErrorKind, SettingError
from app.manager.behind import Behind
from app.manager.events import EventBus
from app.ports.remote import Connections, KeyAudit, KeyVault
from app.ports.stores import AccountStore


@dataclass(frozen=True)
class AccountPorts:
    """What accounts need of the floors below."""

    store: AccountStore
    vault: KeyVault
    audit: KeyAudit
    connections: Connections


class AccountBook:
    """Owns what is known of accounts; their keys and their adapters are others'."""

    def __init__(self, ports: AccountPorts | None, events: EventBus) -> None:
        """Begin with none; `ports` is None for a manager of local models only."""
        self._ports = ports
        self._behind = Behind("accounts kept", events)
        self._accounts: dict[AccountId, Account] = {}
        self._hidden: dict[AccountId, Account] = {}
        self._refreshes: dict[AccountId, AccountRefresh] = {}

    async def start(self) -> None:
        """Read what is kept."""
        if self._ports is not None:
            kept = await self._ports.store.accounts()
            self._accounts = {account.id: account for account in kept}
            self._refreshes = await self._ports.store.refreshes()

    async def settled(self) -> None:
        """Wait until all that has come of asking is kept."""
        await self._behind.settled()

    @property
    def ports(self) -> AccountPorts:
        """What is below.

        Raises:
            SettingError: there are no accounts here.
        """
        if self._ports is None:
            raise SettingError("There are no accounts here.", "Use them in the window.")
        return self._ports

    def all(self) -> tuple[Account, ...]:
        """Every account in the order they were added."""
        return tuple(self._accounts.values())

    def hidden(self) -> tuple[Account, ...]:
        """Those that are on their way out and can still come back."""
        return tuple(self._hidden.values())

    def find(self, account_id: AccountId) -> Account | None:
        """One account; None when it was removed."""
        return self._accounts.get(account_id)

    def get(self, account_id: AccountId) -> Account:
        """One account.

        Raises:
            SettingError: it was removed.
        """
        account = self._accounts.get(account_id)
        if account is None:
            raise SettingError("This account was removed.", "Add it again in the Settings.")
        return account

    async def save(self, account: Account) -> None:
        """Keep an account; one that has been hidden meanwhile stays so."""
        await self.ports.store.save_account(account)
        self.put(account)

    def put(self, account: Account) -> None:
        """Have an account be so until the program ends, unless it is saved."""
        held = self._hidden if account.id in self._hidden else self._accounts
        held[account.id] = account

    def hide(self, account_id: AccountId) -> None:
        """Have an account be nowhere, and kept all the same."""
        self._hidden[account_id] = self._accounts.pop(account_id)

    def show(self, account_id: AccountId) -> Account:
        """Have a hidden account be there again."""
        account = self._hidden.pop(account_id)
        self._accounts[account_id] = account
        self._accounts = dict(sorted(self._accounts.items(), key=lambda item: item[1].created_at))
        return account

    async def forget(self, account_id: AccountId) -> None:
        """Keep a hidden account no longer."""
        await self.ports.store.forget_account(self._hidden[account_id])
        del self._hidden[account_id]
        self._refreshes.pop(account_id, None)

    def refreshed(self, account_id: AccountId) -> AccountRefresh | None:
        """What came of asking for its models the last time; None where nobody has asked."""
        return self._refreshes.get(account_id)

    def note_refresh(self, account_id: AccountId, models: int, error: ErrorReport | None) -> None:
        """Know what came of asking just now."""
        refresh = AccountRefresh(at=time.time(), models=models, error=error)
        self._refreshes[account_id] = refresh
        work = self.ports.store.save_refresh(account_id, refresh)
        self._behind.run("keep a refresh", work)

    def key_trouble(self, account_id: AccountId) -> ErrorReport | None:
        """Why its key wasn't taken the last time; None where it was, or nobody has asked."""
        refresh = self._refreshes.get(account_id)
        error = refresh.error if refresh is not None else None
        return error if error is not None and error.kind is ErrorKind.KEY else None

    def forget_key_trouble(self, account_id: AccountId) -> None:
        """It has another key, or the one that it has is taken after all."""
        if self.key_trouble(account_id) is not None:
            del self._refreshes[account_id]
            self._behind.run("forget a refresh", self.ports.store.forget_refresh(account_id))
