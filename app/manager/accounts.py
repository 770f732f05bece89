"""Accounts at providers, and the models that they offer."""

import asyncio
import time
from collections.abc import Callable, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from app.domain.accounts import (
    PROVIDERS,
    Account,
    AccountChange,
    AccountId,
    AccountRefresh,
    LocalServer,
    ProviderKind,
    check_key_travels,
    new_account_id,
    read_base_url,
)
from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError, KeyUnusable
from app.domain.events import (
    AccountRefreshed,
    AccountRemoved,
    AccountsChanged,
    KeyChanged,
    LocalServersFound,
)
from app.domain.models import ModelId, ModelQuery, ModelSpec, ModelStatus
from app.manager.account_book import AccountBook
from app.manager.coordinator import Coordinator
from app.manager.events import EventBus, command
from app.manager.keys import Keys
from app.manager.registry import Registry
from app.manager.reprieves import Reprieves
from app.ports.engines import Provider
from app.ports.remote import RemoteProvider
from app.tasks import TaskScope

NOT_OFFERED = "The provider lists it no longer."


@dataclass(frozen=True)
class _Removed:
    """An account as it was, and what comes back with it."""

    account: Account
    remote: RemoteProvider
    models: tuple[ModelSpec, ...]
    cleared: asyncio.Task[None]
    """Ends what is loaded of it, and has its models forgotten."""


class Accounts:
    """Owns the accounts; each has an adapter among the manager's providers."""

    def __init__(  # noqa: PLR0913 - one argument a part it joins
        self,
        *,
        book: AccountBook,
        keys: Keys,
        providers: MutableMapping[str, Provider],
        registry: Registry,
        coordinator: Coordinator,
        events: EventBus,
        permit: Callable[[ModelSpec], None],
    ) -> None:
        """Begin with none.

        Args:
            book: what is known of the accounts.
            keys: tells the keys to send.
            providers: where the adapters are found by those who load models.
            registry: where the models that are offered are kept.
            coordinator: ends what is loaded of an account that goes.
            events: where changes are told.
            permit: called before each request to a provider; raises what forbids it.
        """
        self._book = book
        self._keys = keys
        self._providers = providers
        self._registry = registry
        self._coordinator = coordinator
        self._events = events
        self._permit = permit
        self._remotes: dict[AccountId, RemoteProvider] = {}
        self._refreshing: dict[AccountId, asyncio.Task[int]] = {}
        self._reprieves = Reprieves("accounts removed", events)
        self._tasks = TaskScope("accounts")
        keys.renew = self._renew

    async def start(self) -> None:
        """Read the accounts; neither a server nor the keyring is asked yet."""
        await self._book.start()
        for account in self._book.all():
            self._connect(account)

    async def aclose(self) -> None:
        """Remove for good what was removed, and cut every connection."""
        await self._reprieves.aclose()
        await self._keys.aclose()
        await self._tasks.aclose()
        remotes = self._remotes.values()
        await asyncio.gather(*(remote.aclose() for remote in remotes), return_exceptions=True)
        await self._book.settled()

    # Queries

    def all(self) -> tuple[Account, ...]:
        """Every account in the order they were added."""
        return self._book.all()

    def get(self, account_id: AccountId) -> Account:
        """One account.

        Raises:
            SettingError: it was removed.
        """
        return self._book.get(account_id)

    def find(self, provider: str) -> Account | None:
        """The account by the name that specs have of it; None for files on this machine."""
        return self._book.find(AccountId(provider))

    def refreshed(self, account_id: AccountId) -> AccountRefresh | None:
        """What came of asking for its models the last time; None where nobody has asked."""
        return self._book.refreshed(account_id)

    def parameters(self, model_id: ModelId) -> frozenset[str] | None:
        """The fields of `Sampling` that a model's provider takes; None for all of them."""
        spec = self._registry.find(model_id)
        account = self.find(spec.provider) if spec is not None else None
        return PROVIDERS[account.kind].parameters if account is not None else None

    def models(self, account_id: AccountId) -> tuple[ModelId, ...]:
        """The models of one account that are known, by name."""
        return self._registry.query(ModelQuery(provider=account_id, limit=None)).ids

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
            id=new_account_id(title, self._taken()),
            kind=kind,
            name=title,
            base_url=read_base_url(base_url or facts.base_url),
            plain_http=plain_http,
            created_at=time.time(),
        )
        with command("add account"):
            await self._book.save(account)
            self._connect(account)
            self._events.publish(AccountsChanged(account_id=account.id))
        return account.id

    async def change(self, account_id: AccountId, change: AccountChange) -> None:
        """Rename an account, or move it to another server, whose models it has from then on.

        Raises:
            SettingError: the address can't be used, or not with the key that the account has.
        """
        # What is kept of an account from now on is kept without the key that was removed.
        await self._keys.settle(account_id)
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
        await self._book.save(changed)
        if moved:
            self._providers.pop(account_id, None)
            await self._remotes.pop(account_id).aclose()
            self._connect(changed)
        self._events.publish(AccountsChanged(account_id=account_id))

    async def remove(self, account_id: AccountId) -> None:
        """Remove an account, its key and its models; return when its models have ended.

        Its key stays in the keyring, and nowhere else, as long as the account can be called back;
        where the keyring won't remove it then, the account is back as well.

        Raises:
            StorageError: its models can't be forgotten.
        """
        await self._keys.settle(account_id)
        account = self.get(account_id)
        refreshing = self._refreshing.get(account_id)
        if refreshing is not None:
            refreshing.cancel()
            await asyncio.wait([refreshing])
        with command("remove account"):
            models = tuple(map(self._registry.get, self.models(account_id)))
            self._book.hide(account_id)
            self._providers.pop(account_id, None)
            cleared = self._tasks.start(f"clear {account_id}", self._clear(account_id))
            gone = _Removed(account, self._remotes.pop(account_id), models, cleared)
            until = self._reprieves.hold(
                account_id,
                carry_out=partial(self._forget, gone),
                call_back=partial(self._bring_back, gone),
            )
            removed = AccountRemoved(account_id=account_id, name=account.name, undo_until=until)
            self._events.publish(removed)
        await asyncio.shield(cleared)

    async def undo_remove(self, account_id: AccountId) -> None:
        """Call an account back with its key and its models; one that is gone is ignored."""
        await self._reprieves.undo(account_id)

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
        found = await self._book.ports.connections.find_local()
        known = {account.base_url for account in self.all()}
        servers = tuple(server for server in found if server.base_url not in known)
        self._events.publish(LocalServersFound(servers=servers))
        return servers

    # Inside

    def _taken(self) -> set[str]:
        hidden = (account.id for account in self._book.hidden())
        return {*(account.id for account in self.all()), *hidden, *self._providers}

    def _connect(self, account: Account) -> None:
        key = partial(self._keys.to_send, account.id)
        remote = self._book.ports.connections.open(account, key, self._permit)
        self._remotes[account.id] = self._providers[account.id] = remote

    def _renew(self, account_id: AccountId) -> None:
        remote = self._remotes.get(account_id)
        if remote is not None:
            remote.renew()

    async def _end_models(self, account_id: AccountId) -> None:
        for model_id in self.models(account_id):
            await self._coordinator.end(model_id)

    async def _clear(self, account_id: AccountId) -> None:
        await self._end_models(account_id)
        await self._registry.forget(self.models(account_id))

    async def _forget(self, gone: _Removed) -> None:
        await asyncio.shield(gone.cleared)
        await self._keys.forget(gone.account)
        await self._book.forget(gone.account.id)
        await gone.remote.aclose()

    async def _bring_back(self, gone: _Removed) -> None:
        await asyncio.wait([gone.cleared])
        account = self._book.show(gone.account.id)
        self._remotes[account.id] = self._providers[account.id] = gone.remote
        await self._registry.keep(gone.models)
        self._events.publish(AccountsChanged(account_id=account.id))

    async def _refresh(self, account_id: AccountId) -> int:
        seen: set[ModelId] = set()
        try:
            async with aclosing(self._remotes[account_id].models()) as pages:
                async for page in pages:
                    seen.update(spec.id for spec in page)
                    await self._registry.keep(page)
            gone = [item for item in self.models(account_id) if item not in seen]
            await self._registry.keep(_not_offered(self._registry.get(item)) for item in gone)
        except AppError as failure:
            self._came(account_id, len(seen), report_of(failure))
            if isinstance(failure, KeyUnusable):
                self._events.publish(KeyChanged(account_id=account_id))
            raise
        self._came(account_id, len(seen), None)
        return len(seen)

    def _came(self, account_id: AccountId, models: int, error: ErrorReport | None) -> None:
        self._book.note_refresh(account_id, models, error)
        refreshed = AccountRefreshed(account_id=account_id, models=models, error=error)
        self._events.publish(refreshed)


def _not_offered(spec: ModelSpec) -> ModelSpec:
    return spec.model_copy(update={"status": ModelStatus.MISSING, "reason": NOT_OFFERED})
