"""Adding an account, or changing what one is called and where it is."""

from PySide6.QtCore import QObject, Signal

from app.domain.accounts import (
    PROVIDERS,
    AccountChange,
    AccountId,
    ProviderKind,
    read_base_url,
)
from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError, SettingError
from app.manager.manager import Manager
from app.ui.intents import Intents
from app.ui.viewmodels import account_words

TASK = "save account"


class AccountForm(QObject):
    """What is typed of an account; None of it holds before `save`."""

    changed = Signal()
    saved = Signal(str)
    """The account's id, once it is kept."""

    def __init__(
        self,
        manager: Manager,
        intents: Intents,
        account_id: AccountId | None = None,
        parent: QObject | None = None,
    ) -> None:
        """Begin with what there is.

        Args:
            manager: has the accounts.
            intents: run what is asked for.
            account_id: the account to change; None for a new one.
            parent: Qt's owner.

        Raises:
            SettingError: the account was removed.
        """
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        self.former = manager.accounts.get(account_id) if account_id is not None else None
        self.kind = self.former.kind if self.former is not None else ProviderKind.OPENAI
        self.name = self.former.name if self.former is not None else ""
        self.address = self.former.base_url if self.former is not None else self.usual_address
        self.agreed = self.former is not None and self.former.plain_http
        self.failure: ErrorReport | None = None
        self._kept: AccountId | None = None
        intents.busy_changed.connect(self._busy)

    @property
    def usual_name(self) -> str:
        """What it is called unless somebody says something else."""
        return PROVIDERS[self.kind].name

    @property
    def usual_address(self) -> str:
        """Where its provider usually is; empty where only the person knows."""
        return PROVIDERS[self.kind].base_url

    @property
    def plain(self) -> bool:
        """Whether a key would go there unencrypted."""
        return account_words.is_plain(self.address)

    @property
    def busy(self) -> bool:
        """Whether it is being saved."""
        return self._intents.running(TASK)

    def choose(self, kind: ProviderKind) -> None:
        """Take another provider, at its usual address unless another one was typed."""
        untouched = self.address.strip() in {"", self.usual_address}
        self.kind = kind
        if untouched:
            self.address = self.usual_address
        self._mended()

    def set_name(self, name: str) -> None:
        """Call it something else."""
        self.name = name
        self._mended()

    def set_address(self, address: str) -> None:
        """Look for it elsewhere."""
        self.address = address
        self._mended()

    def agree(self, agreed: bool) -> None:
        """Whether a key may go there unencrypted."""
        self.agreed = agreed
        self._mended()

    def save(self) -> None:
        """Keep it, unless the address can't be one."""
        self.failure = None
        try:
            read_base_url(self.address)
        except SettingError as error:
            self.failure = report_of(error)
        else:
            self._intents.run(TASK, self._save())
        self.changed.emit()

    def _mended(self) -> None:
        self.failure = None
        self.changed.emit()

    async def _save(self) -> None:
        accounts = self._manager.accounts
        plain_http = self.plain and self.agreed
        try:
            if self.former is None:
                account_id = await accounts.add(
                    self.kind, self.name, self.address, plain_http=plain_http
                )
            else:
                account_id = self.former.id
                change = AccountChange(name=self.name, base_url=self.address, plain_http=plain_http)
                await accounts.change(account_id, change)
        except AppError as error:
            self.failure = report_of(error)
        except Exception as error:
            self.failure = report_of(error)
            raise
        else:
            self._kept = account_id

    def _busy(self, name: str, busy: bool) -> None:
        if name != TASK:
            return
        self.changed.emit()
        if not busy and self._kept is not None:
            self.saved.emit(self._kept)
