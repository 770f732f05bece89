"""What a model file can be asked for, by the keys of its header."""

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import NamedTuple

from app.domain.models import Basis, Capability, CapabilityFact, Confidence

_EMBEDDING_POOLS = {1: "mean", 2: "first token", 3: "last token"}
_RANKING_POOL = 4
_RANKING_TENSORS = ("cls.weight", "cls.output.weight")
_TEMPLATE = "tokenizer.chat_template"
_FILL_IN_MIDDLE = ("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id")
_DRAFTING = re.compile(r"^mtp-|(?:^|[-_. ])draft(?:[-_. ]|$)", re.IGNORECASE)


class Evidence(NamedTuple):
    """What a header says that verdicts follow from; the same for most models there are."""

    use: Capability
    """What its output is good for."""
    source: str
    """Where that is said."""
    templated: bool
    """Whether it brings a chat template."""
    fills: bool
    """Whether its vocabulary marks a gap in a text."""
    drafts: bool
    """Whether it has layers that predict further tokens."""
    sees: bool
    hears: bool


def evidence_in(
    architecture: str, keys: Mapping[str, object], tensors: Collection[str] = ()
) -> Evidence:
    """What a header says of the model's capabilities.

    Args:
        architecture: the model family, which prefixes its own keys.
        keys: the header's keys and values.
        tensors: the names of its tensors.
    """
    use, source = _output_use(architecture, keys, tensors)
    return Evidence(
        use,
        source,
        templated=_has_template(keys),
        fills=any(key in keys for key in _FILL_IN_MIDDLE),
        drafts=bool(keys.get(f"{architecture}.nextn_predict_layers")),
        sees=bool(keys.get(f"{architecture}.vision.block_count")),
        hears=bool(keys.get(f"{architecture}.audio.block_count")),
    )


def adapter_facts() -> tuple[CapabilityFact, ...]:
    """What is certain of a LoRA adapter: alone it can't be asked for anything."""
    return tuple(
        CapabilityFact(
            capability=capability,
            value=False,
            source="it is a LoRA adapter, which changes another model",
        )
        for capability in (
            Capability.CHAT,
            Capability.COMPLETION,
            Capability.EMBEDDING,
            Capability.RERANK,
        )
    )


def name_facts(stem: str) -> tuple[CapabilityFact, ...]:
    """What only a file's name tells: that the model is made to draft for another one.

    Args:
        stem: the name without suffix and shard number.
    """
    if _DRAFTING.search(stem) is None:
        return ()
    fact = CapabilityFact(
        capability=Capability.DRAFT,
        value=True,
        source="the file's name",
        basis=Basis.NAME,
        confidence=Confidence.LIKELY,
    )
    return (fact,)


def projector_facts(keys: Mapping[str, object]) -> tuple[CapabilityFact, ...]:
    """What a projector beside a model adds to it.

    Args:
        keys: the projector's header.
    """
    return tuple(
        CapabilityFact(
            capability=capability,
            value=True,
            source="the projector beside it",
            basis=Basis.PROJECTOR,
        )
        for capability, key in (
            (Capability.VISION, "clip.has_vision_encoder"),
            (Capability.AUDIO, "clip.has_audio_encoder"),
        )
        if keys.get(key) is True
    )


@cache
def facts_of(evidence: Evidence) -> tuple[CapabilityFact, ...]:
    """The verdicts that the header alone allows; what a chat template tells isn't among them."""
    use, source, templated, fills, drafts, sees, hears = evidence
    generates = use is Capability.COMPLETION
    template = "chat template in the file" if templated else "no chat template in the file"
    filling = "tokens for it in the vocabulary" if fills else "no tokens for it in the vocabulary"
    facts = [
        CapabilityFact(
            capability=Capability.CHAT,
            value=generates and templated,
            source=template if generates else source,
        ),
        CapabilityFact(capability=Capability.COMPLETION, value=generates, source=source),
        CapabilityFact(
            capability=Capability.EMBEDDING, value=use is Capability.EMBEDDING, source=source
        ),
        CapabilityFact(capability=Capability.RERANK, value=use is Capability.RERANK, source=source),
        CapabilityFact(
            capability=Capability.FILL_IN_MIDDLE, value=generates and fills, source=filling
        ),
        CapabilityFact(
            capability=Capability.LORA,
            value=generates,
            source="llama.cpp applies adapters to models that write" if generates else source,
            confidence=Confidence.LIKELY,
        ),
    ]
    if drafts:
        source = "layers that predict further tokens"
        facts.append(CapabilityFact(capability=Capability.DRAFT, value=True, source=source))
    facts += [
        CapabilityFact(capability=capability, value=True, source="encoder in the file")
        for capability, has in ((Capability.VISION, sees), (Capability.AUDIO, hears))
        if has
    ]
    if not (generates and templated):
        # Where no template speaks, there is nobody to call tools or to heed a system prompt.
        facts += [
            CapabilityFact(capability=capability, value=False, source=template)
            for capability in (
                Capability.TOOLS,
                Capability.PARALLEL_TOOLS,
                Capability.SYSTEM_ROLE,
                Capability.THINKING,
            )
        ]
    return tuple(facts)


def _output_use(
    architecture: str, keys: Mapping[str, object], tensors: Collection[str]
) -> tuple[Capability, str]:
    """Whether a model continues, embeds or ranks text, with the evidence."""
    pool = keys.get(f"{architecture}.pooling_type")
    if pool == _RANKING_POOL:
        return Capability.RERANK, "the file says that it ranks texts"
    labels = f"{architecture}.classifier.output_labels" in keys
    if labels or any(name in tensors for name in _RANKING_TENSORS):
        return Capability.RERANK, "it has a classifier"
    if isinstance(pool, int) and pool in _EMBEDDING_POOLS:
        return Capability.EMBEDDING, f"the file pools its output ({_EMBEDDING_POOLS[pool]})"
    if keys.get(f"{architecture}.attention.causal") is False:
        return Capability.EMBEDDING, "its attention looks both ways"
    return Capability.COMPLETION, "the file doesn't pool its output"


def _has_template(keys: Mapping[str, object]) -> bool:
    return any(
        isinstance(value, str) and value.strip()
        for key, value in keys.items()
        if key == _TEMPLATE or key.startswith(f"{_TEMPLATE}.")
    )
