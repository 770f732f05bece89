"""Accounts at providers, their keys, and the models that they offer."""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass

from app.domain.accounts import (
    PROVIDERS,
    Account,
    AccountChange,
    AccountId,
    AccountTest,
    KeyStatus,
    LocalServer,
    ProviderKind,
    check_key_travels,
    new_account_id,
    read_base_url,
)
from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError, KeyUnusable, SettingError
from app.domain.events import AccountRefreshed, AccountsChanged, KeyChanged, LocalServersFound
from app.domain.models import ModelId, ModelQuery, ModelSpec, ModelStatus
from app.domain.secrets import AuditReport, KeyPlace, KeyringState, Secret, read_key
from app.manager.coordinator import Coordinator
from app.manager.events import EventBus, command
from app.manager.registry import Registry
from app.ports.engines import Provider
from app.ports.remote import Connections, KeyAudit, KeyVault, RemoteProvider
from app.ports.stores import AccountStore
from app.tasks import TaskScope

log = logging.getLogger(__name__)

NOT_OFFERED = "The provider lists it no longer."


@dataclass(frozen=True)
class AccountPorts:
    """What accounts need of the floors below."""

    store: AccountStore
    vault: KeyVault
    audit: KeyAudit
    connections: Connections


class Accounts:
    """Owns the accounts; each has an adapter among the manager's providers."""

    def __init__(
        self,
        ports: AccountPorts | None,
        providers: MutableMapping[str, Provider],
        registry: Registry,
        coordinator: Coordinator,
        events: EventBus,
        permit: Callable[[ModelSpec], None],
    ) -> None:
        """Begin with none.

        Args:
            ports: None for a manager of local models only.
            providers: where the adapters are found by those who load models.
            registry: where the models that are offered are kept.
            coordinator: ends what is loaded of an account that goes.
            events: where changes are told.
            permit: called before each request to a provider; raises what forbids it.
        """
        self._held_ports = ports
        self._providers = providers
        self._registry = registry
        self._coordinator = coordinator
        self._events = events
        self._permit = permit
        self._accounts: dict[AccountId, Account] = {}
        self._remotes: dict[AccountId, RemoteProvider] = {}
        self._problems: dict[AccountId, ErrorReport] = {}
        self._refreshing: dict[AccountId, asyncio.Task[int]] = {}
        self._tasks = TaskScope("accounts")

    async def start(self) -> None:
        """Read the accounts; neither a server nor the keyring is asked yet."""
        if self._held_ports is not None:
            for account in await self._held_ports.store.accounts():
                self._take(account)

    async def aclose(self) -> None:
        """Cut every connection."""
        await self._tasks.aclose()
        remotes = self._remotes.values()
        await asyncio.gather(*(remote.aclose() for remote in remotes), return_exceptions=True)

    # Queries

    def all(self) -> tuple[Account, ...]:
        """Every account in the order they were added."""
        return tuple(self._accounts.values())

    def get(self, account_id: AccountId) -> Account:
        """One account.

        Raises:
            SettingError: it was removed.
        """
        account = self._accounts.get(account_id)
        if account is None:
            raise SettingError("This account was removed.", "Add it again in the Settings.")
        return account

    def find(self, provider: str) -> Account | None:
        """The account by the name that specs have of it; None for files on this machine."""
        return self._accounts.get(AccountId(provider))

    def parameters(self, model_id: ModelId) -> frozenset[str] | None:
        """The fields of `Sampling` that a model's provider takes; None for all of them."""
        spec = self._registry.find(model_id)
        account = self._accounts.get(AccountId(spec.provider)) if spec is not None else None
        return PROVIDERS[account.kind].parameters if account is not None else None

    def models(self, account_id: AccountId) -> tuple[ModelId, ...]:
        """The models of one account that are known, by name."""
        return self._registry.query(ModelQuery(provider=account_id, limit=None)).ids

    async def keyring(self) -> KeyringState:
        """Whether keys outlive this run; otherwise the reason, to be said in a banner."""
        return await self._ports.vault.state()

    async def key_status(self, account_id: AccountId) -> KeyStatus:
        """Where an account's key is and how it ends; asks the keyring."""
        account = self.get(account_id)
        hint, problem = "", self._problems.get(account_id)
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

    # Commands

    async def add(
        self, kind: ProviderKind, name: str = "", base_url: str = "", *, plain_http: bool = False
    ) -> AccountId:
        """Add an account, without a key yet.

        Args:
            kind: whose server it is.
            name: what the person calls it; empty for the provider's name.
            base_url: where the server is; empty for its usual place.
            plain_http: whether a key may go to another machine unencrypted.

        Raises:
            SettingError: the address can't be used.
            StorageError: the account can't be kept.
        """
        facts = PROVIDERS[kind]
        title = name.strip() or facts.name
        account = Account(
            id=new_account_id(title, [*self._accounts, *self._providers]),
            kind=kind,
            name=title,
            base_url=read_base_url(base_url or facts.base_url),
            plain_http=plain_http,
            created_at=time.time(),
        )
        with command("add account"):
            await self._ports.store.save_account(account)
            self._take(account)
            self._events.publish(AccountsChanged(account_id=account.id))
        return account.id

    async def change(self, account_id: AccountId, change: AccountChange) -> None:
        """Rename an account, or move it to another server, whose models it has from then on.

        Raises:
            SettingError: the address can't be used, or not with the key that the account has.
        """
        account = self.get(account_id)
        changes = change.model_dump(exclude_none=True)
        if change.base_url is not None:
            changes["base_url"] = read_base_url(change.base_url)
        if change.name is not None:
            changes["name"] = change.name.strip() or account.name
        changed = account.model_copy(update=changes)
        if changed.key_place is not None:
            check_key_travels(changed.base_url, agreed=changed.plain_http)
        moved = (changed.base_url, changed.plain_http) != (account.base_url, account.plain_http)
        if moved:
            await self._end_models(account_id)
        await self._save(changed)
        if moved:
            await self._drop_adapter(account_id)
            self._take(changed)
        self._events.publish(AccountsChanged(account_id=account_id))

    async def remove(self, account_id: AccountId) -> None:
        """Remove an account, its key and its models.

        Raises:
            KeyringFailed: the key may still be in the keyring; the account stays.
        """
        account = self.get(account_id)
        with command("remove account"):
            if account.credential:
                await self._ports.vault.forget(account.credential)
            await self._end_models(account_id)
            await self._drop_adapter(account_id)
            await self._ports.store.forget_account(account)
            del self._accounts[account_id]
            self._problems.pop(account_id, None)
            await self._registry.forget(self.models(account_id))
            self._events.publish(AccountsChanged(account_id=account_id))

    async def test_key(self, account_id: AccountId, text: str | None = None) -> AccountTest:
        """Have the provider take a key, without cost and without keeping it.

        Args:
            account_id: the account.
            text: the key as it was pasted; None for the one that the account has.

        Raises:
            KeyUnusable: the key can't be sent, or the provider doesn't take it.
            RemoteError: the provider doesn't answer as it should.
            SettingError: the key would go over the network unencrypted.
        """
        account = self.get(account_id)
        started = time.monotonic()
        if text is None:
            await self._remotes[account_id].check()
            self._problems.pop(account_id, None)
        else:
            check_key_travels(account.base_url, agreed=account.plain_http)
            key = read_key(text)
            remote = self._ports.connections.open(account, _always(key), lambda spec: None)
            try:
                await remote.check()
            finally:
                await remote.aclose()
        return AccountTest(seconds=time.monotonic() - started)

    async def set_key(self, account_id: AccountId, text: str, *, for_now: bool = False) -> KeyPlace:
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
        account = self.get(account_id)
        check_key_travels(account.base_url, agreed=account.plain_http)
        key, credential = read_key(text), uuid.uuid4().hex
        place = await self._ports.vault.keep(credential, key, for_now=for_now)
        try:
            await self._put_key(account, place, credential=credential)
        except BaseException:
            await self._forget_key(credential)
            raise
        return place

    async def use_variable(self, account_id: AccountId, name: str) -> None:
        """Take an account's key from an environment variable; its value is kept nowhere.

        Raises:
            KeyUnusable: the variable isn't set, or holds no key.
            SettingError: the key would go over the network unencrypted.
        """
        account = self.get(account_id)
        check_key_travels(account.base_url, agreed=account.plain_http)
        if self._ports.vault.variable(name) is None:
            raise _not_set(name)
        await self._put_key(account, KeyPlace.ENVIRONMENT, variable=name)

    async def remove_key(self, account_id: AccountId) -> None:
        """Leave an account without a key.

        Raises:
            KeyringFailed: it may still be in the keyring; the account keeps it.
        """
        account = self.get(account_id)
        if account.credential:
            await self._ports.vault.forget(account.credential)
        await self._put_key(account.model_copy(update={"credential": ""}), None)

    async def refresh(self, account_id: AccountId) -> int:
        """Ask a provider for its models; those that come are known at once, page by page.

        However many ask at once, the provider is asked once.

        Returns:
            How many there are.

        Raises:
            KeyUnusable: there is no key, or the provider doesn't take it.
            RemoteError: the provider doesn't answer as it should; what came is known.
        """
        self.get(account_id)
        running = self._refreshing.get(account_id)
        if running is None:
            running = self._tasks.start(f"refresh {account_id}", self._refresh(account_id))
            self._refreshing[account_id] = running
            running.add_done_callback(lambda _: self._refreshing.pop(account_id, None))
            # Whoever asked may be gone when it fails; the event tells all the others.
            running.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(running)

    async def find_local(self) -> tuple[LocalServer, ...]:
        """Look for servers on this machine that answer and have no account."""
        found = await self._ports.connections.find_local()
        known = {account.base_url for account in self._accounts.values()}
        servers = tuple(server for server in found if server.base_url not in known)
        self._events.publish(LocalServersFound(servers=servers))
        return servers

    async def audit(self) -> AuditReport:
        """Search the app's own files and child processes for every key that is known.

        Raises:
            KeyringFailed: a key can't be read, so it can't be looked for.
        """
        keys: dict[str, Secret] = {}
        for account in self.all():
            key = await self._stored(account)
            if key is not None:
                keys[account.id] = key
        return await self._ports.audit.search(keys)

    # Inside

    @property
    def _ports(self) -> AccountPorts:
        if self._held_ports is None:
            raise SettingError("There are no accounts here.", "Use them in the window.")
        return self._held_ports

    def _take(self, account: Account) -> None:
        remote = self._ports.connections.open(account, self._key_of(account.id), self._permit)
        self._accounts[account.id] = account
        self._remotes[account.id] = self._providers[account.id] = remote

    def _key_of(self, account_id: AccountId) -> Callable[[], Awaitable[Secret | None]]:
        async def key() -> Secret | None:
            account = self.get(account_id)
            found = await self._key(account)
            if found is not None:
                check_key_travels(account.base_url, agreed=account.plain_http)
            return found

        return key

    async def _key(self, account: Account) -> Secret | None:
        """The key to send.

        Raises:
            KeyUnusable: there should be one.
            KeyringFailed: the keyring doesn't tell.
        """
        key = await self._stored(account)
        if key is None and account.key_place is KeyPlace.ENVIRONMENT:
            raise _not_set(account.variable)
        if key is None and (account.key_place is not None or PROVIDERS[account.kind].needs_key):
            gone = "is gone" if account.key_place is not None else "is missing"
            raise KeyUnusable(f"The key of {account.name} {gone}.", "Set it in the Settings.")
        return key

    async def _stored(self, account: Account) -> Secret | None:
        if account.key_place is KeyPlace.ENVIRONMENT:
            return self._ports.vault.variable(account.variable)
        return await self._ports.vault.find(account.credential) if account.credential else None

    async def _put_key(
        self, account: Account, place: KeyPlace | None, *, credential: str = "", variable: str = ""
    ) -> None:
        former = account.credential
        changes = {"key_place": place, "credential": credential, "variable": variable}
        await self._save(account.model_copy(update=changes))
        self._problems.pop(account.id, None)
        self._remotes[account.id].renew()
        if former:
            await self._forget_key(former)
        self._events.publish(KeyChanged(account_id=account.id))

    async def _forget_key(self, credential: str) -> None:
        try:
            await self._ports.vault.forget(credential)
        except AppError as error:
            log.warning("A key that is used no longer stays in the keyring: %s", error)

    async def _save(self, account: Account) -> None:
        await self._ports.store.save_account(account)
        self._accounts[account.id] = account

    async def _drop_adapter(self, account_id: AccountId) -> None:
        self._providers.pop(account_id, None)
        await self._remotes.pop(account_id).aclose()

    async def _end_models(self, account_id: AccountId) -> None:
        for model_id in self.models(account_id):
            await self._coordinator.end(model_id)

    async def _refresh(self, account_id: AccountId) -> int:
        seen: set[ModelId] = set()
        error: AppError | None = None
        try:
            async with aclosing(self._remotes[account_id].models()) as pages:
                async for page in pages:
                    seen.update(spec.id for spec in page)
                    await self._registry.keep(page)
            gone = [item for item in self.models(account_id) if item not in seen]
            await self._registry.keep(_not_offered(self._registry.get(item)) for item in gone)
        except AppError as failure:
            error = failure
            if isinstance(failure, KeyUnusable):
                self._problems[account_id] = report_of(failure)
                self._events.publish(KeyChanged(account_id=account_id))
            raise
        else:
            self._problems.pop(account_id, None)
        finally:
            report = None if error is None else report_of(error)
            refreshed = AccountRefreshed(account_id=account_id, models=len(seen), error=report)
            self._events.publish(refreshed)
        return len(seen)


def _always(key: Secret) -> Callable[[], Awaitable[Secret | None]]:
    async def tell() -> Secret | None:
        return key

    return tell


def _not_set(name: str) -> KeyUnusable:
    return KeyUnusable(
        f"The environment variable {name} holds no key.",
        "Set it and start Modelyard again, or set the key in the Settings.",
    )


def _not_offered(spec: ModelSpec) -> ModelSpec:
    return spec.model_copy(update={"status": ModelStatus.MISSING, "reason": NOT_OFFERED})
