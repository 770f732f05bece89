"""What a model file can be asked for, by the keys of its header."""

from collections.abc import Mapping
from functools import cache

from app.domain.models import Capability, CapabilityFact

_EMBEDDING_POOLS = {1: "mean", 2: "first token", 3: "last token"}
_RANKING_POOL = 4
_TEMPLATE = "tokenizer.chat_template"


def capabilities_of(architecture: str, keys: Mapping[str, object]) -> tuple[CapabilityFact, ...]:
    """A verdict on each capability, with its evidence.

    Args:
        architecture: the model family, which prefixes its own keys.
        keys: the header's keys and values.
    """
    use, source = _output_use(architecture, keys)
    return _facts(use, source, _has_template(keys))


@cache
def _facts(use: Capability | None, source: str, templated: bool) -> tuple[CapabilityFact, ...]:
    """The verdicts; a handful of combinations serves every model there is."""
    generates = use is Capability.COMPLETION
    template = "chat template in the file" if templated else "no chat template in the file"
    return (
        CapabilityFact(
            capability=Capability.CHAT,
            value=generates and templated,
            source=template if generates else source,
        ),
        CapabilityFact(capability=Capability.COMPLETION, value=generates, source=source),
        CapabilityFact(
            capability=Capability.EMBEDDING, value=use is Capability.EMBEDDING, source=source
        ),
    )


def _output_use(architecture: str, keys: Mapping[str, object]) -> tuple[Capability | None, str]:
    """Whether a model continues text, embeds it or (None) ranks it, with the evidence."""
    pool = keys.get(f"{architecture}.pooling_type")
    if isinstance(pool, int) and pool in _EMBEDDING_POOLS:
        return Capability.EMBEDDING, f"the file pools its output ({_EMBEDDING_POOLS[pool]})"
    if pool == _RANKING_POOL:
        return None, "the file says that it ranks texts"
    if keys.get(f"{architecture}.attention.causal") is False:
        return Capability.EMBEDDING, "its attention looks both ways"
    return Capability.COMPLETION, "the file doesn't pool its output"


def _has_template(keys: Mapping[str, object]) -> bool:
    return any(
        isinstance(value, str) and value.strip()
        for key, value in keys.items()
        if key == _TEMPLATE or key.startswith(f"{_TEMPLATE}.")
    )
