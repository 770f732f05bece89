"""Keys, and the servers they are for."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Protocol

from app.domain.accounts import Account, LocalServer, ProviderKind
from app.domain.models import ModelSpec
from app.domain.secrets import AuditReport, KeyPlace, KeyringState, Secret
from app.domain.spending import Price
from app.ports.engines import Provider


class KeyVault(Protocol):
    """Keeps keys where the system keeps them; what it gave out once appears in no log."""

    async def state(self) -> KeyringState:
        """Whether keys outlive this run."""
        ...

    async def keep(self, credential: str, key: Secret, *, for_now: bool = False) -> KeyPlace:
        """Keep a key in the keyring, or until the app quits where there is none.

        A call that is cancelled or fails leaves nothing behind.

        Args:
            credential: the name of the entry; each key has one of its own.
            key: the key.
            for_now: keep it until the app quits in any case.

        Raises:
            KeyringFailed: there is a keyring and it doesn't take it.
        """
        ...

    async def find(self, credential: str) -> Secret | None:
        """A kept key, or None where there is none any more.

        Raises:
            KeyringFailed: the keyring doesn't tell.
        """
        ...

    def variable(self, name: str) -> Secret | None:
        """The key in an environment variable; None where it isn't set.

        Raises:
            KeyUnusable: what is in it can be no key.
        """
        ...

    async def forget(self, credential: str) -> None:
        """Remove a key; one that isn't there is ignored.

        Raises:
            KeyringFailed: it may still be there.
        """
        ...


class KeyAudit(Protocol):
    """Searches what the app writes and starts for keys that lie openly."""

    async def search(self, keys: Mapping[str, Secret]) -> AuditReport:
        """Look for each key, by the name of its entry, in every file and child process."""
        ...


class RemoteProvider(Provider, Protocol):
    """The models of one account on a server."""

    def models(self) -> AsyncGenerator[tuple[ModelSpec, ...], None]:
        """What the server offers, a page at a time.

        Raises:
            RemoteError: the server doesn't tell.
            KeyUnusable: it doesn't take the key, or there is none.
        """
        ...

    async def check(self) -> None:
        """Have the server take the key, without cost.

        Raises:
            RemoteError: it doesn't answer as it should.
            KeyUnusable: it doesn't take the key, or there is none.
        """
        ...

    def renew(self) -> None:
        """Ask for the key anew before the next request; answers under way keep theirs."""
        ...

    async def aclose(self) -> None:
        """Cut every connection."""
        ...


class Connections(Protocol):
    """Makes adapters out of accounts."""

    def open(
        self,
        account: Account,
        key: Callable[[], Awaitable[Secret | None]],
        permit: Callable[[ModelSpec], None],
    ) -> RemoteProvider:
        """The adapter for an account; nothing is sent yet.

        Args:
            account: where, and whose server.
            key: tells the key; None for a server that wants none.
            permit: called before each request; raises what forbids it.
        """
        ...

    async def find_local(self) -> tuple[LocalServer, ...]:
        """The servers on this machine that answer on their usual ports now."""
        ...


class PriceList(Protocol):
    """What providers charge, looked up without a network."""

    async def price(self, kind: ProviderKind, base_url: str, model: str) -> Price | None:
        """What a model costs by the provider's own id; None where the list doesn't say."""
        ...
