"""Templates render as their authors expect, and reach nothing else."""

import pytest
from jinja2 import TemplateError

from app.worker import template
from app.worker.protocol import Refused, Render, Rendered
from tests.support.models import CHAT_TEMPLATE

TURNS = [{"role": "user", "content": "Hi"}]
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}


def rendered(source: str) -> str:
    return template.render(Render(source, TURNS, SPECIAL))


def test_that_a_chatml_template_renders():
    assert rendered(CHAT_TEMPLATE) == "<s><|im_start|>user\nHi</s>\n<|im_start|>assistant\n"


def test_that_blocks_leave_no_blank_lines():
    assert rendered("{% if true %}\n    {% set x = 1 %}\n{{ x }}\n{% endif %}\n") == "1\n"


def test_that_templates_may_leave_a_loop_early():
    assert (
        rendered("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}")
        == "01"
    )


def test_that_json_is_written_without_html_escapes():
    assert rendered("{{ {'a': '<b> é'} | tojson }}") == '{"a": "<b> é"}'


def test_that_templates_know_the_date():
    assert rendered("{{ strftime_now('%Y') }}").isdigit()


def test_that_training_marks_are_passed_over():
    assert rendered("a{% generation %}{{ bos_token }}{% endgeneration %}b") == "a<s>b"


def test_that_tools_are_known_to_be_none():
    assert rendered("{% if tools is none and documents is none %}plain{% endif %}") == "plain"


def test_that_a_template_may_refuse_with_its_own_words():
    with pytest.raises(TemplateError, match="no system role"):
        rendered("{{ raise_exception('no system role') }}")


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ raise_exception.__globals__ }}",
        "{{ messages.append(1) }}",
        "{{ '%s'.__mod__ }}{{ self._TemplateReference__context.environment.globals }}",
        "{{ ('{0.__class__}').format(1) | upper }}",
    ],
)
def test_that_an_escape_from_the_sandbox_is_refused(source):
    said = template.answer(Render(source, TURNS, SPECIAL))
    # What the sandbox takes for undefined renders as nothing: refused either way.
    assert isinstance(said, Refused) or said == Rendered("")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{% if %}", "Expected an expression"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "RecursionError"),
        ("{% for i in range(99999) %}{{ 'x' * 99 }}{% endfor %}", "grew past"),
    ],
)
def test_that_a_template_that_fails_is_refused_with_its_reason(source, says):
    said = template.answer(Render(source, TURNS, SPECIAL))
    assert isinstance(said, Refused)
    assert says in said.detail


def test_that_a_long_reason_is_cut():
    said = template.answer(Render("{{ raise_exception('x' * 9999) }}", TURNS, SPECIAL))
    assert said.detail == "x" * template.REASON_LENGTH
    said = template.answer(Render("{{ {}['x' * 9999].y }}", TURNS, SPECIAL))
    assert len(said.detail) == template.REASON_LENGTH
