"""What goes wrong between here and a provider's server, worded for people.

The SDKs are not imported: their exceptions tell themselves apart by a status, a body and a cause.
"""

import json
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from app.domain.errors import (
    AppError,
    ContentRefused,
    ContextOverflow,
    KeyUnusable,
    NotThatServer,
    Overloaded,
    QuotaSpent,
    RateLimited,
    RemoteError,
    RemoteTimeout,
    RequestError,
    StreamCut,
    UnknownModel,
    Unreachable,
)
from app.domain.secrets import Secret

DETAIL = 2_000
"""Characters of a server's own words that are kept."""
QUOTA_PAUSE = 300.0
"""Seconds; a person has to pay before it is worth asking again."""
LONGEST_WAIT = 24 * 3600.0
HIDDEN = "[the key]"


class Cause(StrEnum):
    """Everything that is told apart."""

    BAD_KEY = "bad_key"
    NO_ACCESS = "no_access"
    NO_QUOTA = "no_quota"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    CONTENT = "content"
    CONTEXT = "context"
    PARAMETER = "parameter"
    BAD_REQUEST = "bad_request"
    NO_MODEL = "no_model"
    WRONG_URL = "wrong_url"
    NOT_JSON = "not_json"
    EMPTY = "empty"
    TIMEOUT = "timeout"
    CUT = "cut"
    TLS = "tls"
    DNS = "dns"
    REFUSED = "refused"
    NETWORK = "network"
    OTHER = "other"


class CutOff(Exception):
    """A stream ended without saying why."""


class NothingCame(Exception):
    """A stream ended without an answer."""


class NotAStream(Exception):
    """What came is no stream of events; its text says what it is."""


@dataclass(frozen=True)
class Where:
    """Who was asked, for the words of a failure."""

    account: str
    """The account's name."""
    base_url: str
    model: str = ""
    """The model's name; empty where none was asked."""

    @property
    def host(self) -> str:
        """The server as a person knows it."""
        return urlsplit(self.base_url).netloc


_CONTEXT = re.compile(
    r"context.?(length|window|size)|maximum context|prompt is too long|too many tokens"
    r"|exceeds? the (available )?context|input is too long",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"insufficient_quota|billing|credit|exceeded your current quota|payment", re.IGNORECASE
)
_CONTENT = re.compile(r"content.?(filter|policy|management)|safety|moderation", re.IGNORECASE)
_PARAMETER = re.compile(
    r"unsupported.?(parameter|value)|unknown parameter|unrecognized (request )?argument"
    r"|extra inputs are not permitted|does not support",
    re.IGNORECASE,
)
_HTML = re.compile(r"^\s*<(!doctype|html|head|body)", re.IGNORECASE)

_CUTS = frozenset({"RemoteProtocolError", "ReadError", "WriteError", "CloseError"})
_UNREADABLE = frozenset(
    {
        "JSONDecodeError",
        "UnicodeDecodeError",
        "ValidationError",
        "DecodingError",
        "APIResponseValidationError",
    }
)
_LOST = frozenset({"APIConnectionError", "ProxyError", "NetworkError"})

_TYPES = {
    "authentication_error": Cause.BAD_KEY,
    "invalid_api_key": Cause.BAD_KEY,
    "permission_error": Cause.NO_ACCESS,
    "billing_error": Cause.NO_QUOTA,
    "insufficient_quota": Cause.NO_QUOTA,
    "rate_limit_error": Cause.RATE_LIMITED,
    "rate_limit_exceeded": Cause.RATE_LIMITED,
    "overloaded_error": Cause.OVERLOADED,
    "server_error": Cause.OVERLOADED,
    "api_error": Cause.OVERLOADED,
    "timeout_error": Cause.TIMEOUT,
    "not_found_error": Cause.NO_MODEL,
    "model_not_found": Cause.NO_MODEL,
    "request_too_large": Cause.CONTEXT,
    "context_length_exceeded": Cause.CONTEXT,
    "exceed_context_size_error": Cause.CONTEXT,
    "content_filter": Cause.CONTENT,
    "content_policy_violation": Cause.CONTENT,
}
"""What servers call it, in a body or in an event within a stream."""

_STATUSES = {
    HTTPStatus.UNAUTHORIZED: Cause.BAD_KEY,
    HTTPStatus.PAYMENT_REQUIRED: Cause.NO_QUOTA,
    HTTPStatus.FORBIDDEN: Cause.NO_ACCESS,
    HTTPStatus.METHOD_NOT_ALLOWED: Cause.WRONG_URL,
    HTTPStatus.REQUEST_TIMEOUT: Cause.TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Cause.CONTEXT,
    HTTPStatus.TOO_MANY_REQUESTS: Cause.RATE_LIMITED,
    HTTPStatus.GATEWAY_TIMEOUT: Cause.TIMEOUT,
}


def classify(status: int | None, kind: str, message: str) -> Cause:
    """What a server's refusal comes to.

    Args:
        status: the HTTP status; None for an error within a stream.
        kind: the type or code that the body names; empty where it names none.
        message: the body's own words.
    """
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.FORBIDDEN, None} and (
        kind == "insufficient_quota" or _QUOTA.search(message)
    ):
        return Cause.NO_QUOTA
    asked_wrongly = status in {None, 400, 413, 422}
    if asked_wrongly or status == HTTPStatus.INTERNAL_SERVER_ERROR:
        if _CONTEXT.search(message):
            return Cause.CONTEXT
        if asked_wrongly and _CONTENT.search(f"{kind} {message}"):
            return Cause.CONTENT
    if kind in _TYPES and not (kind == "not_found_error" and "model" not in message.casefold()):
        return _TYPES[kind]
    if status is None:
        return Cause.OTHER
    return _of_status(status, message)


def _of_status(status: int, message: str) -> Cause:
    if status in _STATUSES:
        return _STATUSES[HTTPStatus(status)]
    if status == HTTPStatus.NOT_FOUND:
        return Cause.NO_MODEL if "model" in message.casefold() else Cause.WRONG_URL
    if status < HTTPStatus.BAD_REQUEST:
        return Cause.WRONG_URL
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Cause.OVERLOADED
    return Cause.PARAMETER if _PARAMETER.search(message) else Cause.BAD_REQUEST


def failure_of(
    error: Exception, where: Where, key: Secret | None, now: float | None = None
) -> AppError:
    """The error to show for whatever a client raised.

    Args:
        error: what was raised; an AppError is given back as it is.
        where: who was asked.
        key: what must not be in the words that a server sends back.
        now: seconds since the epoch; None for the clock's.
    """
    if isinstance(error, AppError):
        return error
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status is not None and status < HTTPStatus.BAD_REQUEST and _kind(error):
        # An error event within a stream that began well.
        status = None
    words = _words(error, response)
    cause = _cause(error, status, words)
    detail = without_key(f"{type(error).__name__}: {words}", key)[:DETAIL]
    failure = worded(cause, where, detail)
    clock = time.time() if now is None else now
    if cause is Cause.NO_QUOTA:
        failure.retry_at = clock + QUOTA_PAUSE
    elif cause in {Cause.RATE_LIMITED, Cause.OVERLOADED} and response is not None:
        wait = wait_of(response.headers, clock)
        if wait is not None:
            failure.retry_at = clock + wait
            failure.remedy = f"Try again in {_span(wait)}, or switch to another model."
    return failure


def without_key(text: str, key: Secret | None) -> str:
    """The text with the key taken out, also as JSON or Python would write it."""
    if key is None or len(key.reveal()) < len(HIDDEN):
        return text
    own = key.reveal()
    for form in sorted({own, json.dumps(own)[1:-1], repr(own)[1:-1]}, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


def wait_of(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a server asks to wait; None where it doesn't say."""
    milliseconds = headers.get("retry-after-ms", "")
    text = headers.get("retry-after", "")
    try:
        if milliseconds:
            seconds = float(milliseconds) / 1000
        elif text:
            seconds = float(text)
        else:
            return None
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except ValueError:
            return None
    # NaN compares false with everything.
    return min(seconds, LONGEST_WAIT) if seconds >= 0 else None


def _words(error: Exception, response: Any) -> str:
    """What the server itself said, as far as it said anything."""
    body = getattr(error, "body", None)
    if body is not None:
        return body if isinstance(body, str) else json.dumps(body, default=str)
    if response is not None:
        try:
            return str(response.text)
        except Exception:  # noqa: BLE001 - a body that was never read; the error's own words do
            return str(error)
    return str(error)


def _kind(error: Exception) -> str:
    """The type or code in an error's body."""
    body = getattr(error, "body", None)
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            body = None
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    found: list[Any] = [getattr(error, "code", None), getattr(error, "type", None)]
    if isinstance(inner, Mapping):
        found += [inner.get("code"), inner.get("type")]
    names = [item for item in found if isinstance(item, str)]
    return next((item for item in names if item in _TYPES), names[0] if names else "")


def _cause(error: Exception, status: int | None, words: str) -> Cause:
    if isinstance(error, CutOff):
        return Cause.CUT
    if isinstance(error, NothingCame):
        return Cause.EMPTY
    if isinstance(error, NotAStream) or _HTML.search(words):
        return Cause.WRONG_URL if _HTML.search(words) else Cause.NOT_JSON
    kind = _kind(error)
    if status is not None or kind:
        return classify(status, kind, words)
    return _of_network(error)


def _of_network(error: Exception) -> Cause:
    """What the chain of causes says of a request without an answer."""
    chain = list(_chain(error))
    names = {type(item).__name__ for item in chain}
    text = " ".join(str(item) for item in chain)
    signs = (
        (Cause.TLS, _has(chain, ssl.SSLError) or "CERTIFICATE" in text),
        (Cause.DNS, _has(chain, socket.gaierror) or "Name or service" in text),
        (Cause.TIMEOUT, any("Timeout" in name for name in names)),
        (Cause.REFUSED, _has(chain, ConnectionRefusedError) or "ConnectError" in names),
        (Cause.CUT, bool(names & _CUTS)),
        (Cause.NOT_JSON, bool(names & _UNREADABLE)),
        (Cause.NETWORK, bool(names & _LOST)),
    )
    found = next((cause for cause, holds in signs if holds), None)
    # Within a stream the body of an error may say nothing but words.
    return found or (classify(None, "", text) if hasattr(error, "body") else Cause.OTHER)


def _has(chain: Sequence[BaseException], kind: type[BaseException]) -> bool:
    return any(isinstance(item, kind) for item in chain)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _span(seconds: float) -> str:
    whole = max(1, round(seconds))
    if whole < 120:  # noqa: PLR2004 - below two minutes seconds are read more easily
        return "1 second" if whole == 1 else f"{whole} seconds"
    return f"{-(-whole // 60)} minutes"


def worded(cause: Cause, where: Where, detail: str) -> AppError:
    """The error for a cause: one sentence of what happened, one of what to do."""
    kind, what, remedy = _WORDS[cause]
    model = where.model or "the model"
    fill = {"account": where.account, "host": where.host, "model": model}
    return kind(what.format(**fill), remedy.format(**fill), detail)


_Kind = type[AppError]
_WORDS: dict[Cause, tuple[_Kind, str, str]] = {
    Cause.BAD_KEY: (
        KeyUnusable,
        "{account} doesn't take the key.",
        "Set another key in the Settings.",
    ),
    Cause.NO_ACCESS: (
        KeyUnusable,
        "The key of {account} may not be used for {model}.",
        "Choose another model, or set a key that may.",
    ),
    Cause.NO_QUOTA: (
        QuotaSpent,
        "The account {account} has no credit left.",
        "Add credit at the provider, or switch to another model.",
    ),
    Cause.RATE_LIMITED: (
        RateLimited,
        "{account} was asked too often.",
        "Try again in a minute, or switch to another model.",
    ),
    Cause.OVERLOADED: (
        Overloaded,
        "The server of {account} is overloaded or out of order.",
        "Try again later, or switch to another model.",
    ),
    Cause.CONTENT: (
        ContentRefused,
        "{account} refuses to answer this.",
        "Word it differently, or ask another model.",
    ),
    Cause.CONTEXT: (
        ContextOverflow,
        "The conversation is too long for {model}.",
        "Shorten the conversation, or choose a model with a longer context.",
    ),
    Cause.PARAMETER: (
        RequestError,
        "{model} doesn't take one of the settings that it was asked with.",
        "Return the setting that the details name to its default.",
    ),
    Cause.BAD_REQUEST: (
        RequestError,
        "{account} can't serve this request.",
        "Change the prompt or its settings; the details say what is wrong.",
    ),
    Cause.NO_MODEL: (
        UnknownModel,
        "{account} doesn't offer {model}, or not to this key.",
        "Refresh the list of models, then choose another one.",
    ),
    Cause.WRONG_URL: (
        NotThatServer,
        "What answers at {host} is no server of models.",
        "Correct the address in the Settings; it often ends in /v1.",
    ),
    Cause.NOT_JSON: (
        NotThatServer,
        "The server at {host} answers with something that can't be read.",
        "Check the address in the Settings, and that the server is up to date.",
    ),
    Cause.EMPTY: (
        RemoteError,
        "{model} gave an empty answer.",
        "Try again, or switch to another model.",
    ),
    Cause.TIMEOUT: (
        RemoteTimeout,
        "The server of {account} was silent for too long.",
        "Try again, or switch to another model.",
    ),
    Cause.CUT: (
        StreamCut,
        "The connection to {account} broke off in the middle of the answer.",
        "Try again; what had come is kept.",
    ),
    Cause.TLS: (
        Unreachable,
        "The certificate of {host} can't be trusted.",
        "Check the address and this computer's clock, or ask whoever runs the server.",
    ),
    Cause.DNS: (
        Unreachable,
        "There is no server called {host}.",
        "Check the address in the Settings, and the network.",
    ),
    Cause.REFUSED: (
        Unreachable,
        "Nothing answers at {host}.",
        "Start the server, or correct the address in the Settings.",
    ),
    Cause.NETWORK: (
        Unreachable,
        "The server at {host} can't be reached.",
        "Check the network, then try again.",
    ),
    Cause.OTHER: (
        RemoteError,
        "{account} failed to answer.",
        "Try again, or switch to another model; the details say what it answered.",
    ),
}
