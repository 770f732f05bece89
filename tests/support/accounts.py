"""A manager with accounts: a keyring in this process, and providers that answer on order."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.accounts import (
    Account,
    AccountId,
    AccountRefresh,
    LocalServer,
    ProviderKind,
    model_id,
)
from app.domain.errors import AppError, KeyUnusable
from app.domain.load_settings import LoadSettings
from app.domain.models import ModelSpec, RemoteFacts
from app.domain.secrets import Secret
from app.domain.spending import Price, SpendingEntry
from app.manager.account_book import AccountPorts
from app.manager.manager import Manager
from app.manager.spending import SpendingPorts
from app.system.key_audit import FileAudit
from app.system.keys import SystemKeys
from tests.support.fakes import FakeEngine, FakePorts, FakeProvider, fake_ports, spec
from tests.support.keyrings import DictKeyring


def remote_spec(account: str, name: str, **changes: object) -> ModelSpec:
    """A chat model on a server."""
    facts = RemoteFacts(model=name, source="the list of models")
    fields: dict[str, object] = {
        "id": model_id(AccountId(account), name),
        "provider": account,
        "path": "",
        "size_bytes": 0,
        "architecture": "",
        "parameters": None,
        "quantisation": "",
        "remote": facts,
    }
    return spec(name, **{**fields, **changes})


class FakeRemote(FakeProvider):
    """An account whose server has the models that a test gives it."""

    def __init__(
        self,
        account: Account,
        key: Callable[[], Awaitable[Secret | None]],
        permit: Callable[[ModelSpec], None],
        world: "FakeConnections",
    ) -> None:
        super().__init__()
        self.account = account
        self.key = key
        self.permit = permit
        self.world = world
        self.renewed = 0
        self.closed = False

    async def load(
        self,
        spec: ModelSpec,
        settings: LoadSettings,
        on_progress: Callable[[float], None],
        *,
        plentiful: bool = False,
    ) -> FakeEngine:
        engine = await super().load(spec, settings, on_progress)
        engine.memory = lambda: None  # type: ignore[method-assign]
        return engine

    async def models(self) -> AsyncGenerator[tuple[ModelSpec, ...], None]:
        await self.check()
        for page in self.world.pages:
            yield tuple(remote_spec(self.account.id, name) for name in page)
        if self.world.failure is not None:
            raise self.world.failure

    async def check(self) -> None:
        key = await self.key()
        if key in self.world.refused:
            raise KeyUnusable("The provider doesn't take this key.", "Set another one.")
        self.world.seen.append(key)

    def renew(self) -> None:
        self.renewed += 1

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class FakeConnections:
    """Every server there is."""

    pages: list[list[str]] = field(default_factory=lambda: [["alpha", "beta"], ["gamma"]])
    failure: AppError | None = None
    refused: set[Secret | None] = field(default_factory=set)
    seen: list[Secret | None] = field(default_factory=list)
    opened: list[FakeRemote] = field(default_factory=list)
    local: tuple[LocalServer, ...] = ()

    def open(
        self,
        account: Account,
        key: Callable[[], Awaitable[Secret | None]],
        permit: Callable[[ModelSpec], None],
    ) -> FakeRemote:
        remote = FakeRemote(account, key, permit, self)
        self.opened.append(remote)
        return remote

    async def find_local(self) -> tuple[LocalServer, ...]:
        return self.local


class MemoryAccounts:
    """Accounts in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Account] = {}
        self.kept_refreshes: dict[AccountId, AccountRefresh] = {}

    async def accounts(self) -> tuple[Account, ...]:
        return tuple(self.kept.values())

    async def save_account(self, account: Account) -> None:
        self.kept[account.id] = account

    async def forget_account(self, account: Account) -> None:
        self.kept.pop(account.id, None)
        self.kept_refreshes.pop(account.id, None)

    async def refreshes(self) -> dict[AccountId, AccountRefresh]:
        return dict(self.kept_refreshes)

    async def save_refresh(self, account_id: AccountId, refresh: AccountRefresh) -> None:
        self.kept_refreshes[account_id] = refresh

    async def forget_refresh(self, account_id: AccountId) -> None:
        self.kept_refreshes.pop(account_id, None)


class MemorySpending:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], SpendingEntry] = {}

    async def entries(self) -> tuple[SpendingEntry, ...]:
        return tuple(self.kept.values())

    async def save_entry(self, entry: SpendingEntry) -> None:
        self.kept[entry.day, entry.model_id] = entry


@dataclass
class FakePrices:
    """Prices by the provider's own id of a model."""

    known: dict[str, Price] = field(default_factory=dict)

    async def price(self, kind: ProviderKind, base_url: str, model: str) -> Price | None:
        return self.known.get(model)


@dataclass
class FakeWorld:
    """Everything around a manager with accounts; kept across managers to play a restart."""

    folder: Path
    ports: FakePorts = field(default_factory=fake_ports)
    connections: FakeConnections = field(default_factory=FakeConnections)
    accounts: MemoryAccounts = field(default_factory=MemoryAccounts)
    keyring: DictKeyring | None = field(default_factory=DictKeyring)
    environment: dict[str, str] = field(default_factory=dict)
    spending: MemorySpending = field(default_factory=MemorySpending)
    prices: FakePrices = field(default_factory=FakePrices)
    patience: float = 20.0
    """Seconds that the keyring may take."""

    @asynccontextmanager
    async def manager(self) -> AsyncIterator[Manager]:
        """A started manager, closed at the end."""
        accounts = AccountPorts(
            store=self.accounts,
            vault=SystemKeys(self.environment, lambda: self.keyring, self.patience),
            audit=FileAudit([self.folder]),
            connections=self.connections,
        )
        spending = SpendingPorts(store=self.spending, prices=self.prices)
        async with self.ports.manager(accounts, spending) as manager:
            yield manager


def engine_of(connections: FakeConnections, model: str) -> FakeEngine:
    """The engine that was last loaded for a model."""
    return next(
        engine
        for remote in reversed(connections.opened)
        for key, engine in remote.engines.items()
        if key == model
    )
