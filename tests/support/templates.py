"""Chat templates in the styles of five families, each with what it can say and what it can't.

They are put together from parts, so that each capability is there with and without the others; some
parts only talk of what they don't do, as comments and example texts in real templates are.
"""

from typing import NamedTuple

from app.domain.models import Capability

SYSTEM, TOOLS = Capability.SYSTEM_ROLE, Capability.TOOLS
PARALLEL, THINKING = Capability.PARALLEL_TOOLS, Capability.THINKING
RENDERED = frozenset({SYSTEM, TOOLS, PARALLEL, THINKING})
"""The capabilities that rendering tells."""


class Family(NamedTuple):
    """How a family writes its turns."""

    opening: str
    turn: str
    """Around a turn's text; ROLE and TEXT stand for expressions."""
    answer: str


class Case(NamedTuple):
    """A template with its known answer."""

    name: str
    template: str
    able: frozenset[Capability]


FAMILIES = {
    "chatml": Family(
        "", "<|im_start|>{{ ROLE }}\n{{ TEXT }}<|im_end|>\n", "<|im_start|>assistant\n"
    ),
    "llama": Family(
        "{{ bos_token }}",
        "<|start_header_id|>{{ ROLE }}<|end_header_id|>\n\n{{ TEXT | trim }}<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    "gemma": Family(
        "{{ bos_token }}",
        "<start_of_turn>{{ 'model' if ROLE == 'assistant' else ROLE }}\n{{ TEXT | trim }}"
        "<end_of_turn>\n",
        "<start_of_turn>model\n",
    ),
    "mistral": Family(
        "{{ bos_token }}",
        "{% if ROLE == 'assistant' %} {{ TEXT }}{{ eos_token }}"
        "{% else %}[INST] {{ TEXT }} [/INST]{% endif %}",
        "",
    ),
    "phi": Family("", "<|{{ ROLE }}|>\n{{ TEXT }}<|end|>\n", "<|assistant|>\n"),
}

_REFUSE_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
_LIST = "{% if tools %}Tools: {% for tool in tools %}{{ tool | tojson }}{% endfor %}\n{% endif %}"
_ONE_CALL = (
    "{% if message.tool_calls %}{% if message.tool_calls | length != 1 %}"
    "{{ raise_exception('This model only supports single tool-calls at once!') }}{% endif %}"
    "<tool_call>{{ message.tool_calls[0].function | tojson }}</tool_call>{% endif %}"
)
_CALLS = (
    '{% for call in message.tool_calls or [] %}<tool_call>{"name": "{{ call.function.name }}", '
    '"arguments": {{ call.function.arguments | tojson }}}</tool_call>{% endfor %}'
)
_TEXT_CALLS = (
    "{% for call in message.tool_calls or [] %}"
    "{{ '<call>' + call['function']['name'] + call['function']['arguments'] + '</call>' }}{% endfor %}"
)
_TALK = "{# tools, tool_calls and enable_thinking are for other models #}"
_EXAMPLE = (
    "{% if false %}<tool_call>{{ tools }}</tool_call><think>{{ reasoning_content }}{% endif %}"
)
_STRIP = "(message.content or '').split('</think>')[-1]"
_TOGGLE = (
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
)
_EFFORT = "Reasoning: {{ reasoning_effort or 'medium' }}\n"
_DEEP = "{% if thinking %}<think>{% else %}</think>{% endif %}"
_SHOWN = (
    "{% if message.reasoning_content %}<think>{{ message.reasoning_content }}</think>{% endif %}"
)


def _write(
    family: Family,
    *,
    before: str = "",
    within: str = "",
    text: str = "(message.content or '')",
    after: str = "",
    system: str = "",
) -> str:
    turn = family.turn.replace("ROLE", "message.role").replace("TEXT", text)
    listed = "{% for message in messages %}" + system + within + turn
    if system:
        listed += "{% endif %}"
    ending = "{% if add_generation_prompt %}" + family.answer + after + "{% endif %}"
    return family.opening + before + listed + "{% endfor %}" + ending


_SKIP = "{% if message.role != 'system' %}"
"""Leaves a system prompt out without a word."""


def cases() -> list[Case]:
    """Every template."""
    found = []
    for name, family in FAMILIES.items():
        kinds = {
            "plain": (_write(family), {SYSTEM}),
            "talk": (_write(family, before=_TALK + _EXAMPLE, system=_SKIP), set()),
            "refusing": (_write(family, before=_REFUSE_SYSTEM + _LIST), {TOOLS}),
            "one_call": (_write(family, before=_LIST, within=_ONE_CALL), {SYSTEM, TOOLS}),
            "calls": (
                _write(family, before=_LIST, within=_CALLS, after=_TOGGLE),
                {SYSTEM, TOOLS, PARALLEL, THINKING},
            ),
            "text_calls": (
                _write(family, before=_LIST, within=_TEXT_CALLS, text=_STRIP, system=_SKIP),
                {TOOLS, PARALLEL, THINKING},
            ),
            "effort": (_write(family, before=_EFFORT, within=_SHOWN), {SYSTEM, THINKING}),
            "deep": (
                _write(
                    family, before=_REFUSE_SYSTEM, after="<think>\n" if name == "phi" else _DEEP
                ),
                {THINKING},
            ),
        }
        found += [
            Case(f"{name}_{kind}", template, frozenset(able))
            for kind, (template, able) in kinds.items()
        ]
    return found
