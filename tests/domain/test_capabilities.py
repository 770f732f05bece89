import pytest

from app.domain.capabilities import (
    adapter_facts,
    evidence_in,
    facts_of,
    name_facts,
    projector_facts,
)
from app.domain.models import Basis, Capability, CapabilityFact, verdicts

TEMPLATE = "tokenizer.chat_template"


def able(architecture: str, **keys: object) -> set[Capability]:
    named = {key.replace("__", "."): value for key, value in keys.items()}
    facts = facts_of(evidence_in(architecture, named))
    return {fact.capability for fact in facts if fact.value} - {Capability.LORA}


def test_that_a_template_makes_a_model_chat() -> None:
    chat = {Capability.CHAT, Capability.COMPLETION}
    assert able("llama", tokenizer__chat_template="{{ x }}") == chat
    assert able("llama", tokenizer__chat_template__tool_use="{{ x }}") == chat


@pytest.mark.parametrize("template", [{}, {TEMPLATE: " "}, {TEMPLATE: 3}])
def test_that_a_model_without_a_template_only_completes(template: dict[str, object]) -> None:
    facts = facts_of(evidence_in("llama", template))
    able = [fact.capability for fact in facts if fact.value]
    assert able == [Capability.COMPLETION, Capability.LORA]
    assert facts[0].source == "no chat template in the file"


@pytest.mark.parametrize("pool", [1, 2, 3])
def test_that_pooled_output_is_an_embedding_even_with_a_template(pool: int) -> None:
    keys: dict[str, object] = {"qwen3.pooling_type": pool, TEMPLATE: "{{ x }}"}
    facts = facts_of(evidence_in("qwen3", keys))
    assert [fact.capability for fact in facts if fact.value] == [Capability.EMBEDDING]
    assert "pools its output" in facts[0].source


def test_that_no_pooling_is_no_embedding() -> None:
    assert able("llama", llama__pooling_type=0) == {Capability.COMPLETION}


def test_that_a_ranking_model_only_ranks() -> None:
    ranks = {Capability.RERANK}
    assert able("bert", bert__pooling_type=4, tokenizer__chat_template="{{ x }}") == ranks
    assert able("bert", bert__classifier__output_labels=("a",), bert__pooling_type=2) == ranks
    facts = facts_of(evidence_in("qwen3", {}, {"cls.output.weight"}))
    assert [fact.capability for fact in facts if fact.value] == [Capability.RERANK]


def test_that_tokens_layers_and_encoders_of_its_own_count() -> None:
    more = {
        "tokenizer__ggml__fim_pre_token_id": 3,
        "llama__nextn_predict_layers": 1,
        "llama__vision__block_count": 12,
    }
    assert able("llama", **more) == {
        Capability.COMPLETION,
        Capability.FILL_IN_MIDDLE,
        Capability.DRAFT,
        Capability.VISION,
    }


def test_that_a_projector_lends_its_senses() -> None:
    facts = projector_facts({"clip.has_vision_encoder": True, "clip.has_audio_encoder": False})
    assert [(fact.capability, fact.basis) for fact in facts] == [
        (Capability.VISION, Basis.PROJECTOR)
    ]


def test_that_the_users_word_counts_for_more_than_a_render_and_a_probe_for_more_than_that() -> None:
    def fact(basis: Basis, value: bool) -> CapabilityFact:
        return CapabilityFact(capability=Capability.TOOLS, value=value, source="x", basis=basis)

    facts = [fact(Basis.USER, False), fact(Basis.RENDER, True), fact(Basis.PROBE, True)]
    assert verdicts(facts)[Capability.TOOLS].basis is Basis.USER
    assert verdicts(facts[1:])[Capability.TOOLS].basis is Basis.PROBE


def test_that_a_template_leaves_to_rendering_what_the_header_cannot_tell() -> None:
    facts = facts_of(evidence_in("llama", {TEMPLATE: "{{ x }}"}))
    assert Capability.TOOLS not in verdicts(facts)
    assert not verdicts(facts_of(evidence_in("llama", {})))[Capability.TOOLS].value


def test_that_attention_both_ways_is_an_embedding() -> None:
    assert able("bert", bert__attention__causal=False) == {Capability.EMBEDDING}
    assert able("llama", bert__attention__causal=False) == {Capability.COMPLETION}


def test_that_each_capability_has_one_verdict_with_a_source() -> None:
    facts = facts_of(evidence_in("llama", {}))
    assert len({fact.capability for fact in facts}) == len(facts)
    assert all(fact.source for fact in facts)


@pytest.mark.parametrize(
    ("stem", "drafts"),
    [
        ("mtp-GLM-4.5-Air", True),
        ("Qwen2.5-Coder-0.5B-Draft", True),
        ("draft_model.Q8_0", True),
        ("GLM-4.5-MTP-fix", False),
        ("Overdrafted-7B", False),
    ],
)
def test_that_a_name_tells_a_draft_model(stem: str, drafts: bool) -> None:
    facts = name_facts(stem)
    assert [(fact.capability, fact.basis) for fact in facts] == (
        [(Capability.DRAFT, Basis.NAME)] if drafts else []
    )


def test_that_an_adapter_alone_does_nothing() -> None:
    facts = adapter_facts()
    assert {Capability.CHAT, Capability.COMPLETION} <= {fact.capability for fact in facts}
    assert not any(fact.value for fact in facts)
