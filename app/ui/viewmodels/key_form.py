"""Giving an account a key: tested and kept in one step. The key itself is held nowhere here."""

import asyncio
from collections.abc import Awaitable, Callable

from PySide6.QtCore import QObject, Signal

from app.domain.accounts import PROVIDERS, AccountChange, AccountId, KeyStatus
from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError, ErrorKind, RemoteTimeout
from app.domain.secrets import KeyPlace, KeyringState
from app.manager.manager import Manager
from app.ui.intents import Intents
from app.ui.viewmodels import account_words

TEST_SECONDS = 30.0
"""How long a provider may take to say whether it takes a key."""
_IN_FIELD = frozenset({ErrorKind.KEY, ErrorKind.SETTING})
"""Failures that another text mends."""


class KeyForm(QObject):
    """One account's key while somebody changes it."""

    changed = Signal()
    done = Signal()
    """The account has another key, or none: there is nothing left to do."""

    def __init__(
        self,
        manager: Manager,
        intents: Intents,
        account_id: AccountId,
        parent: QObject | None = None,
        patience: float = TEST_SECONDS,
    ) -> None:
        """Begin without asking anybody.

        Args:
            manager: has the accounts.
            intents: run what is asked for.
            account_id: whose key it is.
            parent: Qt's owner.
            patience: seconds that the provider may take.

        Raises:
            SettingError: the account was removed.
        """
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        self._patience = patience
        self._task = f"key of {account_id}"
        self.account = manager.accounts.get(account_id)
        self.status: KeyStatus | None = None
        """The key that it has; None while the keyring is asked."""
        self.keyring: KeyringState | None = None
        self.step = ""
        """What is under way, in words; empty when nothing is."""
        self.failure: ErrorReport | None = None
        self.kept: KeyPlace | None = None
        """Where the key is now, once it was set."""
        self._finished = False
        intents.busy_changed.connect(self._busy)

    @property
    def now(self) -> str:
        """The key that the account has, in words."""
        return account_words.key(self.account, self.status)

    @property
    def plain(self) -> bool:
        """Whether a person has to agree before a key is sent."""
        return account_words.is_plain(self.account.base_url) and not self.account.plain_http

    @property
    def usual_variable(self) -> str:
        """What the environment variable of this provider's key is usually called."""
        name = PROVIDERS[self.account.kind].name if PROVIDERS[self.account.kind].needs_key else "MY"
        return f"{name.upper()}_API_KEY"

    @property
    def in_field(self) -> bool:
        """Whether the failure is about what was typed."""
        return self.failure is not None and self.failure.kind in _IN_FIELD

    @property
    def keeps_for_now(self) -> bool:
        """Whether the key can be kept until the app quits, since the keyring doesn't take it."""
        return self.failure is not None and self.failure.kind is ErrorKind.KEYRING

    @property
    def skips_test(self) -> bool:
        """Whether it can be kept untested, since nobody could say whether it is good."""
        return self.failure is not None and not self.in_field and not self.keeps_for_now

    def look(self) -> None:
        """Find out what there is now."""
        self._intents.run(f"look at the {self._task}", self._look())

    def save(
        self, text: str, *, agreed: bool = False, for_now: bool = False, tested: bool = True
    ) -> None:
        """Have the provider take a key, then keep it.

        Args:
            text: as it was pasted.
            agreed: whether it may be sent unencrypted.
            for_now: keep it until the app quits.
            tested: whether the provider is asked first.
        """
        self._run(lambda: self._save(text, agreed=agreed, for_now=for_now, tested=tested))

    def use_variable(self, name: str, *, agreed: bool = False, tested: bool = True) -> None:
        """Take the key from an environment variable, whose value is kept nowhere.

        Args:
            name: the variable's.
            agreed: whether the key may be sent unencrypted.
            tested: whether the provider is asked first.
        """
        self._run(lambda: self._use_variable(name.strip(), agreed=agreed, tested=tested))

    def remove(self) -> None:
        """Leave the account without a key."""
        self._run(self._remove)

    def mended(self) -> None:
        """Something else was typed: forget what was wrong."""
        if self.failure is not None and not self.step:
            self.failure = None
            self.changed.emit()

    def cancel(self) -> None:
        """Give up what is under way; the account keeps the key that it had."""
        self._intents.cancel(self._task)

    async def _look(self) -> None:
        self.keyring = await self._manager.keys.keyring()
        self.changed.emit()
        self.status = await self._manager.keys.status(self.account.id)
        self.changed.emit()

    def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        if not self._intents.running(self._task):
            self.failure, self._finished = None, False
            self._intents.run(self._task, self._perform(work))

    async def _perform(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
            self._finished = True
        except AppError as error:
            self.failure = report_of(error)
        except Exception as error:
            self.failure = report_of(error)
            raise

    def _busy(self, name: str, busy: bool) -> None:
        if name != self._task or busy:
            return
        self.step = ""
        self.changed.emit()
        if self._finished:
            self.done.emit()

    async def _save(self, text: str, *, agreed: bool, for_now: bool, tested: bool) -> None:
        keys = self._manager.keys
        await self._agree(agreed=agreed)
        if tested:
            await self._test(keys.test(self.account.id, text))
        self._say("Keeping the key; the keyring may ask you to unlock it…")
        self.kept = await keys.set(self.account.id, text, for_now=for_now)

    async def _use_variable(self, name: str, *, agreed: bool, tested: bool) -> None:
        await self._agree(agreed=agreed)
        if tested:
            await self._test(self._manager.keys.test(self.account.id, variable=name))
        await self._manager.keys.use_variable(self.account.id, name)
        self.kept = KeyPlace.ENVIRONMENT

    async def _remove(self) -> None:
        await self._manager.keys.remove(self.account.id)

    async def _agree(self, *, agreed: bool) -> None:
        if self.plain and agreed:
            await self._manager.accounts.change(self.account.id, AccountChange(plain_http=True))
            self.account = self._manager.accounts.get(self.account.id)

    async def _test(self, work: Awaitable[object]) -> None:
        self._say(f"Asking {self.account.name} whether it takes the key…")
        try:
            async with asyncio.timeout(self._patience):
                await work
        except TimeoutError:
            raise RemoteTimeout(
                f"{self.account.name} has not answered for {self._patience:g} seconds.",
                "Try again, or save the key without testing it.",
            ) from None

    def _say(self, step: str) -> None:
        self.step = step
        self.changed.emit()
