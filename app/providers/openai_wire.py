"""OpenAI's protocol as its own server and all the others speak it."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from app.domain.accounts import PROVIDERS, ProviderKind
from app.domain.errors import AppError, ContentRefused
from app.domain.generation import FinishReason, GenerationRequest
from app.domain.reasoning import FORMATS, Parts, ReasoningSplit
from app.providers.remote_clients import ClientSource, closing_stream
from app.providers.remote_engine import Delta, Finish, changed
from app.providers.remote_failures import (
    Cause,
    CutOff,
    NothingCame,
    Where,
    worded,
)
from app.providers.remote_wire import EFFORTS, RemoteWire, check_stream

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_FINISHES = {
    "stop": FinishReason.END,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "eos": FinishReason.END,
    "tool_calls": FinishReason.END,
    "function_call": FinishReason.END,
}
_REASONS_APART = frozenset({ProviderKind.OPENAI, ProviderKind.OPENROUTER})
"""Servers that never leave reasoning between marks in the answer itself."""
_TAKE_EFFORT = frozenset(
    {ProviderKind.OPENAI, ProviderKind.OPENROUTER, ProviderKind.VLLM, ProviderKind.OLLAMA}
)
_NATIVE = frozenset({"temperature", "top_p", "seed", "frequency_penalty", "presence_penalty"})
"""Parameters that the SDK knows under the same name; others go into the body as they are."""
_RENAMED = {
    "repeat_penalty": {
        ProviderKind.OPENROUTER: "repetition_penalty",
        ProviderKind.VLLM: "repetition_penalty",
    },
    "penalty_last_n": {ProviderKind.LLAMA_SERVER: "repeat_last_n"},
}
SAID = 500
"""Characters of an answer that isn't a stream, to be shown."""


class OpenAIWire(RemoteWire[Any]):
    """Asks one model for answers and embeddings."""

    _clients: "ClientSource[AsyncOpenAI]"

    def untaken(self, request: GenerationRequest) -> tuple[str, ...]:
        """What the request asks for and the provider doesn't take."""
        kind = self._account.kind
        names = [
            name for name in changed(request.sampling) if name not in PROVIDERS[kind].parameters
        ]
        if request.thinking is not None and not self._effort(request):
            names.append("thinking")
        if request.ignore_end:
            names.append("ignore_end")
        return tuple(names)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta | Finish, None]:
        """Ask, and give what comes; the last item is a Finish.

        Raises:
            Exception: whatever the client raises; `failure` words it.
        """
        async with self._clients.held() as client:
            stream = await client.chat.completions.create(**self._wording(request))
            async with closing_stream(stream):
                check_stream(stream.response)
                chunks = self._read(stream)
                async with aclosing(chunks):
                    async for item in chunks:
                        yield item

    async def _read(self, stream: Any) -> AsyncGenerator[Delta | Finish, None]:
        split = None if self._account.kind in _REASONS_APART else ReasoningSplit(FORMATS[0], "")
        reason: str | None = None
        usage: Any = None
        came = False
        async for chunk in stream:
            # Servers leave out what they have nothing to say of.
            usage = getattr(chunk, "usage", None) or usage
            for choice in getattr(chunk, "choices", None) or ():
                reason = choice.finish_reason or reason
                delta = choice.delta
                if delta is None:
                    continue
                thought = getattr(delta, "reasoning_content", None) or getattr(
                    delta, "reasoning", None
                )
                text = delta.content or getattr(delta, "refusal", None) or ""
                if split is not None and text:
                    parts = split.feed(text)
                    text, thought = parts.text, (thought or "") + parts.reasoning
                    came = True
                if text or thought:
                    came = True
                    yield Delta(text, thought or "")
        rest = split.rest() if split is not None else Parts()
        if rest.text or rest.reasoning:
            yield Delta(rest.text, rest.reasoning)
        if reason == "content_filter":
            raise _refused(self._where)
        if reason is None:
            raise CutOff("no reason to end was given") if came else NothingCame("no choices came")
        yield _finish(reason, usage)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text."""
        async with self._clients.held() as client:
            answer = await client.embeddings.create(
                model=self._model, input=list(texts), encoding_format="float"
            )
        return [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]

    async def find(self) -> None:
        """Look whether the server has the model; servers that can't tell are believed."""
        async with self._clients.held() as client:
            try:
                await client.models.retrieve(self._model)
            except Exception as error:
                if getattr(error, "status_code", None) not in {404, 405, 501}:
                    raise
                # Some have no such address, others only their list.
                listed = [model.id async for model in client.models.list()]
                if listed and self._model not in listed:
                    raise

    def _effort(self, request: GenerationRequest) -> str | None:
        takes = self._account.kind in _TAKE_EFFORT
        return request.thinking.value if takes and request.thinking in EFFORTS else None

    def _wording(self, request: GenerationRequest) -> dict[str, Any]:
        """The request as the SDK takes it."""
        kind = self._account.kind
        turns = [{"role": turn.role.value, "content": turn.text} for turn in request.messages]
        most = self._max_tokens(request)
        limit = "max_completion_tokens" if kind is ProviderKind.OPENAI else "max_tokens"
        words: dict[str, Any] = {
            "model": self._model,
            "messages": turns or [{"role": "user", "content": request.prompt}],
            "stream": True,
            "stream_options": {"include_usage": True},
            limit: most,
        }
        if request.stop:
            words["stop"] = list(request.stop)
        if effort := self._effort(request):
            words["reasoning_effort"] = effort
        extra: dict[str, Any] = {}
        taken = PROVIDERS[kind].parameters
        for name, value in changed(request.sampling).items():
            if name not in taken:
                continue
            if name == "json_schema":
                words["response_format"] = _schema(str(value))
            elif name == "logit_bias":
                words["logit_bias"] = {
                    str(token): bias for token, bias in request.sampling.logit_bias
                }
            elif name in _NATIVE:
                words[name] = value
            else:
                extra[_RENAMED.get(name, {}).get(kind, name)] = value
        return {**words, "extra_body": extra} if extra else words


def _schema(text: str) -> dict[str, Any]:
    schema = {"name": "answer", "schema": json.loads(text), "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def _refused(where: Where) -> AppError:
    refused = worded(Cause.CONTENT, where, "finish_reason: content_filter")
    assert isinstance(refused, ContentRefused), "that is what the cause says"
    return refused


def _finish(reason: str, usage: Any) -> Finish:
    finish = _FINISHES.get(reason, FinishReason.END)
    if usage is None:
        return Finish(finish)
    prompt = getattr(usage, "prompt_tokens_details", None)
    output = getattr(usage, "completion_tokens_details", None)
    return Finish(
        finish,
        prompt_tokens=getattr(usage, "prompt_tokens", None) or 0,
        cached_tokens=getattr(prompt, "cached_tokens", None) or 0,
        output_tokens=getattr(usage, "completion_tokens", None),
        reasoning_tokens=getattr(output, "reasoning_tokens", None) or 0,
    )
