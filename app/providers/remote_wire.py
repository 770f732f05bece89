"""What the protocols of remote providers have in common: one model, asked through an account's client."""

from typing import Any, Generic

from app.domain.accounts import Account
from app.domain.chat_templates import Thinking
from app.domain.errors import AppError
from app.domain.generation import GenerationRequest
from app.domain.models import ModelSpec
from app.providers.remote_clients import C, ClientSource
from app.providers.remote_failures import NotAStream, Where, failure_of

EFFORTS = frozenset({Thinking.LOW, Thinking.MEDIUM, Thinking.HIGH})
"""How much a model may be told to reason."""


class RemoteWire(Generic[C]):
    """Asks one model."""

    def __init__(self, account: Account, spec: ModelSpec, clients: ClientSource[C]) -> None:
        assert spec.remote is not None, "a local model has no wire"
        self._account = account
        self._spec = spec
        self._model = spec.remote.model
        self._most = spec.remote.max_output
        self._clients = clients
        self._where = Where(account.name, account.base_url, spec.name)

    def failure(self, error: Exception) -> AppError:
        """The error to show for what the client raised."""
        return failure_of(error, self._where, self._clients.last_key)

    def _max_tokens(self, request: GenerationRequest) -> int:
        """What the request asks for, and no more than the model is said to write."""
        return min(request.max_tokens, self._most or request.max_tokens)


def check_stream(response: Any) -> None:
    """Look whether what comes is a stream of events at all.

    Raises:
        NotAStream: it is something else, such as the page of a router.
    """
    kind = response.headers.get("content-type", "")
    if kind and not kind.startswith(
        ("text/event-stream", "application/octet-stream", "text/plain")
    ):
        page = "<html> " if "html" in kind else ""
        raise NotAStream(f"{page}{kind}")
