from typing import Any

import pytest

from app.domain.model_kinds import kind_of
from app.domain.models import Capability, CapabilityFact
from app.domain.query_language import Field, Flag, Term, completions, matcher, parse
from tests.support.fakes import spec


def finds(line: str, **fields: Any) -> bool:
    return matcher(parse(line).terms)(kind_of(spec("Tiny Coder", **fields)))


def test_that_a_line_is_told_apart_into_words_fields_and_flags() -> None:
    line = "Tiny cap:tools quant:q4_k_m size:<8GB ctx:>=32k provider:local loaded -fits coder"
    query = parse(line)
    assert (query.words, query.problems) == ("Tiny coder", ())
    assert query.terms == (
        Term(field=Field.CAPABILITY, value="tools"),
        Term(field=Field.QUANTISATION, value="q4_k_m"),
        Term(field=Field.SIZE, sign="<", number=8e9),
        Term(field=Field.CONTEXT, sign=">=", number=32_768),
        Term(field=Field.PROVIDER, value="local"),
        Term(field=Flag.LOADED),
        Term(field=Flag.FITS, negated=True),
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('"fits" "two words"', "fits two words"),
        ("http://x c:y", "http://x c:y"),
        ('"open', "open"),
        ("cap: size:", ""),
        ("   ", ""),
    ],
)
def test_that_what_is_no_field_is_a_word(line: str, words: str) -> None:
    query = parse(line)
    assert (query.words, query.terms, query.problems) == (words, (), ())


@pytest.mark.parametrize("line", ["size:<8parsecs", "ctx:long", "cap:flying", "params:-3"])
def test_that_a_field_that_is_not_understood_is_told_and_asks_for_nothing(line: str) -> None:
    query = parse(line)
    assert len(query.problems) == 1
    assert query.simple


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ctx:>=4k", True),
        ("ctx:>4k", False),
        ("ctx:8k", False),
        ("params:1B", True),
        ("params:=2B", False),
        ("params:<9b", True),
        ("quant:q4", True),
        ("quant:Q8_0", False),
        ("-quant:q8", True),
        ("cap:chat", True),
        ("cap:tools", False),
        ("-cap:tools cap:chat", True),
        ("provider:loc arch:ll", True),
        ("status:available", True),
    ],
)
def test_that_terms_ask_for_what_they_say(line: str, found: bool) -> None:
    assert finds(line) is found


def test_that_what_is_not_known_of_a_model_is_not_found_by_a_number() -> None:
    assert not finds("ctx:<1m", context_length=None)
    assert finds("-ctx:<1m", context_length=None)


def test_that_every_capability_can_be_asked_for() -> None:
    for capability in Capability:
        fact = CapabilityFact(capability=capability, value=True, source="x")
        assert finds(f"cap:{capability.replace('_', '-')}", capabilities=(fact,))


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("qu", ["quant:"]),
        ("lo", ["loaded"]),
        ("tiny cap:to", ["tools"]),
        ("-cap:comp", ["completion"]),
        ("quant:q", ["q4_k_m", "q8_0"]),
        ("quant:q4_k_m", []),
        ("tag:", ["work"]),
        ("nothing:x", []),
        ("tiny ", []),
        ("size:", ["<4GB", "<8GB", "<16GB", ">8GB"]),
    ],
)
def test_that_a_word_is_completed_as_it_is_typed(line: str, offered: list[str]) -> None:
    values = {Field.QUANTISATION: ["Q4_K_M", "Q8_0"], Field.TAG: ["work"]}
    found = completions(line, len(line), values)
    assert [completion.text for completion in found] == offered
    for completion in found:
        whole = line[: completion.start] + completion.text
        assert whole.startswith(line[: completion.start])
