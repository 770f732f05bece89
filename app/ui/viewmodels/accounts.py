"""The accounts at providers as the Settings list them, with what is found out about their keys."""

from contextlib import suppress
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from app.domain.accounts import PROVIDERS, Account, AccountId, KeyStatus
from app.domain.error_reports import ErrorReport
from app.domain.errors import AppError, ErrorKind
from app.domain.events import AccountRefreshed, AccountsChanged, KeyChanged, ModelsChanged
from app.domain.secrets import KeyringState
from app.manager.manager import Manager
from app.ui import words
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.viewmodels import account_words

SET_KEY, CHANGE, REFRESH = "set_key", "change", "refresh"
"""What mends the trouble of an account."""
_KEY_TROUBLE = frozenset({ErrorKind.KEY, ErrorKind.KEYRING})
_ADDRESS_TROUBLE = frozenset({ErrorKind.WRONG_SERVER, ErrorKind.SETTING})


@dataclass(frozen=True)
class AccountLine:
    """One account as a row shows it."""

    id: AccountId
    name: str
    provider: str
    """Whose server it is; empty where that is the name already."""
    address: str
    key: str
    models: str
    problem: ErrorReport | None = None
    mends: str = ""
    """What does something about the problem: `SET_KEY`, `CHANGE` or `REFRESH`."""
    busy: bool = False
    """Its provider is being asked for its models."""
    has_key: bool = False


def mended_by(report: ErrorReport) -> str:
    """What does something about an account's trouble."""
    if report.kind in _KEY_TROUBLE:
        return SET_KEY
    return CHANGE if report.kind in _ADDRESS_TROUBLE else REFRESH


class AccountList(QObject):
    """Follows the accounts. The keyring is asked once somebody looks, and not before."""

    changed = Signal()

    def __init__(
        self,
        manager: Manager,
        intents: Intents,
        bridge: Bridge,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        self._looked = False
        self._keys: dict[AccountId, KeyStatus] = {}
        self.keyring: KeyringState | None = None
        """Whether keys outlive this run; None while nobody has asked."""
        bridge.on(AccountsChanged, lambda _: self._accounts_changed())
        bridge.on(KeyChanged, self._keys_changed)
        bridge.on(AccountRefreshed, lambda _: self.changed.emit())
        bridge.on(ModelsChanged, lambda _: self.changed.emit())
        bridge.lost.connect(self._accounts_changed)
        intents.busy_changed.connect(self._busy)

    def look(self) -> None:
        """Find out where the keys are; somebody sees it."""
        self._looked = True
        self._look_at_keys()

    def lines(self) -> tuple[AccountLine, ...]:
        """Every account in the order they were added."""
        return tuple(map(self._line, self._manager.accounts.all()))

    def account(self, account_id: AccountId) -> Account:
        """One account.

        Raises:
            SettingError: it was removed.
        """
        return self._manager.accounts.get(account_id)

    def refresh(self, account_id: AccountId) -> None:
        """Ask a provider for its models; what goes wrong stands in its row."""
        self._intents.run(_refreshing(account_id), self._refresh(account_id))

    def remove(self, account_id: AccountId) -> None:
        """Remove an account with its key and its models."""
        self._intents.run(f"remove account {account_id}", self._manager.accounts.remove(account_id))

    def undo_remove(self, account_id: AccountId) -> None:
        """Call back an account that was removed."""
        work = self._manager.accounts.undo_remove(account_id)
        self._intents.run(f"undo remove account {account_id}", work)

    def undo_remove_key(self, account_id: AccountId) -> None:
        """Call back the key that was removed of an account."""
        work = self._manager.keys.undo_remove(account_id)
        self._intents.run(f"undo remove key {account_id}", work)

    def losses(self, account_id: AccountId) -> str:
        """What goes with an account, in a sentence."""
        account = self.account(account_id)
        parts = []
        if account.credential:
            parts.append("its key")
        if count := len(self._manager.accounts.models(account_id)):
            parts.append(f"its {words.amount(count, 'model')}")
        gone = " and ".join(parts)
        kept = "What its answers cost stays in the ledger."
        return f"Its settings go, and with them {gone}. {kept}" if gone else kept

    async def _refresh(self, account_id: AccountId) -> None:
        # The row tells what goes wrong, also when somebody else asked.
        with suppress(AppError):
            await self._manager.accounts.refresh(account_id)

    def _line(self, account: Account) -> AccountLine:
        status = self._keys.get(account.id)
        name = account_words.provider(account)
        problem = self._problem(account, status)
        return AccountLine(
            id=account.id,
            name=account.name,
            provider="" if name == account.name else name,
            address=account.base_url,
            key=account_words.key(account, status),
            models=self._models(account),
            problem=problem,
            mends=mended_by(problem) if problem is not None else "",
            busy=self._intents.running(_refreshing(account.id)),
            has_key=account.key_place is not None,
        )

    def _problem(self, account: Account, status: KeyStatus | None) -> ErrorReport | None:
        refresh = self._manager.accounts.refreshed(account.id)
        if status is not None and status.problem is not None:
            # One that has none yet needs no scolding: its row says so and offers to set it.
            waits = account.key_place is None and PROVIDERS[account.kind].needs_key
            return None if waits else status.problem
        return refresh.error if refresh is not None else None

    def _models(self, account: Account) -> str:
        if self._intents.running(_refreshing(account.id)):
            return "Asking for its models…"
        count = words.amount(len(self._manager.accounts.models(account.id)), "model")
        refresh = self._manager.accounts.refreshed(account.id)
        return f"{count}, {account_words.refresh(refresh)}" if refresh is not None else count

    def _accounts_changed(self) -> None:
        known = {account.id for account in self._manager.accounts.all()}
        for gone in [item for item in self._keys if item not in known]:
            del self._keys[gone]
        self.changed.emit()
        if self._looked:
            self._look_at_keys()

    def _keys_changed(self, events: list[KeyChanged]) -> None:
        for event in events:
            self._keys.pop(event.account_id, None)
        self.changed.emit()
        if self._looked:
            self._look_at_keys()

    def _look_at_keys(self) -> None:
        self._intents.run("look at keys", self._read_keys())

    async def _read_keys(self) -> None:
        """Ask for what isn't known yet, one after the other: a keyring may ask a person first."""
        accounts, keys = self._manager.accounts, self._manager.keys
        while waiting := [item.id for item in accounts.all() if item.id not in self._keys]:
            if self.keyring is None:
                self.keyring = await keys.keyring()
                self.changed.emit()
            for account_id in waiting:
                if accounts.find(account_id) is not None:
                    self._keys[account_id] = await keys.status(account_id)
                self.changed.emit()

    def _busy(self, name: str, _: bool) -> None:
        if name.startswith(_refreshing(AccountId(""))):
            self.changed.emit()


def _refreshing(account_id: AccountId) -> str:
    return f"refresh {account_id}"
