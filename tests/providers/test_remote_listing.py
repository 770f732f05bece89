"""What each kind of server tells of its models."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from app.domain.accounts import Account, AccountId, ProviderKind
from app.domain.error_reports import report_of
from app.domain.errors import KeyUnusable, NotThatServer, RemoteError
from app.domain.models import Capability, Lifecycle, ModelSpec
from app.domain.secrets import Secret
from app.providers.remote import AnthropicAccount, OpenAIAccount, RemoteConnections
from app.providers.remote_clients import Patience
from tests.providers.test_remote import settled
from tests.support.wire_server import WireServer, wire_server

SOON = Patience(silence=2, local_silence=2)


async def key() -> Secret:
    return Secret("sk-canary-0123456789-wxyz")


@asynccontextmanager
async def account(
    kind: ProviderKind, pages: dict[str, Any]
) -> AsyncIterator[tuple[WireServer, OpenAIAccount | AnthropicAccount]]:
    async with wire_server() as server:
        server.pages = pages
        url = server.url if kind is ProviderKind.ANTHROPIC else f"{server.url}/v1"
        here = Account(id=AccountId("acme"), kind=kind, name="Acme", base_url=url)
        remote = RemoteConnections(SOON).open(here, key, lambda spec: None)
        try:
            yield server, remote
        finally:
            await remote.aclose()
            await settled()


async def listed(kind: ProviderKind, pages: dict[str, Any]) -> dict[str, ModelSpec]:
    async with account(kind, pages) as (_, remote):
        return {spec.id: spec async for page in remote.models() for spec in page}


async def test_that_ollama_tells_context_and_abilities_of_each_model() -> None:
    shown = {
        "qwen3:8b": {
            "capabilities": ["completion", "tools", "thinking"],
            "model_info": {
                "general.architecture": "qwen3",
                "general.parameter_count": 8_190_735_360,
                "qwen3.context_length": 40960,
            },
        },
        "nomic:latest": {"capabilities": ["embedding"], "model_info": {}},
    }
    tags = [
        {"name": "qwen3:8b", "model": "qwen3:8b", "details": {"quantization_level": "Q4_K_M"}},
        {"name": "nomic:latest", "model": "nomic:latest"},
    ]
    pages = {"/api/tags": {"models": tags}, "/api/show": lambda asked: shown[asked.body["model"]]}
    specs = await listed(ProviderKind.OLLAMA, pages)
    chat, embeds = specs["acme:qwen3:8b"], specs["acme:nomic:latest"]
    assert (chat.context_length, chat.quantisation, chat.architecture) == (40960, "Q4_K_M", "qwen3")
    assert chat.parameters == 8_190_735_360
    assert chat.can(Capability.CHAT)
    assert chat.remote is not None
    assert chat.remote.features == ("tools", "reasoning")
    assert "Ollama" in chat.remote.context_source
    assert embeds.embeds_only
    assert embeds.context_length is None


async def test_that_lm_studio_tells_how_long_a_loaded_models_context_is() -> None:
    models = [
        {"id": "a", "type": "llm", "max_context_length": 32768, "loaded_context_length": 4096,
         "arch": "llama", "quantization": "Q4_0", "capabilities": ["tool_use"]},
        {"id": "b", "type": "embeddings", "max_context_length": 512},
        {"id": "c", "type": "vlm", "max_context_length": 8192},
    ]  # fmt: skip
    specs = await listed(ProviderKind.LM_STUDIO, {"/api/v0/models": {"data": models}})
    assert [specs[f"acme:{name}"].context_length for name in "abc"] == [4096, 512, 8192]
    assert specs["acme:b"].embeds_only
    remote = specs["acme:a"].remote
    assert remote is not None
    assert "loaded" in remote.context_source
    assert remote.features == ("tools",)


@pytest.mark.parametrize("props", [True, False])
async def test_that_llama_server_tells_its_own_context_before_the_files(props: bool) -> None:
    model = {"id": "/models/tiny.gguf", "owned_by": "llamacpp",
             "meta": {"n_ctx_train": 131072, "n_params": 1000}}  # fmt: skip
    pages: dict[str, Any] = {"/v1/models": {"data": [model]}}
    if props:
        pages["/props"] = {"default_generation_settings": {"n_ctx": 8192}}
    spec = (await listed(ProviderKind.LLAMA_SERVER, pages))["acme:/models/tiny.gguf"]
    assert spec.name == "tiny.gguf"
    assert spec.context_length == (8192 if props else 131072)
    assert spec.remote is not None
    assert ("started" if props else "header") in spec.remote.context_source


async def test_that_vllm_tells_how_long_a_context_is() -> None:
    pages = {"/v1/models": {"data": [{"id": "m", "max_model_len": 16384}]}}
    assert (await listed(ProviderKind.VLLM, pages))["acme:m"].context_length == 16384


async def test_that_openrouter_tells_prices_features_and_the_end() -> None:
    model = {
        "id": "x/y", "name": "Y", "context_length": 200000,
        "architecture": {"input_modalities": ["text", "image"]},
        "top_provider": {"max_completion_tokens": 64000},
        "supported_parameters": ["tools", "reasoning"],
        "pricing": {"prompt": "0.000003", "completion": "0.000015"},
        "expiration_date": "2027-01-31T00:00:00Z",
    }  # fmt: skip
    spec = (await listed(ProviderKind.OPENROUTER, {"/v1/models": {"data": [model]}}))["acme:x/y"]
    facts = spec.remote
    assert facts is not None
    assert (facts.input_price, facts.output_price) == (3.0, 15.0)
    assert facts.features == ("tools", "reasoning", "vision")
    assert (facts.lifecycle, facts.retires_at) == (Lifecycle.DEPRECATED, "2027-01-31")
    assert facts.max_output == 64000


async def test_that_what_a_model_is_for_follows_from_its_name_where_nobody_says() -> None:
    names = ["gpt-5", "text-embedding-3-small", "whisper-1", "tts-1", "gpt-image-1"]
    specs = await listed(ProviderKind.OPENAI, {"/v1/models": {"data": [{"id": n} for n in names]}})
    able = [spec.name for spec in specs.values() if spec.can(Capability.CHAT)]
    assert able == ["gpt-5"]
    assert specs["acme:text-embedding-3-small"].embeds_only
    assert specs["acme:gpt-5"].capabilities[0].source == "its name"


async def test_that_a_list_of_several_pages_is_read_to_its_end() -> None:
    pages = {
        "/v1/models": {"data": [{"id": "a"}, {"id": "b"}], "has_more": True},
        "/v1/models?after=b": {"data": [{"id": "c"}], "has_more": False},
    }
    assert [*await listed(ProviderKind.COMPATIBLE, pages)] == ["acme:a", "acme:b", "acme:c"]


async def test_that_a_list_without_an_end_is_left() -> None:
    endless = {"data": [{"id": "a"}], "has_more": True}
    pages = {"/v1/models": endless, "/v1/models?after=a": endless}
    assert [*await listed(ProviderKind.COMPATIBLE, pages)] == ["acme:a"]


async def test_that_anthropic_tells_context_lifecycle_and_abilities_page_by_page() -> None:
    def model(name: str, **fields: Any) -> dict[str, Any]:
        return {"id": name, "type": "model", "display_name": name.title(),
                "created_at": "2026-01-01T00:00:00Z", **fields}  # fmt: skip

    first = model("one", lifecycle="deprecated", retires_at="2027-02-03T00:00:00Z",
                  max_input_tokens=200000, max_tokens=64000,
                  capabilities={"image_input": {"supported": True}, "thinking": {"supported": False}})  # fmt: skip
    pages = {
        "/v1/models?limit=100": {"data": [first], "has_more": True, "last_id": "one"},
        "/v1/models?limit=100&after_id=one": {
            "data": [model("two")],
            "has_more": False,
            "last_id": "two",
        },
    }
    specs = await listed(ProviderKind.ANTHROPIC, pages)
    one = specs["acme:one"]
    assert [*specs] == ["acme:one", "acme:two"]
    assert (one.name, one.context_length) == ("One", 200000)
    assert one.remote is not None
    assert (one.remote.lifecycle, one.remote.retires_at) == (Lifecycle.DEPRECATED, "2027-02-03")
    assert (one.remote.max_output, one.remote.features) == (64000, ("vision",))


@pytest.mark.parametrize(
    "body", [{}, [], "text", {"data": "x"}, {"data": [1, None]}, {"data": None}]
)
async def test_that_no_answer_however_strange_breaks_the_list(body: Any) -> None:
    for kind in (ProviderKind.COMPATIBLE, ProviderKind.OPENROUTER, ProviderKind.VLLM):
        with suppress(NotThatServer):
            assert await listed(kind, {"/v1/models": body}) == {}


async def test_that_strange_figures_are_left_out() -> None:
    strange = {"id": "m", "context_length": -1, "pricing": {"prompt": "-1", "completion": "nan"},
               "top_provider": [], "architecture": None, "expiration_date": True}  # fmt: skip
    spec = (await listed(ProviderKind.OPENROUTER, {"/v1/models": {"data": [strange]}}))["acme:m"]
    assert spec.context_length is None
    assert spec.remote is not None
    assert (spec.remote.input_price, spec.remote.output_price) == (None, None)


async def test_that_openrouters_key_is_tried_where_a_wrong_one_is_refused() -> None:
    async with account(ProviderKind.OPENROUTER, {"/v1/models": {"data": []}}) as (server, remote):
        with pytest.raises(RemoteError):
            await remote.check()
        server.pages["/v1/key"] = {"data": {}}
        await remote.check()


async def test_that_servers_on_their_usual_ports_are_found_and_strangers_are_not() -> None:
    async with wire_server() as ollama, wire_server() as llama, wire_server() as stranger:
        ollama.pages = {"/api/tags": {"models": [{"model": "m"}]}, "/api/show": {}}
        llama.pages = {"/v1/models": {"data": [{"id": "m", "owned_by": "llamacpp"}]}}
        stranger.pages = {"/v1/models": {"hello": "world"}}
        ports = {
            ProviderKind.OLLAMA: _port(ollama),
            ProviderKind.LLAMA_SERVER: _port(llama),
            ProviderKind.VLLM: _port(stranger),
            ProviderKind.LM_STUDIO: 9,
        }
        found = await RemoteConnections(SOON, ports).find_local()
        assert [(server.kind, server.models) for server in found] == [
            (ProviderKind.OLLAMA, 1),
            (ProviderKind.LLAMA_SERVER, 1),
        ]
        assert all("authorization" not in item.headers for item in ollama.asked + llama.asked)


@pytest.mark.parametrize(
    ("pages", "kind"),
    [
        ({"/system": {"backends": []}}, ProviderKind.LOCALAI),
        ({}, ProviderKind.COMPATIBLE),
    ],
)
async def test_that_who_answers_on_a_shared_port_is_told_apart(
    pages: dict[str, Any], kind: ProviderKind
) -> None:
    async with wire_server() as server:
        server.pages = {"/v1/models": {"data": [{"id": "m"}]}, **pages}
        found = await RemoteConnections(
            SOON, {ProviderKind.LLAMA_SERVER: _port(server)}
        ).find_local()
        assert [item.kind for item in found] == [kind]


async def test_that_a_key_that_a_list_is_refused_with_is_not_repeated() -> None:
    async with account(ProviderKind.OPENAI, {}) as (server, remote):

        async def echo(answer: Any) -> None:
            error = {"message": f"bad key {answer.asked.key}", "code": "invalid_api_key"}
            await answer.whole({"error": error}, 401)

        server._answer = echo  # type: ignore[method-assign]
        with pytest.raises(KeyUnusable) as caught:
            await remote.check()
        assert "canary" not in json.dumps(report_of(caught.value).model_dump())
        assert "bad key [the key]" in caught.value.detail


def _port(server: WireServer) -> int:
    return int(server.url.rsplit(":", 1)[1])
