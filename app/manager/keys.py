"""The keys of accounts: tested, set, removed, looked for where they mustn't be."""

import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from functools import partial

from app.domain.accounts import (
    PROVIDERS,
    Account,
    AccountId,
    AccountTest,
    KeyStatus,
    check_key_travels,
)
from app.domain.error_reports import report_of
from app.domain.errors import AppError, KeyUnusable
from app.domain.events import KeyChanged, KeyRemoved
from app.domain.secrets import AuditReport, KeyPlace, KeyringState, Secret, read_key
from app.manager.account_book import AccountBook
from app.manager.events import EventBus
from app.manager.reprieves import Reprieves

log = logging.getLogger(__name__)


class Keys:
    """Gives accounts their keys, which are in the keyring and in the call that sends them."""

    def __init__(self, book: AccountBook, events: EventBus) -> None:
        self._book = book
        self._events = events
        self._reprieves = Reprieves("keys", events)
        self._removed: dict[AccountId, Account] = {}
        """Accounts as they were before they were left without a key that can still come back."""
        self.renew: Callable[[AccountId], None] = lambda _: None
        """Called when an account's key is to be asked for anew."""

    async def aclose(self) -> None:
        """Remove for good what was removed."""
        await self._reprieves.aclose()

    # Queries

    async def keyring(self) -> KeyringState:
        """Whether keys outlive this run; otherwise the reason, to be said in a banner."""
        return await self._book.ports.vault.state()

    async def status(self, account_id: AccountId) -> KeyStatus:
        """Where an account's key is and how it ends; asks the keyring."""
        account = self._book.get(account_id)
        hint, problem = "", self._book.key_trouble(account_id)
        try:
            key = await self._key(account)
            hint = key.hint if key is not None else ""
        except AppError as error:
            problem = report_of(error)
        return KeyStatus(
            account_id=account_id,
            place=account.key_place,
            hint=hint,
            variable=account.variable,
            problem=problem,
        )

    async def to_send(self, account_id: AccountId) -> Secret | None:
        """The key for a request; None for a server that wants none.

        Raises:
            KeyUnusable: there should be one.
            KeyringFailed: the keyring doesn't tell.
            SettingError: it would go over the network unencrypted.
        """
        account = self._book.get(account_id)
        found = await self._key(account)
        if found is not None:
            check_key_travels(account.base_url, agreed=account.plain_http)
        return found

    # Commands

    async def test(
        self, account_id: AccountId, text: str | None = None, *, variable: str = ""
    ) -> AccountTest:
        """Have the provider take a key, without cost and without keeping it.

        Args:
            account_id: the account.
            text: the key as it was pasted; None for the one that the account has.
            variable: the environment variable that holds the key, in place of `text`.

        Raises:
            KeyUnusable: the key can't be sent, or the provider doesn't take it.
            RemoteError: the provider doesn't answer as it should.
            SettingError: the key would go over the network unencrypted.
        """
        account = self._book.get(account_id)
        started = time.monotonic()
        own = text is None and not variable
        if own:
            key = await self.to_send(account_id)
        else:
            check_key_travels(account.base_url, agreed=account.plain_http)
            key = self._variable(variable) if text is None else read_key(text)
        remote = self._book.ports.connections.open(account, _always(key), lambda spec: None)
        try:
            await remote.check()
        finally:
            await remote.aclose()
        if own:
            self._book.forget_key_trouble(account_id)
        return AccountTest(seconds=time.monotonic() - started)

    async def set(self, account_id: AccountId, text: str, *, for_now: bool = False) -> KeyPlace:
        """Give an account a key, in the place of the one that it had.

        Args:
            account_id: the account.
            text: the key as it was pasted.
            for_now: keep it until the app quits, although there is a keyring.

        Raises:
            KeyUnusable: it can be no key.
            KeyringFailed: the keyring doesn't take it; the account keeps its former key.
            SettingError: it would go over the network unencrypted.
        """
        account = await self._settled(account_id)
        check_key_travels(account.base_url, agreed=account.plain_http)
        key, credential = read_key(text), uuid.uuid4().hex
        place = await self._book.ports.vault.keep(credential, key, for_now=for_now)
        try:
            await self._put_key(account, place, credential=credential)
        except BaseException:
            await self._forget(credential)
            raise
        return place

    async def use_variable(self, account_id: AccountId, name: str) -> None:
        """Take an account's key from an environment variable; its value is kept nowhere.

        Raises:
            KeyUnusable: the variable isn't set, or holds no key.
            SettingError: the key would go over the network unencrypted.
        """
        account = await self._settled(account_id)
        check_key_travels(account.base_url, agreed=account.plain_http)
        self._variable(name)
        await self._put_key(account, KeyPlace.ENVIRONMENT, variable=name)

    async def remove(self, account_id: AccountId) -> None:
        """Leave an account without a key.

        It stays in the keyring, and nowhere else, as long as it can be called back; where the
        keyring won't remove it then, the account has it again.
        """
        account = await self._settled(account_id)
        if account.key_place is None:
            return
        bare = {"key_place": None, "credential": "", "variable": ""}
        self._book.put(account.model_copy(update=bare))
        self._removed[account_id] = account
        self.renew(account_id)
        until = self._reprieves.hold(
            account_id,
            carry_out=partial(self._remove, account_id),
            call_back=partial(self._bring_back, account_id),
        )
        self._events.publish(KeyRemoved(account_id=account_id, name=account.name, undo_until=until))

    async def undo_remove(self, account_id: AccountId) -> None:
        """Give an account back the key that was removed; one that is gone is ignored."""
        await self._reprieves.undo(account_id)

    async def settle(self, account_id: AccountId) -> None:
        """Remove for good what was removed of an account: something else is asked for."""
        await self._reprieves.settle(account_id)

    async def forget(self, account: Account) -> None:
        """Remove the key of an account that goes.

        Raises:
            KeyringFailed: it may still be in the keyring.
        """
        if account.credential:
            await self._book.ports.vault.forget(account.credential)

    async def audit(self) -> AuditReport:
        """Search the app's own files and child processes for every key that is known.

        Raises:
            KeyringFailed: a key can't be read, so it can't be looked for.
        """
        keys: dict[str, Secret] = {}
        for account in (*self._book.all(), *self._book.hidden(), *self._removed.values()):
            key = await self._stored(account)
            if key is not None:
                keys[account.id] = key
        return await self._book.ports.audit.search(keys)

    # Inside

    async def _settled(self, account_id: AccountId) -> Account:
        await self.settle(account_id)
        return self._book.get(account_id)

    async def _key(self, account: Account) -> Secret | None:
        key = await self._stored(account)
        if key is None and account.key_place is KeyPlace.ENVIRONMENT:
            raise _not_set(account.variable)
        if key is None and (account.key_place is not None or PROVIDERS[account.kind].needs_key):
            gone = "is gone" if account.key_place is not None else "is missing"
            raise KeyUnusable(f"The key of {account.name} {gone}.", "Set it in the Settings.")
        return key

    async def _stored(self, account: Account) -> Secret | None:
        vault = self._book.ports.vault
        if account.key_place is KeyPlace.ENVIRONMENT:
            return vault.variable(account.variable)
        return await vault.find(account.credential) if account.credential else None

    def _variable(self, name: str) -> Secret:
        key = self._book.ports.vault.variable(name)
        if key is None:
            raise _not_set(name)
        return key

    async def _put_key(
        self, account: Account, place: KeyPlace, *, credential: str = "", variable: str = ""
    ) -> None:
        changes = {"key_place": place, "credential": credential, "variable": variable}
        await self._book.save(account.model_copy(update=changes))
        self._changed(account.id)
        if account.credential:
            await self._forget(account.credential)

    async def _remove(self, account_id: AccountId) -> None:
        await self.forget(self._removed[account_id])
        await self._book.save(self._book.get(account_id))
        del self._removed[account_id]
        self._book.forget_key_trouble(account_id)

    async def _bring_back(self, account_id: AccountId) -> None:
        self._book.put(self._removed.pop(account_id))
        self._changed(account_id)

    def _changed(self, account_id: AccountId) -> None:
        self.renew(account_id)
        self._book.forget_key_trouble(account_id)
        self._events.publish(KeyChanged(account_id=account_id))

    async def _forget(self, credential: str) -> None:
        try:
            await self._book.ports.vault.forget(credential)
        except AppError as error:
            log.warning("A key that is used no longer stays in the keyring: %s", error)


def _always(key: Secret | None) -> Callable[[], Awaitable[Secret | None]]:
    async def tell() -> Secret | None:
        return key

    return tell


def _not_set(name: str) -> KeyUnusable:
    return KeyUnusable(
        f"The environment variable {name} holds no key.",
        "Set it and start Modelyard again, or set the key in the Settings.",
    )
