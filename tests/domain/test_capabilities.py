import pytest

from app.domain.capabilities import capabilities_of
from app.domain.models import Capability

TEMPLATE = "tokenizer.chat_template"


def able(architecture: str, **keys: object) -> set[Capability]:
    named = {key.replace("__", "."): value for key, value in keys.items()}
    return {fact.capability for fact in capabilities_of(architecture, named) if fact.value}


def test_that_a_template_makes_a_model_chat() -> None:
    chat = {Capability.CHAT, Capability.COMPLETION}
    assert able("llama", tokenizer__chat_template="{{ x }}") == chat
    assert able("llama", tokenizer__chat_template__tool_use="{{ x }}") == chat


@pytest.mark.parametrize("template", [{}, {TEMPLATE: " "}, {TEMPLATE: 3}])
def test_that_a_model_without_a_template_only_completes(template: dict[str, object]) -> None:
    facts = capabilities_of("llama", template)
    assert [fact.capability for fact in facts if fact.value] == [Capability.COMPLETION]
    assert facts[0].source == "no chat template in the file"


@pytest.mark.parametrize("pool", [1, 2, 3])
def test_that_pooled_output_is_an_embedding_even_with_a_template(pool: int) -> None:
    keys: dict[str, object] = {"qwen3.pooling_type": pool, TEMPLATE: "{{ x }}"}
    facts = capabilities_of("qwen3", keys)
    assert [fact.capability for fact in facts if fact.value] == [Capability.EMBEDDING]
    assert "pools its output" in facts[0].source


def test_that_no_pooling_is_no_embedding() -> None:
    assert able("llama", llama__pooling_type=0) == {Capability.COMPLETION}


def test_that_a_ranking_model_does_none_of_these() -> None:
    assert able("bert", bert__pooling_type=4, tokenizer__chat_template="{{ x }}") == set()


def test_that_attention_both_ways_is_an_embedding() -> None:
    assert able("bert", bert__attention__causal=False) == {Capability.EMBEDDING}
    assert able("llama", bert__attention__causal=False) == {Capability.COMPLETION}


def test_that_each_capability_has_one_verdict_with_a_source() -> None:
    facts = capabilities_of("llama", {})
    assert {fact.capability for fact in facts} == set(Capability)
    assert all(fact.source for fact in facts)
