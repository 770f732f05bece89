"""What each kind of server tells of its models, read into specs."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from app.domain.accounts import Account, ProviderKind, model_id
from app.domain.models import Capability, CapabilityFact, Lifecycle, ModelSpec, RemoteFacts
from app.providers.remote_failures import NotAStream

Fetch = Callable[[str, Mapping[str, Any] | None], Awaitable[Any]]
"""The JSON at an address; asked with a body when there is one."""
Page = tuple[ModelSpec, ...]
Fields = Mapping[str, Any]

MOST_PAGES = 200
"""A server whose list has no end is left."""
PER_MILLION = 1_000_000
_EMBEDS = ("embed", "bge-", "e5-", "gte-")
_OTHER_WORK = ("whisper", "tts", "dall-e", "image", "moderation", "audio", "realtime", "transcribe",
               "sora", "rerank", "davinci-002", "babbage-002")  # fmt: skip


async def list_models(account: Account, fetch: Fetch) -> AsyncGenerator[Page, None]:
    """Every model of a server that speaks OpenAI's protocol, a page at a time.

    Raises:
        Exception: whatever `fetch` raises.
    """
    match account.kind:
        case ProviderKind.OLLAMA:
            pages = _ollama(account, fetch)
        case ProviderKind.LM_STUDIO:
            pages = _lm_studio(account, fetch)
        case ProviderKind.LLAMA_SERVER:
            pages = _llama_server(account, fetch)
        case _:
            pages = _plain(account, fetch)
    async for page in pages:
        yield page


def of_anthropic(account: Account, item: Any) -> ModelSpec:
    """A spec from one entry of Anthropic's list."""
    able = getattr(item, "capabilities", None)
    named = {"image_input": "vision", "thinking": "reasoning", "pdf_input": "documents",
             "structured_outputs": "json"}  # fmt: skip
    features = [
        word for field, word in named.items()
        if getattr(getattr(able, field, None), "supported", False)
    ]  # fmt: skip
    retires = getattr(item, "retires_at", None)
    source = "Anthropic's list of models"
    return _spec(
        account,
        item.id,
        source,
        name=getattr(item, "display_name", "") or item.id,
        context=_whole(getattr(item, "max_input_tokens", None)),
        context_source=source,
        abilities=(Capability.CHAT,),
        ability_source=source,
        max_output=_whole(getattr(item, "max_tokens", None)),
        lifecycle=_lifecycle(getattr(item, "lifecycle", None)),
        retires_at=retires.date().isoformat() if isinstance(retires, datetime) else "",
        features=tuple(features),
    )


async def _plain(account: Account, fetch: Fetch) -> AsyncGenerator[Page, None]:
    """The list that all have, with the fields that only some fill in."""
    after = ""
    for _ in range(MOST_PAGES):
        address = f"{account.base_url}/models{f'?after={quote(after)}' if after else ''}"
        body = await fetch(address, None)
        items = _items(body, "data")
        yield tuple(_of_plain(account, item) for item in items)
        last = str(items[-1].get("id", "")) if items else ""
        if not (isinstance(body, Mapping) and body.get("has_more")) or last in {"", after}:
            return
        after = last


def _of_plain(account: Account, item: Fields) -> ModelSpec:
    match account.kind:
        case ProviderKind.OPENROUTER:
            return _of_openrouter(account, item)
        case ProviderKind.VLLM:
            source = "vLLM's list of models"
            return _spec(
                account, str(item.get("id", "")), source,
                context=_whole(item.get("max_model_len")), context_source=source,
            )  # fmt: skip
    name = str(item.get("id", ""))
    shutdown = item.get("shutdown_date")
    return _spec(
        account,
        name,
        "its list of models",
        # Some say it, under one of these names.
        context=_whole(item.get("context_length") or item.get("max_model_len")),
        context_source="its list of models",
        lifecycle=Lifecycle.DEPRECATED if shutdown else None,
        retires_at=_day(shutdown),
    )


def _of_openrouter(account: Account, item: Fields) -> ModelSpec:
    source = "OpenRouter's list of models"
    architecture, best = _fields(item, "architecture"), _fields(item, "top_provider")
    parameters, prices = item.get("supported_parameters") or (), _fields(item, "pricing")
    features = [
        word
        for field, word in (
            ("tools", "tools"),
            ("reasoning", "reasoning"),
            ("structured_outputs", "json"),
        )
        if field in parameters
    ]
    if "image" in (architecture.get("input_modalities") or ()):
        features.append("vision")
    expires = item.get("expiration_date")
    return _spec(
        account,
        str(item.get("id", "")),
        source,
        name=str(item.get("name") or item.get("id", "")),
        context=_whole(item.get("context_length")),
        context_source=source,
        abilities=(Capability.CHAT,),
        ability_source=source,
        max_output=_whole(best.get("max_completion_tokens")),
        lifecycle=Lifecycle.DEPRECATED if expires else None,
        retires_at=_day(expires),
        features=tuple(features),
        input_price=_price(prices.get("prompt")),
        output_price=_price(prices.get("completion")),
    )


async def _ollama(account: Account, fetch: Fetch) -> AsyncGenerator[Page, None]:
    root = _root(account.base_url)
    for item in _items(await fetch(f"{root}/api/tags", None), "models"):
        name = str(item.get("model") or item.get("name", ""))
        shown = await fetch(f"{root}/api/show", {"model": name})
        yield (_of_ollama(account, name, item, shown if isinstance(shown, Mapping) else {}),)


def _of_ollama(account: Account, name: str, item: Fields, shown: Fields) -> ModelSpec:
    source = "Ollama's description of the model"
    info, details = _fields(shown, "model_info"), _fields(item, "details")
    architecture = str(info.get("general.architecture", ""))
    told = tuple(shown.get("capabilities") or ())
    abilities = [Capability.CHAT] if "completion" in told else []
    if "embedding" in told:
        abilities.append(Capability.EMBEDDING)
    known = {"vision": "vision", "tools": "tools", "thinking": "reasoning"}
    return _spec(
        account,
        name,
        source,
        context=_whole(info.get(f"{architecture}.context_length")),
        context_source=source,
        abilities=tuple(abilities) if told else None,
        ability_source=source,
        features=tuple(word for field, word in known.items() if field in told),
        architecture=architecture,
        parameters=_whole(info.get("general.parameter_count")),
        quantisation=str(details.get("quantization_level", "")),
    )


async def _lm_studio(account: Account, fetch: Fetch) -> AsyncGenerator[Page, None]:
    source = "LM Studio's list of models"
    kinds = {"llm": Capability.CHAT, "vlm": Capability.CHAT, "embeddings": Capability.EMBEDDING}
    body = await fetch(f"{_root(account.base_url)}/api/v0/models", None)
    page = []
    for item in _items(body, "data"):
        ability = kinds.get(str(item.get("type", "")))
        features = ["vision"] if item.get("type") == "vlm" else []
        features += ["tools"] if "tool_use" in (item.get("capabilities") or ()) else []
        loaded = _whole(item.get("loaded_context_length"))
        page.append(
            _spec(
                account,
                str(item.get("id", "")),
                source,
                context=loaded or _whole(item.get("max_context_length")),
                context_source=f"{source}, as it is loaded there" if loaded else source,
                abilities=(ability,) if ability else (),
                ability_source=source,
                features=tuple(features),
                architecture=str(item.get("arch", "")),
                quantisation=str(item.get("quantization", "")),
            )
        )
    yield tuple(page)


async def _llama_server(account: Account, fetch: Fetch) -> AsyncGenerator[Page, None]:
    body = await fetch(f"{account.base_url}/models", None)
    context: int | None = None
    try:
        told = await fetch(f"{_root(account.base_url)}/props", None)
        context = _whole(_fields(told, "default_generation_settings").get("n_ctx"))
    except Exception:  # noqa: BLE001 - it may be switched off, or its server an older one
        context = None
    page = []
    for item in _items(body, "data"):
        meta = _fields(item, "meta")
        trained = _whole(meta.get("n_ctx_train"))
        page.append(
            _spec(
                account,
                str(item.get("id", "")),
                "llama-server's list of models",
                name=str(item.get("id", "")).rsplit("/", 1)[-1],
                context=context or trained,
                context_source="llama-server, as it was started"
                if context
                else "the file's header, by llama-server",
                parameters=_whole(meta.get("n_params")),
            )
        )
    yield tuple(page)


def _spec(  # noqa: PLR0913 - one argument for each thing that a server may tell, all named
    account: Account,
    model: str,
    source: str,
    *,
    name: str = "",
    context: int | None = None,
    context_source: str = "",
    abilities: Iterable[Capability] | None = None,
    ability_source: str = "its name",
    architecture: str = "",
    parameters: int | None = None,
    quantisation: str = "",
    **facts: Any,
) -> ModelSpec:
    """A spec; where a server says nothing of what its model can do, its name has to."""
    able = set(_by_name(model) if abilities is None else abilities)
    told = "its name" if abilities is None else ability_source
    return ModelSpec(
        id=model_id(account.id, model),
        provider=account.id,
        name=name or model,
        architecture=architecture,
        parameters=parameters,
        quantisation=quantisation,
        context_length=context,
        capabilities=tuple(
            CapabilityFact(capability=item, value=item in able, source=told)
            for item in (Capability.CHAT, Capability.EMBEDDING)
        ),
        remote=RemoteFacts(
            model=model, source=source, context_source=context_source if context else "", **facts
        ),
    )


def _by_name(model: str) -> tuple[Capability, ...]:
    name = model.casefold()
    if any(word in name for word in _EMBEDS):
        return (Capability.EMBEDDING,)
    return () if any(word in name for word in _OTHER_WORK) else (Capability.CHAT,)


def _items(body: Any, field: str) -> list[Fields]:
    """The entries of a list; a server that has none says null or leaves it out.

    Raises:
        NotAStream: this is no list of models.
    """
    found = body.get(field) if isinstance(body, Mapping) else body
    if found is None and isinstance(body, Mapping) and field in body:
        return []
    if not isinstance(found, list):
        raise NotAStream("no list of models")
    return [item for item in found if isinstance(item, Mapping)]


def _fields(body: Any, field: str) -> Fields:
    found = body.get(field) if isinstance(body, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _whole(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 < value < 2**53 else None


def _price(value: Any) -> float | None:
    """US dollars for a million tokens from those for one; a negative price means that it varies."""
    try:
        price = float(value) * PER_MILLION
    except (TypeError, ValueError):
        return None
    return round(price, 6) if 0 <= price < PER_MILLION else None


def _day(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 2**33:
        return datetime.fromtimestamp(value, UTC).date().isoformat()
    return value[:10] if isinstance(value, str) else ""


def _lifecycle(value: Any) -> Lifecycle | None:
    return Lifecycle(value) if value in set(Lifecycle) else None


def _root(base_url: str) -> str:
    """Where a server's own addresses begin, beside those that it has from OpenAI."""
    parts = urlsplit(base_url)
    path = parts.path.rstrip("/").removesuffix("/v1")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))
