"""The SDKs' clients, imported and made in a thread when one is first needed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from app.domain.accounts import Account, is_loopback
from app.domain.secrets import Secret
from app.tasks import in_daemon_thread

if TYPE_CHECKING:
    # Importing them takes one and a half seconds; the first paint comes before.
    import httpx2
    from anthropic import AsyncAnthropic
    from openai import AsyncOpenAI

C = TypeVar("C", bound="Closable")

NO_KEY = "no-key"
"""What the SDK is given for a server that wants none; it isn't sent."""


class Closable(Protocol):
    """A client that holds connections."""

    async def close(self) -> None:
        """Cut them."""
        ...


class Patience(NamedTuple):
    """How long a server may take, in seconds."""

    connect: float = 5.0
    silence: float = 120.0
    """Between two pieces of an answer, and before the first."""
    local_silence: float = 900.0
    """The same for a server on this machine: it may have to load the model and read the prompt."""
    send: float = 30.0


class Held(Generic[C]):
    """A client with the key that it was made with."""

    def __init__(self, client: C, key: Secret | None) -> None:
        self.client = client
        self.key = key
        self.users = 0
        self.stale = False


class ClientSource(Generic[C]):
    """One account's client: made when it is needed, and anew once its key has changed."""

    def __init__(
        self,
        make: Callable[[Secret | None], C],
        key: Callable[[], Awaitable[Secret | None]],
    ) -> None:
        """Prepare without asking for the key.

        Args:
            make: imports the SDK and makes a client, in a thread.
            key: tells the key.
        """
        self._make = make
        self._key = key
        self._current: Held[C] | None = None
        self._old: list[Held[C]] = []
        self._making = asyncio.Lock()
        self._renewals = 0
        self.last_key: Secret | None = None
        """What the last client was made with, to be kept out of words."""

    @asynccontextmanager
    async def held(self) -> AsyncIterator[C]:
        """The client, for one request.

        Raises:
            KeyUnusable, KeyringFailed: there is no key to be had.
        """
        held = await self._have()
        held.users += 1
        try:
            yield held.client
        finally:
            held.users -= 1
            if held.stale and not held.users:
                self._old.remove(held)
                await held.client.close()

    def renew(self) -> None:
        """Make the next client anew; requests under way keep theirs."""
        self._renewals += 1
        if self._current is not None:
            self._current.stale = True
            self._old.append(self._current)
            self._current = None

    async def aclose(self) -> None:
        """Cut every connection."""
        self.renew()
        old, self._old = self._old, [held for held in self._old if held.users]
        await asyncio.gather(*(held.client.close() for held in old), return_exceptions=True)

    async def _have(self) -> Held[C]:
        # However many ask at once, the keyring is asked once.
        async with self._making:
            while self._current is None:
                renewals, key = self._renewals, await self._key()
                self.last_key = key
                made = Held(await in_daemon_thread(self._make, key), key)
                if renewals == self._renewals:
                    self._current = made
                else:
                    await made.client.close()
            return self._current


@asynccontextmanager
async def closing_stream(stream: Any) -> AsyncIterator[None]:
    """Close an SDK's stream with what reads it, which it would leave to the garbage collector."""
    try:
        async with stream:
            yield
    finally:
        reader = getattr(stream, "_iterator", None)
        if reader is not None:
            await reader.aclose()


def make_http(
    account: Account, patience: Patience, headers: dict[str, str] | None = None
) -> "httpx2.AsyncClient":
    """The connections to an account's server."""
    import httpx2  # noqa: PLC0415 - see above

    local = is_loopback(account.base_url)
    silence = patience.local_silence if local else patience.silence
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(
            connect=patience.connect, read=silence, write=patience.send, pool=10
        ),
        # A proxy has no business between two programs of one machine.
        trust_env=not local,
        # A key follows no redirection; whoever moved has to say so in the Settings.
        follow_redirects=False,
        headers=headers,
    )


def make_openai(account: Account, patience: Patience, key: Secret | None) -> "AsyncOpenAI":
    """A client that takes nothing from the environment but the proxy."""
    from openai import AsyncOpenAI  # noqa: PLC0415 - see above

    http = make_http(account, patience)
    if key is None:
        # The SDK can't do without one.
        http.event_hooks = {"request": [_leave_out_key]}
    client = AsyncOpenAI(
        api_key=key.reveal() if key is not None else NO_KEY,
        base_url=account.base_url,
        max_retries=0,
        http_client=http,
    )
    client.organization = client.project = None
    return client


async def _leave_out_key(request: "httpx2.Request") -> None:
    request.headers.pop("Authorization", None)


def make_anthropic(account: Account, patience: Patience, key: Secret | None) -> "AsyncAnthropic":
    """A client that takes nothing from the environment but the proxy."""
    from anthropic import AsyncAnthropic  # noqa: PLC0415 - see above

    client = AsyncAnthropic(
        api_key=key.reveal() if key is not None else NO_KEY,
        base_url=account.base_url,
        max_retries=0,
        http_client=make_http(account, patience),
    )
    # ANTHROPIC_CUSTOM_HEADERS is read whatever is passed, and may hold another account's key.
    client._custom_headers = {}  # noqa: SLF001
    return client
