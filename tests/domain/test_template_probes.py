from app.domain.models import Basis, Capability, verdicts
from app.domain.template_probes import facts_of, probes


def test_that_each_probe_has_a_name_of_its_own() -> None:
    names = [probe.name for probe in probes()]
    assert len(set(names)) == len(names)


def test_that_nothing_is_known_of_a_template_that_renders_nothing() -> None:
    assert facts_of({}) == ()


def test_that_every_verdict_says_that_it_was_rendered() -> None:
    facts = facts_of({"plain": "x"})
    assert {fact.basis for fact in facts} == {Basis.RENDER}
    assert not any(fact.value for fact in facts)


def test_that_listed_tools_without_calls_are_likely_only() -> None:
    rendered = {probe.name: repr((probe.messages, probe.tools)) for probe in probes()}
    certain = verdicts(facts_of(rendered))[Capability.TOOLS]
    only_listed = {name: text for name, text in rendered.items() if not name.startswith("call")}
    likely = verdicts(facts_of(only_listed))[Capability.TOOLS]
    assert (certain.value, likely.value) == (True, True)
    assert certain.confidence != likely.confidence
