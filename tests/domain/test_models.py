"""Finding, merging and asking specs."""

import pytest
from pydantic import ValidationError

from app.domain.models import (
    Capability,
    CapabilityFact,
    ModelId,
    ModelSpec,
    merge_found,
    search,
)


def spec(**fields) -> ModelSpec:
    return ModelSpec(**{"id": ModelId("local:1"), "provider": "local", "name": "tiny", **fields})


def test_that_a_spec_is_a_value():
    assert spec() == spec()
    assert hash(spec()) == hash(spec())
    with pytest.raises(ValidationError):
        spec().name = "other"
    with pytest.raises(ValidationError):
        spec(unheard_of=1)


def test_that_a_capability_counts_only_with_evidence_for_it():
    facts = (
        CapabilityFact(capability=Capability.CHAT, value=True, source="template"),
        CapabilityFact(capability=Capability.EMBEDDING, value=False, source="pooling"),
    )
    model = spec(capabilities=facts)
    assert model.can(Capability.CHAT)
    assert not model.can(Capability.EMBEDDING)
    assert not model.can(Capability.COMPLETION)


def test_that_a_found_model_nobody_knew_is_taken_as_it_is():
    found = spec(path="/a.gguf")
    assert merge_found(None, found, known_path_exists=False) == found


def test_that_a_second_file_becomes_a_copy_and_the_first_path_stays():
    known = spec(path="/a.gguf", modified_ns=1)
    found = spec(path="/b.gguf", modified_ns=2, architecture="llama")
    merged = merge_found(known, found, known_path_exists=True)
    assert merged.path == "/a.gguf"
    assert merged.modified_ns == 1
    assert merged.copies == ("/b.gguf",)
    assert merged.architecture == "llama"


def test_that_finding_two_copies_in_turn_settles():
    first, second = spec(path="/a.gguf"), spec(path="/b.gguf")
    merged = merge_found(first, second, known_path_exists=True)
    for found in (first, second, first, second):
        merged = merge_found(merged, found, known_path_exists=True)
    assert merged.path == "/a.gguf"
    assert merged.copies == ("/b.gguf",)


def test_that_a_moved_file_keeps_its_id_and_takes_the_new_path():
    known = spec(path="/old.gguf", copies=("/new.gguf", "/third.gguf"))
    merged = merge_found(known, spec(path="/new.gguf"), known_path_exists=False)
    assert merged.id == known.id
    assert merged.path == "/new.gguf"
    assert merged.copies == ("/third.gguf",)


MODELS = (
    spec(id="local:1", name="Qwen2 0.5B", architecture="qwen2", quantisation="Q4_K_M"),
    spec(id="local:2", name="Gemma", architecture="gemma", path="/models/STRASSE/g.gguf"),
    spec(id="openai:x", provider="openai", name="GPT"),
)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", ["Qwen2 0.5B", "Gemma", "GPT"]),
        ("  ", ["Qwen2 0.5B", "Gemma", "GPT"]),
        ("QWEN", ["Qwen2 0.5B"]),
        ("q4 qwen", ["Qwen2 0.5B"]),
        ("q4 gemma", []),
        ("straße", ["Gemma"]),
        ("openai", ["GPT"]),
        ("local", ["Qwen2 0.5B", "Gemma"]),
    ],
)
def test_that_a_search_finds_what_has_every_word_in_the_order_given(words, names):
    assert [model.name for model in search(MODELS, words)] == names


def test_that_a_word_is_not_found_across_two_attributes():
    assert search([spec(name="abc", architecture="def")], "cdef") == []
