"""Accounts as adapters: a provider's models found, and asked like local ones."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from app.domain.accounts import PROVIDERS, Account, AccountId, LocalServer, ProviderKind
from app.domain.errors import AppError
from app.domain.load_settings import LoadSettings
from app.domain.memory_plans import MemoryPlan, PlanSource
from app.domain.models import ModelSpec
from app.domain.secrets import Secret
from app.providers.anthropic_wire import AnthropicWire
from app.providers.openai_wire import OpenAIWire
from app.providers.remote_clients import (
    ClientSource,
    Patience,
    make_anthropic,
    make_http,
    make_openai,
)
from app.providers.remote_engine import RemoteEngine, Wire
from app.providers.remote_failures import NotAStream, Where, failure_of
from app.providers.remote_listing import Page, list_models, of_anthropic

if TYPE_CHECKING:
    import httpx2

Key = Callable[[], Awaitable[Secret | None]]
Permit = Callable[[ModelSpec], None]

LOCAL_PATIENCE = 1.0
"""Seconds that a server on this machine has to say that it is there."""
_LOOKED_FOR = (
    ProviderKind.OLLAMA,
    ProviderKind.LM_STUDIO,
    ProviderKind.LLAMA_SERVER,
    ProviderKind.VLLM,
)


class BadStatus(Exception):
    """A plain request was refused; made like the SDKs' exceptions."""

    def __init__(self, response: "httpx2.Response") -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.response = response
        self.status_code = response.status_code
        self.body = response.text


class Http(NamedTuple):
    """Connections without an SDK, which lists don't need."""

    client: "httpx2.AsyncClient"

    async def close(self) -> None:
        """Cut them."""
        await self.client.aclose()

    async def fetch(self, address: str, body: Mapping[str, Any] | None) -> Any:
        """The JSON at an address; asked with a body when there is one.

        Raises:
            BadStatus: it was refused.
            NotAStream: it is no JSON.
            httpx2.HTTPError: there was no answer.
        """
        if body is None:
            response = await self.client.get(address)
        else:
            response = await self.client.post(address, json=body)
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise BadStatus(response)
        try:
            return response.json()
        except ValueError:
            raise NotAStream(response.text[:500]) from None


class _Account:
    """What both kinds of adapters share."""

    offloads: bool | None = False

    def __init__(self, account: Account, permit: Permit, wire: Callable[[ModelSpec], Wire]) -> None:
        self._account = account
        self._permit = permit
        self._wire = wire
        self._where = Where(account.name, account.base_url)

    async def load(
        self,
        spec: ModelSpec,
        settings: LoadSettings,
        on_progress: Callable[[float], None],
        *,
        plentiful: bool = False,
    ) -> RemoteEngine:
        """Prepare to ask a model; whether it is there, its `probe` finds out."""
        return RemoteEngine(spec, self._wire(spec), self._permit)

    def warm(self) -> None:
        """Nothing: an SDK that is imported early would delay the first paint."""

    async def plan_memory(self, spec: ModelSpec, settings: LoadSettings) -> MemoryPlan:
        """Nothing at all, on this machine."""
        return MemoryPlan(source=PlanSource.FORMULA, lines=())


class OpenAIAccount(_Account):
    """An account at OpenAI, or at a server that speaks its protocol."""

    def __init__(self, account: Account, key: Key, permit: Permit, patience: Patience) -> None:
        super().__init__(account, permit, lambda spec: OpenAIWire(account, spec, self._clients))
        self._clients = ClientSource(partial(make_openai, account, patience), key)
        self._http = ClientSource(partial(_plain_client, account, patience), key)

    async def models(self) -> AsyncGenerator[Page, None]:
        """What the server offers, a page at a time.

        Raises:
            RemoteError: the server doesn't tell.
            KeyUnusable: it doesn't take the key, or there is none.
        """
        try:
            async with self._http.held() as http:
                async for page in list_models(self._account, http.fetch):
                    yield page
        except Exception as error:  # noqa: BLE001 - the edge to the server
            raise self._failure(error) from None

    async def check(self) -> None:
        """Have the server take the key, without cost.

        Raises:
            RemoteError: it doesn't answer as it should.
            KeyUnusable: it doesn't take the key, or there is none.
        """
        # OpenRouter shows its models to anybody.
        own = "key" if self._account.kind is ProviderKind.OPENROUTER else "models"
        try:
            async with self._http.held() as http:
                await http.fetch(f"{self._account.base_url}/{own}", None)
        except Exception as error:  # noqa: BLE001 - the edge to the server
            raise self._failure(error) from None

    def renew(self) -> None:
        """Ask for the key anew before the next request."""
        self._clients.renew()
        self._http.renew()

    async def aclose(self) -> None:
        """Cut every connection."""
        await asyncio.gather(self._clients.aclose(), self._http.aclose())

    def _failure(self, error: Exception) -> AppError:
        return failure_of(error, self._where, self._http.last_key)


class AnthropicAccount(_Account):
    """An account at Anthropic."""

    def __init__(self, account: Account, key: Key, permit: Permit, patience: Patience) -> None:
        super().__init__(account, permit, lambda spec: AnthropicWire(account, spec, self._clients))
        self._clients = ClientSource(partial(make_anthropic, account, patience), key)

    async def models(self) -> AsyncGenerator[Page, None]:
        """What Anthropic offers, a page at a time.

        Raises:
            RemoteError: the server doesn't tell.
            KeyUnusable: it doesn't take the key, or there is none.
        """
        try:
            async with self._clients.held() as client:
                page = await client.models.list(limit=100)
                while True:
                    yield tuple(of_anthropic(self._account, item) for item in page.data)
                    if not page.has_next_page():
                        return
                    page = await page.get_next_page()
        except Exception as error:  # noqa: BLE001 - the edge to the SDK
            raise self._failure(error) from None

    async def check(self) -> None:
        """Have the server take the key, without cost.

        Raises:
            RemoteError: it doesn't answer as it should.
            KeyUnusable: it doesn't take the key, or there is none.
        """
        try:
            async with self._clients.held() as client:
                await client.models.list(limit=1)
        except Exception as error:  # noqa: BLE001 - the edge to the SDK
            raise self._failure(error) from None

    def renew(self) -> None:
        """Ask for the key anew before the next request."""
        self._clients.renew()

    async def aclose(self) -> None:
        """Cut every connection."""
        await self._clients.aclose()

    def _failure(self, error: Exception) -> AppError:
        return failure_of(error, self._where, self._clients.last_key)


class RemoteConnections:
    """Makes adapters out of accounts, and looks for servers on this machine."""

    def __init__(
        self, patience: Patience | None = None, ports: Mapping[ProviderKind, int] | None = None
    ) -> None:
        """Prepare without asking anybody.

        Args:
            patience: how long servers may take.
            ports: where to look for servers on this machine, instead of their usual ones.
        """
        self._patience = patience or Patience()
        self._ports = ports

    def open(self, account: Account, key: Key, permit: Permit) -> OpenAIAccount | AnthropicAccount:
        """The adapter for an account; nothing is sent yet."""
        if account.kind is ProviderKind.ANTHROPIC:
            return AnthropicAccount(account, key, permit, self._patience)
        return OpenAIAccount(account, key, permit, self._patience)

    async def find_local(self) -> tuple[LocalServer, ...]:
        """The servers on this machine that answer on their usual ports now."""
        found = await asyncio.gather(*(self._look(kind) for kind in _LOOKED_FOR))
        # Two kinds share a port: what answered as itself comes first.
        seen: dict[str, LocalServer] = {}
        for server in found:
            if server is not None:
                seen.setdefault(server.base_url, server)
        return tuple(seen.values())

    async def _look(self, kind: ProviderKind) -> LocalServer | None:
        base_url = PROVIDERS[kind].base_url
        if self._ports is not None:
            if kind not in self._ports:
                return None
            base_url = f"http://127.0.0.1:{self._ports[kind]}/v1"
        account = Account(id=AccountId("offer"), kind=kind, name=kind, base_url=base_url)
        patience = Patience(
            connect=LOCAL_PATIENCE, local_silence=LOCAL_PATIENCE, send=LOCAL_PATIENCE
        )
        source = ClientSource(partial(_plain_client, account, patience), _no_key)
        try:
            async with source.held() as http:
                actual = await _recognised(account, http)
                asked = account.model_copy(update={"kind": actual})
                count = 0
                async for page in list_models(asked, http.fetch):
                    count += len(page)
        except Exception:  # noqa: BLE001 - nobody is there, or somebody else
            return None
        finally:
            await source.aclose()
        return LocalServer(kind=actual, base_url=base_url, models=count)


async def _recognised(account: Account, http: Http) -> ProviderKind:
    """Who it is that answers; llama-server and LocalAI share a port, and others use it too."""
    if account.kind is not ProviderKind.LLAMA_SERVER:
        return account.kind
    body = await http.fetch(f"{account.base_url}/models", None)
    items = body.get("data") if isinstance(body, Mapping) else None
    owners = {item.get("owned_by") for item in items or () if isinstance(item, Mapping)}
    if owners & {"llamacpp"}:
        return ProviderKind.LLAMA_SERVER
    try:
        told = await http.fetch(account.base_url.removesuffix("/v1") + "/system", None)
    except Exception:  # noqa: BLE001 - then it isn't LocalAI
        return ProviderKind.COMPATIBLE
    return ProviderKind.LOCALAI if "backends" in told else ProviderKind.COMPATIBLE


def _plain_client(account: Account, patience: Patience, key: Secret | None) -> Http:
    headers = {"Authorization": f"Bearer {key.reveal()}"} if key is not None else None
    return Http(make_http(account, patience, headers))


async def _no_key() -> Secret | None:
    return None
