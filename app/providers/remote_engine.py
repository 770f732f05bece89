"""A remote model that is asked like a local one: pieces with time stamps, figures at the end."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from time import monotonic_ns
from typing import NamedTuple, Protocol

from app.domain.chat_templates import ChatTemplate, ThinkingSwitch
from app.domain.errors import AppError, ErrorKind, NotLoaded, RequestError
from app.domain.generation import (
    FinishReason,
    GenerationEnd,
    GenerationRequest,
    GenerationStats,
    GenerationUpdate,
    Sampling,
    TextPiece,
    measure,
)
from app.domain.models import ModelSpec

UNKNOWN_CONTEXT = 2**20
"""Tokens; where a provider doesn't say, only its refusal tells that a prompt is too long."""
RETRY_PAUSE = 0.5
"""Seconds before a request that never began is sent once more."""
_ONCE_MORE = frozenset({ErrorKind.OVERLOADED, ErrorKind.CUT})
"""What a second try may mend: a server between two moments, a connection that idled too long."""


class Delta(NamedTuple):
    """Some text as it came."""

    text: str
    reasoning: str = ""


class Finish(NamedTuple):
    """How an answer ended, and what it took."""

    reason: FinishReason
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int | None = None
    """None where the server doesn't count."""
    reasoning_tokens: int = 0


class Wire(Protocol):
    """One provider's protocol, for one model."""

    def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta | Finish, None]:
        """Ask, and give what comes; the last item is a Finish."""
        ...

    def untaken(self, request: GenerationRequest) -> tuple[str, ...]:
        """What the request asks for and the provider doesn't take."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text."""
        ...

    async def find(self) -> None:
        """Look whether the server has the model."""
        ...

    def failure(self, error: Exception) -> AppError:
        """The error to show for what a client raised."""
        ...


class RemoteEngine:
    """A model on a server. Several answers may be under way."""

    threads: int | None = None
    template: ChatTemplate | None = None

    def __init__(self, spec: ModelSpec, wire: Wire, permit: Callable[[ModelSpec], None]) -> None:
        """Prepare without asking.

        Args:
            spec: the model.
            wire: speaks to its server.
            permit: called before each request; raises what forbids it.
        """
        self._spec = spec
        self._wire = wire
        self._permit = permit
        self._ended: asyncio.Future[AppError | None] = asyncio.get_running_loop().create_future()

    @property
    def context_length(self) -> int:
        """Tokens that a prompt and its answer may take together, as far as the provider says."""
        return self._spec.context_length or UNKNOWN_CONTEXT

    def memory(self) -> int | None:
        """None: it takes nothing here."""
        return None

    async def find_thinking(self) -> ThinkingSwitch | None:
        """None: there is no template to try out."""
        return None

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationUpdate, None]:
        """Stream an answer; the last item is a GenerationEnd.

        A request that fails before anything came is sent once more where that may help, never
        after.

        Raises:
            RequestError: this request can't be served.
            RemoteError: the server doesn't answer as it should; text streamed so far stands.
            KeyUnusable: there is no key, or the provider doesn't take it.
        """
        self._check_open()
        self._permit(self._spec)
        submitted_ns = monotonic_ns()
        stamps_ns: list[int] = []
        tried = False
        while True:
            try:
                async with aclosing(self._wire.stream(request)) as items:
                    async for item in items:
                        if isinstance(item, Finish):
                            stats = _stats(
                                submitted_ns, stamps_ns, item, self._wire.untaken(request)
                            )
                            yield GenerationEnd(stats=stats)
                            return
                        stamp = monotonic_ns()
                        stamps_ns.append(stamp)
                        yield TextPiece.model_construct(
                            text=item.text, reasoning=item.reasoning, stamps_ns=(stamp,)
                        )
            except Exception as error:  # noqa: BLE001 - the edge to the SDKs
                failure = self._wire.failure(error)
                if stamps_ns or tried or failure.kind not in _ONCE_MORE or failure.retry_at:
                    # Its own text may repeat what was sent.
                    raise failure from None
                tried = True
                await asyncio.sleep(RETRY_PAUSE)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 for each text.

        Raises:
            RequestError: the model makes no embeddings, or a text is empty or too long.
            RemoteError: the server doesn't answer as it should.
        """
        self._check_open()
        self._permit(self._spec)
        if not texts:
            return []
        try:
            return [_of_length_one(vector) for vector in await self._wire.embed(texts)]
        except Exception as error:  # noqa: BLE001 - the edge to the SDKs
            raise self._wire.failure(error) from None

    async def tokenise(self, text: str) -> list[int]:
        """Not to be had from a provider.

        Raises:
            RequestError: always.
        """
        raise _no_tokens(self._spec)

    async def detokenise(self, tokens: Sequence[int]) -> str:
        """Not to be had from a provider.

        Raises:
            RequestError: always.
        """
        raise _no_tokens(self._spec)

    async def probe(self) -> None:
        """Look whether the server has the model; a token would cost money.

        Raises:
            RemoteError: the server doesn't answer as it should.
            KeyUnusable: there is no key, or the provider doesn't take it.
            UnknownModel: it doesn't offer the model.
        """
        try:
            await self._wire.find()
        except Exception as error:  # noqa: BLE001 - the edge to the SDKs
            raise self._wire.failure(error) from None

    async def wait_ended(self) -> AppError | None:
        """Wait until it was closed; nothing else ends it."""
        return await asyncio.shield(self._ended)

    async def close(self) -> None:
        """Take no more requests. Safe to call twice."""
        if not self._ended.done():
            self._ended.set_result(None)

    def _check_open(self) -> None:
        if self._ended.done():
            raise NotLoaded(f"{self._spec.name} was ejected.", "Connect it again.")


def changed(sampling: Sampling) -> dict[str, object]:
    """What differs from the app's own defaults; the rest is left to the provider's."""
    return sampling.model_dump(exclude_defaults=True)


def _stats(
    submitted_ns: int, stamps_ns: list[int], finish: Finish, untaken: tuple[str, ...]
) -> GenerationStats:
    """The figures; a piece counts as a token where the server doesn't count."""
    stats = measure(
        submitted_ns,
        tuple(stamps_ns),
        finish=finish.reason,
        prompt_tokens=finish.prompt_tokens,
        cached_tokens=finish.cached_tokens,
    )
    changes: dict[str, object] = {
        "untaken": untaken,
        "reasoning_tokens": finish.reasoning_tokens,
    }
    tokens, span = finish.output_tokens, stamps_ns[-1] - stamps_ns[0] if stamps_ns else 0
    if tokens is not None:
        changes["output_tokens"] = tokens
        changes["tokens_per_second"] = (
            (tokens - 1) / (span / 1e9) if span > 0 and tokens > 1 else None
        )
    return stats.model_copy(update=changes)


def _of_length_one(vector: Sequence[float]) -> list[float]:
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else list(vector)


def _no_tokens(spec: ModelSpec) -> RequestError:
    return RequestError(
        f"The provider of {spec.name} doesn't show its tokens.", "Choose a local model for that."
    )
