"""Anthropic's protocol."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from app.domain.chat_templates import Thinking
from app.domain.errors import RequestError
from app.domain.generation import FinishReason, GenerationRequest, Role
from app.providers.remote_clients import ClientSource, closing_stream
from app.providers.remote_engine import Delta, Finish, changed
from app.providers.remote_failures import (
    Cause,
    CutOff,
    NothingCame,
    worded,
)
from app.providers.remote_wire import EFFORTS, RemoteWire, check_stream

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

_FINISHES = {
    "end_turn": FinishReason.END,
    "max_tokens": FinishReason.LENGTH,
    "stop_sequence": FinishReason.STOP_SEQUENCE,
    "model_context_window_exceeded": FinishReason.LENGTH,
}


class AnthropicWire(RemoteWire[Any]):
    """Asks one model for answers."""

    _clients: "ClientSource[AsyncAnthropic]"

    def untaken(self, request: GenerationRequest) -> tuple[str, ...]:
        """What the request asks for: Anthropic chooses all of the sampling itself."""
        ignored = ("ignore_end",) if request.ignore_end else ()
        return (*changed(request.sampling), *ignored)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta | Finish, None]:
        """Ask, and give what comes; the last item is a Finish.

        Raises:
            Exception: whatever the client raises; `failure` words it.
        """
        async with self._clients.held() as client:
            stream = await client.messages.create(**self._wording(request))
            async with closing_stream(stream):
                check_stream(stream.response)
                async with aclosing(self._read(stream)) as items:
                    async for item in items:
                        yield item

    async def _read(self, stream: Any) -> AsyncGenerator[Delta | Finish, None]:
        reason: str | None = None
        prompt = cached = 0
        output: int | None = None
        ended = came = False
        async for event in stream:
            match event.type:
                case "content_block_delta":
                    came = True
                    match event.delta.type:
                        case "text_delta":
                            yield Delta(event.delta.text)
                        case "thinking_delta":
                            yield Delta("", event.delta.thinking)
                case "message_start":
                    usage = getattr(event.message, "usage", None)
                    cached = getattr(usage, "cache_read_input_tokens", None) or 0
                    written = getattr(usage, "cache_creation_input_tokens", None) or 0
                    prompt = (getattr(usage, "input_tokens", None) or 0) + cached + written
                case "message_delta":
                    reason = event.delta.stop_reason or reason
                    usage = getattr(event, "usage", None)
                    output = getattr(usage, "output_tokens", None) or output
                case "message_stop":
                    ended = True
        if reason == "refusal":
            raise worded(Cause.CONTENT, self._where, "stop_reason: refusal")
        if not ended or reason is None:
            raise CutOff("the message didn't end") if came else NothingCame("no message came")
        finish = _FINISHES.get(reason, FinishReason.END)
        yield Finish(finish, prompt_tokens=prompt, cached_tokens=cached, output_tokens=output)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Not to be had from Anthropic.

        Raises:
            RequestError: always.
        """
        raise RequestError(
            f"{self._spec.name} writes text and makes no embeddings.",
            "Choose a model that is made for embeddings.",
        )

    async def find(self) -> None:
        """Look whether the server has the model."""
        async with self._clients.held() as client:
            await client.models.retrieve(self._model)

    def _wording(self, request: GenerationRequest) -> dict[str, Any]:
        """The request as the SDK takes it."""
        told = [turn.text for turn in request.messages if turn.role is Role.SYSTEM]
        turns = [
            {"role": turn.role.value, "content": turn.text}
            for turn in request.messages
            if turn.role is not Role.SYSTEM
        ]
        words: dict[str, Any] = {
            "model": self._model,
            "messages": turns or [{"role": "user", "content": request.prompt}],
            "max_tokens": self._max_tokens(request),
            "stream": True,
        }
        if told:
            words["system"] = "\n\n".join(told)
        if request.stop:
            words["stop_sequences"] = list(request.stop)
        if request.thinking is Thinking.ON:
            words["thinking"] = {"type": "adaptive", "display": "summarized"}
        elif request.thinking is Thinking.OFF:
            words["thinking"] = {"type": "disabled"}
        elif request.thinking in EFFORTS:
            words["output_config"] = {"effort": request.thinking.value}
        return words
