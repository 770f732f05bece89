"""Accounts at providers of models, and which servers a key may be sent to."""

import ipaddress
import re
from collections.abc import Collection
from enum import StrEnum
from typing import NewType
from urllib.parse import SplitResult, urlsplit

from app.domain.base import Frozen
from app.domain.error_reports import ErrorReport
from app.domain.errors import SettingError
from app.domain.models import ModelId
from app.domain.secrets import KeyPlace

AccountId = NewType("AccountId", str)
"""What stands before the colon in the ids of its models, and in `ModelSpec.provider`."""

LOCAL = "local"
"""The account of the files on this machine."""


class ProviderKind(StrEnum):
    """Whose server it is, as far as that changes how it is asked."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    OPENROUTER = "openrouter"
    OLLAMA = "ollama"
    LM_STUDIO = "lmstudio"
    LLAMA_SERVER = "llama-server"
    VLLM = "vllm"
    LOCALAI = "localai"
    COMPATIBLE = "compatible"
    """Any other that speaks OpenAI's protocol."""


class ProviderFacts(Frozen):
    """What is known of a provider before it is asked."""

    name: str
    base_url: str = ""
    """Where it usually is; empty where only the person knows."""
    needs_key: bool = False
    parameters: frozenset[str]
    """The fields of `Sampling` that it takes."""


_OPENAI = frozenset(
    {"temperature", "top_p", "seed", "frequency_penalty", "presence_penalty", "logit_bias",
     "json_schema"}
)  # fmt: skip
_SAMPLERS = _OPENAI | {"top_k", "min_p", "repeat_penalty"}
_LLAMA = _SAMPLERS | {"typical_p", "penalty_last_n", "grammar"}

PROVIDERS: dict[ProviderKind, ProviderFacts] = {
    ProviderKind.OPENAI: ProviderFacts(
        name="OpenAI", base_url="https://api.openai.com/v1", needs_key=True, parameters=_OPENAI
    ),
    ProviderKind.ANTHROPIC: ProviderFacts(
        name="Anthropic",
        base_url="https://api.anthropic.com",
        needs_key=True,
        parameters=frozenset(),
    ),
    ProviderKind.OPENROUTER: ProviderFacts(
        name="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        needs_key=True,
        parameters=_SAMPLERS,
    ),
    ProviderKind.OLLAMA: ProviderFacts(
        name="Ollama",
        base_url="http://127.0.0.1:11434/v1",
        parameters=_OPENAI - {"logit_bias"},
    ),
    ProviderKind.LM_STUDIO: ProviderFacts(
        name="LM Studio",
        base_url="http://127.0.0.1:1234/v1",
        parameters=_OPENAI | {"top_k", "repeat_penalty"},
    ),
    ProviderKind.LLAMA_SERVER: ProviderFacts(
        name="llama-server", base_url="http://127.0.0.1:8080/v1", parameters=_LLAMA
    ),
    ProviderKind.VLLM: ProviderFacts(
        name="vLLM", base_url="http://127.0.0.1:8000/v1", parameters=_SAMPLERS
    ),
    ProviderKind.LOCALAI: ProviderFacts(
        name="LocalAI", base_url="http://127.0.0.1:8080/v1", parameters=_OPENAI | {"top_k"}
    ),
    ProviderKind.COMPATIBLE: ProviderFacts(name="OpenAI-compatible", parameters=_OPENAI),
}


class Account(Frozen):
    """One way to reach a provider. Its key is elsewhere; this says where."""

    id: AccountId
    kind: ProviderKind
    name: str
    base_url: str
    key_place: KeyPlace | None = None
    """None for one that needs no key, or has none yet."""
    credential: str = ""
    """The name of the key's entry in the keyring; each key has one of its own."""
    variable: str = ""
    """The environment variable that holds the key."""
    plain_http: bool = False
    """A person has agreed to send the key unencrypted to another machine."""
    created_at: float = 0.0
    """Seconds since the epoch."""


class KeyStatus(Frozen):
    """What a face may know of an account's key."""

    account_id: AccountId
    place: KeyPlace | None = None
    hint: str = ""
    """Its last four characters."""
    variable: str = ""
    problem: ErrorReport | None = None
    """Why it can't be used now."""


class AccountTest(Frozen):
    """A provider has answered with this key."""

    seconds: float


class AccountRefresh(Frozen):
    """What came of asking a provider for its models."""

    at: float
    """Seconds since the epoch."""
    models: int = 0
    error: ErrorReport | None = None
    """Why not all of them came."""


class LocalServer(Frozen):
    """A server on this machine that answers and has no account yet."""

    kind: ProviderKind
    base_url: str
    models: int


class AccountChange(Frozen):
    """What a person changes of an account; what is None stays."""

    name: str | None = None
    base_url: str | None = None
    plain_http: bool | None = None


def read_base_url(text: str) -> str:
    """The address of a server as it is kept.

    Raises:
        SettingError: it is none, or holds more than an address.
    """
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise SettingError(
            "This isn't the address of a server.",
            "Write it with http:// or https://, as in http://127.0.0.1:8080/v1.",
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingError(
            "A server's address can hold no name, password or question mark.",
            "Leave that out, and set the key in its own field.",
        )
    return url


def is_loopback(base_url: str) -> bool:
    """Whether a server is on this machine."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def check_key_travels(base_url: str, *, agreed: bool) -> None:
    """Check that a key isn't sent over a network for everybody to read.

    Args:
        base_url: where it would go.
        agreed: a person wants that all the same.

    Raises:
        SettingError: it would be.
    """
    parts: SplitResult = urlsplit(base_url)
    if parts.scheme == "http" and not agreed and not is_loopback(base_url):
        raise SettingError(
            f"The key would go to {parts.hostname} unencrypted, for all on the way to read.",
            "Use an https:// address, or confirm that you want this.",
        )


def new_account_id(name: str, taken: Collection[str]) -> AccountId:
    """An id that a person can read, made of the account's name."""
    words = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-") or "account"
    number, candidate = 1, words
    while candidate in taken or candidate == LOCAL:
        number += 1
        candidate = f"{words}-{number}"
    return AccountId(candidate)


def model_id(account: AccountId, model: str) -> ModelId:
    """The id of a provider's model here."""
    return ModelId(f"{account}:{model}")
