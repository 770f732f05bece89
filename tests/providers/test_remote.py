"""Both SDK adapters against a server that speaks their protocols, and misbehaves."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.domain.accounts import Account, AccountId, ProviderKind, model_id
from app.domain.chat_templates import Thinking
from app.domain.error_reports import report_of
from app.domain.errors import AppError, ErrorKind, KeyUnusable, RequestError
from app.domain.generation import (
    ChatMessage,
    FinishReason,
    GenerationEnd,
    GenerationRequest,
    Role,
    Sampling,
    TextPiece,
)
from app.domain.load_settings import LoadSettings
from app.domain.models import ModelSpec, RemoteFacts
from app.domain.secrets import Secret
from app.providers.remote import RemoteConnections
from app.providers.remote_clients import Patience
from app.providers.remote_engine import RemoteEngine
from tests.support import wire_server as wires
from tests.support.fakes import eventually
from tests.support.wire_server import MODEL, WORDS, Fault, WireServer, wire_server

KEY = "sk-canary-0123456789-wxyz"
KINDS = (ProviderKind.OPENAI, ProviderKind.ANTHROPIC)
SOON = Patience(connect=5, silence=0.5, local_silence=0.5)
HELLO = GenerationRequest(messages=(ChatMessage(role=Role.USER, text="Hello"),), max_tokens=64)


def account_at(server: WireServer, kind: ProviderKind) -> Account:
    url = server.url if kind is ProviderKind.ANTHROPIC else f"{server.url}/v1"
    return Account(id=AccountId("acme"), kind=kind, name="Acme", base_url=url)


def spec_of(name: str = MODEL, **facts: Any) -> ModelSpec:
    remote = RemoteFacts(model=name, source="a test", **facts)
    return ModelSpec(
        id=model_id(AccountId("acme"), name), provider="acme", name="Story", remote=remote
    )


async def _key() -> Secret | None:
    return Secret(KEY)


@asynccontextmanager
async def connected(
    kind: ProviderKind,
    fault: Fault = wires.good,
    *,
    key: Callable[[], Any] = _key,
    permit: Callable[[ModelSpec], None] = lambda spec: None,
    **facts: Any,
) -> AsyncIterator[tuple[WireServer, RemoteEngine]]:
    async with wire_server() as server:
        server.fault = fault
        remote = RemoteConnections(SOON).open(account_at(server, kind), key, permit)
        engine = await remote.load(spec_of(**facts), LoadSettings(), lambda share: None)
        try:
            yield server, engine
        finally:
            await engine.close()
            await remote.aclose()
            await settled()


async def settled() -> None:
    """Give the SDKs' generators the turns in which they end."""
    for _ in range(5):
        await asyncio.sleep(0)


async def answer(engine: RemoteEngine, request: GenerationRequest = HELLO) -> tuple[str, Any]:
    """The text that came, and the figures or the error that it ended with."""
    text, end = "", None
    try:
        async for update in engine.generate(request):
            if isinstance(update, TextPiece):
                text += update.text
            else:
                end = update.stats
    except AppError as error:
        return text, error
    return text, end


@pytest.mark.parametrize("kind", KINDS)
async def test_that_an_answer_comes_in_pieces_with_its_figures(kind: ProviderKind) -> None:
    async with connected(kind) as (server, engine):
        updates = [update async for update in engine.generate(HELLO)]
        pieces = [item for item in updates if isinstance(item, TextPiece)]
        assert [piece.text for piece in pieces] == list(WORDS)
        assert all(len(piece.stamps_ns) == 1 for piece in pieces)
        end = updates[-1]
        assert isinstance(end, GenerationEnd)
        assert end.stats.finish is FinishReason.END
        assert (end.stats.prompt_tokens, end.stats.output_tokens) == (11, len(WORDS))
        assert server.asked[-1].key == KEY
        assert end.stats.untaken == ()


@pytest.mark.parametrize("kind", KINDS)
async def test_that_bytes_that_trickle_make_the_same_answer(kind: ProviderKind) -> None:
    async with connected(kind, wires.slow_bytes) as (_, engine):
        text, stats = await answer(engine)
        assert (text, stats.output_tokens) == ("".join(WORDS), len(WORDS))


@pytest.mark.parametrize("kind", KINDS)
async def test_that_an_answer_that_nobody_counted_is_counted_by_its_pieces(
    kind: ProviderKind,
) -> None:
    async with connected(kind, wires.missing_usage) as (_, engine):
        text, stats = await answer(engine)
        assert (text, stats.output_tokens) == ("".join(WORDS), len(WORDS))


PARTIAL = "".join(WORDS[: wires.BEFORE_FAULT])
FAULTS: dict[str, tuple[Fault, ErrorKind, str]] = {
    "bad key": (wires.status(401, "authentication_error"), ErrorKind.KEY, ""),
    "key echoed": (wires.echo_key, ErrorKind.KEY, ""),
    "no credit": (wires.status(402, "billing_error"), ErrorKind.QUOTA, ""),
    "quota as rate": (wires.status(429, "insufficient_quota"), ErrorKind.QUOTA, ""),
    "forbidden": (wires.status(403, "permission_error"), ErrorKind.KEY, ""),
    "no such model": (
        wires.status(404, "not_found_error", "model: gone"),
        ErrorKind.UNKNOWN_MODEL,
        "",
    ),
    "no such page": (wires.missing_page, ErrorKind.WRONG_SERVER, ""),
    "no such method": (wires.status(405), ErrorKind.WRONG_SERVER, ""),
    "request timeout": (wires.status(408), ErrorKind.TIMEOUT, ""),
    "conflict": (wires.status(409), ErrorKind.REQUEST, ""),
    "too large": (wires.status(413, "request_too_large"), ErrorKind.CONTEXT_OVERFLOW, ""),
    "unprocessable": (wires.status(422), ErrorKind.REQUEST, ""),
    "too long": (
        wires.status(400, "invalid_request_error", "prompt is too long: 300000 tokens"),
        ErrorKind.CONTEXT_OVERFLOW,
        "",
    ),
    "context length": (
        wires.status(400, "context_length_exceeded"),
        ErrorKind.CONTEXT_OVERFLOW,
        "",
    ),
    "content": (wires.status(400, "content_policy_violation"), ErrorKind.CONTENT, ""),
    "parameter": (
        wires.status(400, "invalid_request_error", "Unsupported value"),
        ErrorKind.REQUEST,
        "",
    ),
    "rate limited": (
        wires.status(429, "rate_limit_error", retry_after="12"),
        ErrorKind.RATE_LIMITED,
        "",
    ),
    "broken": (wires.status(500, "api_error"), ErrorKind.OVERLOADED, ""),
    "bad gateway": (wires.status(502), ErrorKind.OVERLOADED, ""),
    "unavailable": (wires.status(503), ErrorKind.OVERLOADED, ""),
    "gateway timeout": (wires.status(504), ErrorKind.TIMEOUT, ""),
    "overloaded": (wires.status(529, "overloaded_error"), ErrorKind.OVERLOADED, ""),
    "moved": (wires.redirect, ErrorKind.WRONG_SERVER, ""),
    "web page": (wires.web_page, ErrorKind.WRONG_SERVER, ""),
    "plain JSON": (wires.plain_json, ErrorKind.WRONG_SERVER, ""),
    "wrong JSON": (wires.wrong_json, ErrorKind.WRONG_SERVER, PARTIAL),
    "nothing said": (wires.empty_choices, ErrorKind.REMOTE, ""),
    "cut": (wires.cut, ErrorKind.CUT, PARTIAL),
    "cut at once": (wires.cut_at_once, ErrorKind.CUT, ""),
    "quiet end": (wires.quiet_end, ErrorKind.CUT, PARTIAL),
    "silence": (wires.silence, ErrorKind.TIMEOUT, ""),
    "silence in the middle": (wires.silence_in_the_middle, ErrorKind.TIMEOUT, PARTIAL),
    "overloaded in the middle": (
        wires.error_event("overloaded_error"),
        ErrorKind.OVERLOADED,
        PARTIAL,
    ),
    "rate in the middle": (wires.error_event("rate_limit_error"), ErrorKind.RATE_LIMITED, PARTIAL),
    "unknown in the middle": (wires.error_event("strange_error"), ErrorKind.REMOTE, PARTIAL),
    "refusal": (wires.refusal, ErrorKind.CONTENT, PARTIAL),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_that_every_fault_has_a_sentence_and_an_action(
    kind: ProviderKind, fault: str
) -> None:
    behaviour, expected, partial = FAULTS[fault]
    async with connected(kind, behaviour) as (server, engine):
        text, error = await answer(engine)
        assert isinstance(error, AppError)
        assert (error.kind, text) == (expected, partial), error.detail
        assert error.what.endswith(".")
        assert error.remedy.endswith(".")
        assert KEY not in f"{report_of(error)!r} {error!r} {error.__cause__!r}"
        assert error.__suppress_context__
        if partial:
            assert len([item for item in server.asked if item.method == "POST"]) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_that_a_server_that_isnt_there_is_told_apart_from_a_name_that_isnt(
    kind: ProviderKind,
) -> None:
    for url, words in (
        ("http://127.0.0.1:9", "Nothing answers"),
        ("http://nobody.invalid", "no server called"),
    ):
        here = Account(id=AccountId("acme"), kind=kind, name="Acme", base_url=url)
        remote = RemoteConnections(SOON).open(here, _key, lambda spec: None)
        engine = await remote.load(spec_of(), LoadSettings(), lambda share: None)
        with pytest.raises(AppError, match=words) as caught:
            await engine.probe()
        assert caught.value.kind is ErrorKind.UNREACHABLE
        await engine.close()
        await remote.aclose()


@pytest.mark.parametrize("kind", KINDS)
async def test_that_the_wait_that_a_server_asks_for_is_said_and_kept(kind: ProviderKind) -> None:
    fault = wires.status(429, "rate_limit_error", retry_after="12")
    async with connected(kind, fault) as (server, engine):
        _, error = await answer(engine)
        assert "12 seconds" in error.remedy
        assert report_of(error).retry_at == pytest.approx(time.time() + 12, abs=5)
        assert len(server.asked) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_that_what_failed_before_it_began_is_tried_once_more(kind: ProviderKind) -> None:
    async with connected(kind) as (server, engine):
        server.faults = [wires.status(503)]
        text, stats = await answer(engine)
        assert text == "".join(WORDS)
        assert stats.finish is FinishReason.END
        server.faults = [wires.cut_at_once]
        assert (await answer(engine))[0] == text


@pytest.mark.parametrize("kind", KINDS)
async def test_that_leaving_an_answer_hangs_up(kind: ProviderKind) -> None:
    async with connected(kind, wires.endless) as (server, engine):
        stream = engine.generate(HELLO)
        await anext(stream)
        await stream.aclose()
        await eventually(lambda: server.left_at)

        async def read() -> None:
            async for _ in engine.generate(HELLO):
                pass

        task = asyncio.ensure_future(read())
        await eventually(lambda: len(server.asked) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: len(server.left_at) == 2)


@pytest.mark.parametrize("kind", KINDS)
async def test_that_nothing_of_the_environment_goes_along(
    kind: ProviderKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_ORG_ID",
                 "OPENAI_PROJECT_ID"):  # fmt: skip
        monkeypatch.setenv(name, "from-the-environment")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Other: from-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with connected(kind) as (server, engine):
        assert (await answer(engine))[0]
        assert "from-the-environment" not in str(server.asked[-1].headers)


async def test_that_a_server_that_wants_no_key_gets_none() -> None:
    async def none() -> None:
        return None

    async with connected(ProviderKind.OLLAMA, key=none) as (server, engine):
        await answer(engine)
        assert "authorization" not in server.asked[-1].headers


@pytest.mark.parametrize("kind", KINDS)
async def test_that_a_new_key_is_sent_while_the_old_answer_goes_on(kind: ProviderKind) -> None:
    keys = [Secret("sk-the-second-key"), Secret(KEY)]

    async def key() -> Secret:
        return keys.pop()

    async with wire_server() as server:
        remote = RemoteConnections(SOON).open(account_at(server, kind), key, lambda spec: None)
        engine = await remote.load(spec_of(), LoadSettings(), lambda share: None)
        server.fault = wires.endless
        first = engine.generate(HELLO)
        await anext(first)
        remote.renew()
        server.fault = wires.good
        assert (await answer(engine))[0] == "".join(WORDS)
        await anext(first)
        await first.aclose()
        assert [item.key for item in server.asked] == [KEY, "sk-the-second-key"]
        await engine.close()
        await remote.aclose()
        await settled()


async def test_that_openai_is_asked_with_what_it_takes_and_the_rest_is_told() -> None:
    async with connected(ProviderKind.OPENAI, max_output=32) as (server, engine):
        sampling = Sampling(temperature=0.5, top_k=10, json_schema='{"type": "object"}', seed=3)
        request = HELLO.model_copy(
            update={"sampling": sampling, "thinking": Thinking.LOW, "stop": ("END",)}
        )
        _, stats = await answer(engine, request)
        body = server.asked[-1].body
        assert body["temperature"] == 0.5
        assert body["seed"] == 3
        assert body["max_completion_tokens"] == 32
        assert body["reasoning_effort"] == "low"
        assert body["stop"] == ["END"]
        assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
        assert "top_k" not in body
        assert "top_p" not in body
        assert stats.untaken == ("top_k",)


async def test_that_llama_server_gets_its_own_parameters() -> None:
    async with connected(ProviderKind.LLAMA_SERVER) as (server, engine):
        sampling = Sampling(top_k=10, penalty_last_n=5, grammar="root ::= x")
        _, stats = await answer(engine, HELLO.model_copy(update={"sampling": sampling}))
        body = server.asked[-1].body
        assert (body["top_k"], body["repeat_last_n"], body["grammar"]) == (10, 5, "root ::= x")
        assert stats.untaken == ()


async def test_that_anthropic_is_asked_without_sampling_and_says_so() -> None:
    async with connected(ProviderKind.ANTHROPIC) as (server, engine):
        turns = (
            ChatMessage(role=Role.SYSTEM, text="Be brief."),
            ChatMessage(role=Role.USER, text="Hello"),
        )
        request = GenerationRequest(
            messages=turns,
            max_tokens=9,
            sampling=Sampling(temperature=0.1),
            thinking=Thinking.HIGH,
            stop=("END",),
        )
        _, stats = await answer(engine, request)
        body = server.asked[-1].body
        assert body["system"] == "Be brief."
        assert body["messages"] == [{"role": "user", "content": "Hello"}]
        assert body["max_tokens"] == 9
        assert body["output_config"] == {"effort": "high"}
        assert body["stop_sequences"] == ["END"]
        assert "temperature" not in body
        assert stats.untaken == ("temperature",)


async def test_that_reasoning_comes_apart_whatever_the_server_calls_it() -> None:
    def thinks(**delta: str) -> Fault:
        async def fault(answer: wires.Answer) -> None:
            await answer.begin()
            await answer.event(wires.chunk(dict(delta)))
            await answer.word("Hi")
            await answer.close()

        return fault

    for delta in (
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"content": "<think>hm</think>"},
    ):
        async with connected(ProviderKind.VLLM, thinks(**delta)) as (_, engine):
            pieces = [item async for item in engine.generate(HELLO) if isinstance(item, TextPiece)]
            assert "".join(piece.reasoning for piece in pieces).strip() == "hm"
            assert "".join(piece.text for piece in pieces) == "Hi"


async def test_that_anthropics_reasoning_comes_apart() -> None:
    async def fault(answer: wires.Answer) -> None:
        await answer.begin()
        await answer.words(())
        delta = {"type": "thinking_delta", "thinking": "hm"}
        data = {"type": "content_block_delta", "index": 0, "delta": delta}
        await answer.event(data, "content_block_delta")
        await answer.word("Hi")
        await answer.close()

    async with connected(ProviderKind.ANTHROPIC, fault) as (_, engine):
        pieces = [item async for item in engine.generate(HELLO) if isinstance(item, TextPiece)]
        assert [(piece.text, piece.reasoning) for piece in pieces] == [("", "hm"), ("Hi", "")]


async def test_that_embeddings_have_length_one_and_the_order_of_the_texts() -> None:
    async with connected(ProviderKind.OPENAI) as (server, engine):
        server.pages["/v1/embeddings"] = {
            "object": "list",
            "model": MODEL,
            "data": [
                {"object": "embedding", "index": 1, "embedding": [0.0, 2.0]},
                {"object": "embedding", "index": 0, "embedding": [3.0, 4.0]},
            ],
            "usage": {"prompt_tokens": 2, "total_tokens": 2},
        }
        assert await engine.embed(["a", "b"]) == [[0.6, 0.8], [0.0, 1.0]]
        assert await engine.embed([]) == []
    async with connected(ProviderKind.ANTHROPIC) as (_, engine):
        with pytest.raises(RequestError, match="no embeddings"):
            await engine.embed(["a"])


@pytest.mark.parametrize("kind", KINDS)
async def test_that_what_forbids_a_request_comes_before_it(kind: ProviderKind) -> None:
    def forbid(spec: ModelSpec) -> None:
        raise RequestError("The budget is spent.", "Raise it.")

    async with connected(kind, permit=forbid) as (server, engine):
        assert (await answer(engine))[1].what == "The budget is spent."
        assert server.asked == []


@pytest.mark.parametrize("kind", KINDS)
async def test_that_a_probe_costs_nothing_and_finds_what_is_missing(kind: ProviderKind) -> None:
    async with connected(kind) as (server, engine):
        await engine.probe()
        assert {item.method for item in server.asked} == {"GET"}
        del server.pages[f"/v1/models/{MODEL}"]
        if kind is ProviderKind.OPENAI:
            # The list is believed where a single model has no address.
            await engine.probe()
        server.pages["/v1/models"] = {"data": [{"id": "other", "object": "model"}]}
        with pytest.raises(AppError):
            await engine.probe()


@pytest.mark.parametrize("kind", KINDS)
async def test_that_without_a_key_nothing_is_sent(kind: ProviderKind) -> None:
    async def none() -> Secret:
        raise KeyUnusable("The key is gone.", "Set it.")

    async with connected(kind, key=none) as (server, engine):
        assert (await answer(engine))[1].what == "The key is gone."
        assert server.asked == []
