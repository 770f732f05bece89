"""What is known of each capability, and what it rests on, as lines of words."""

from dataclasses import dataclass
from textwrap import shorten

from app.domain.annotations import Annotation, ProbeResult
from app.domain.models import (
    Basis,
    Capability,
    CapabilityFact,
    Confidence,
    ModelSpec,
    verdicts,
)
from app.domain.trials import TRIALS
from app.ui import words

CAPABILITY_WORDS: dict[Capability, str] = {
    Capability.CHAT: "Chat",
    Capability.COMPLETION: "Completion",
    Capability.EMBEDDING: "Embeddings",
    Capability.RERANK: "Ranking",
    Capability.TOOLS: "Tools",
    Capability.PARALLEL_TOOLS: "Several tools at once",
    Capability.SYSTEM_ROLE: "System prompt",
    Capability.THINKING: "Reasoning",
    Capability.VISION: "Pictures",
    Capability.AUDIO: "Sound",
    Capability.FILL_IN_MIDDLE: "Fill in the middle",
    Capability.LORA: "LoRA adapters",
    Capability.DRAFT: "Drafting",
    Capability.JSON: "JSON",
}
CONFIDENCE_WORDS: dict[Confidence, str] = {
    Confidence.CERTAIN: "certain",
    Confidence.LIKELY: "likely",
    Confidence.GUESS: "a guess",
}
ANSWER_SHOWN = 120
"""Characters of an answer that wouldn't do."""
TESTED = frozenset(trial.capability for trial in TRIALS)
FROM_TEMPLATE = frozenset(
    {
        Capability.TOOLS,
        Capability.PARALLEL_TOOLS,
        Capability.SYSTEM_ROLE,
        Capability.THINKING,
    }
)
"""What is found out by rendering the chat template."""


@dataclass(frozen=True)
class CapabilityLine:
    """One capability: what holds, why, and the user's own word."""

    capability: Capability
    name: str
    verdict: str
    role: str
    """The token that colours the verdict."""
    why: str
    override: bool | None = None
    """What the user said; None where they left it to the evidence."""


def capability_lines(
    spec: ModelSpec, annotation: Annotation, *, detecting: bool
) -> tuple[CapabilityLine, ...]:
    """Every capability, known or not.

    Args:
        spec: the model, with all evidence.
        annotation: what is noted of it.
        detecting: whether its chat template still has to be tried out.
    """
    found = verdicts(fact for fact in spec.capabilities if fact.basis is not Basis.USER)
    return tuple(
        _line(capability, found.get(capability), annotation.overrides.get(capability), detecting)
        for capability in CAPABILITY_WORDS
    )


def abilities(spec: ModelSpec) -> str:
    """What a model can, in one line."""
    able = spec.abilities
    return ", ".join(name for capability, name in CAPABILITY_WORDS.items() if capability in able)


def probe_words(probe: ProbeResult) -> str:
    """A test's result with its date, and what was answered where that wouldn't do."""
    name, verdict = CAPABILITY_WORDS[probe.capability], _verdict(probe.value)
    said = f"{name}: {verdict}, tested {words.moment(probe.at)}."
    if probe.value:
        return said
    answer = shorten(probe.detail, ANSWER_SHOWN, placeholder="…")
    return f"{said} It answered: {answer}" if answer else f"{said} It answered nothing."


def _line(
    capability: Capability, fact: CapabilityFact | None, override: bool | None, detecting: bool
) -> CapabilityLine:
    name = CAPABILITY_WORDS[capability]
    if override is not None:
        found = f"{_verdict(fact.value)} ({_evidence(fact)})" if fact else "nothing tells"
        why = f"Set by you; found: {found}"
        return CapabilityLine(capability, name, _verdict(override), _role(override), why, override)
    if fact is not None:
        why = _evidence(fact)
        return CapabilityLine(capability, name, _verdict(fact.value), _role(fact.value), why)
    if detecting and capability in FROM_TEMPLATE:
        why = "Its chat template is being tried out"
        return CapabilityLine(capability, name, "detecting…", "info", why)
    why = "Nothing tells; Test finds out" if capability in TESTED else "Nothing tells"
    return CapabilityLine(capability, name, "unknown", "muted", why)


def _evidence(fact: CapabilityFact) -> str:
    dated = words.moment(fact.at) if fact.at is not None else ""
    return " · ".join(filter(None, (fact.source, CONFIDENCE_WORDS[fact.confidence], dated)))


def _verdict(value: bool) -> str:
    return "yes" if value else "no"


def _role(value: bool) -> str:
    return "ok" if value else "text"
