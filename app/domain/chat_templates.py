"""Where a model's chat template comes from, and its own switch for reasoning."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from app.domain.base import Frozen


class TemplateSource(StrEnum):
    """Who says how a conversation becomes a model's prompt."""

    FILE = "file"
    """The model's own file."""
    KNOWN = "known"
    """A known template that the file's vocabulary fits."""
    SCRIPT = "script"
    """Nobody: the turns are written as a plain script."""


class ChatTemplate(Frozen):
    """Which template a loaded model is asked with."""

    source: TemplateSource
    name: str = ""
    """A known template's."""


class Thinking(StrEnum):
    """How much a model is asked to reason before it answers."""

    OFF = "off"
    ON = "on"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class ThinkingSwitch(Frozen):
    """The variable of a chat template that turns reasoning on and off, or up and down."""

    variable: str
    choices: tuple[Thinking, ...]
    default: Thinking | None = None
    """What the template does when it is told nothing; None where that is yet another prompt."""

    def setting(self, thinking: Thinking | None) -> dict[str, bool | str]:
        """The variable's value for a choice; nothing for one that the template doesn't have."""
        if thinking not in self.choices:
            return {}
        flag = {Thinking.OFF: False, Thinking.ON: True}.get(thinking)
        return {self.variable: thinking.value if flag is None else flag}


SWITCHES = (
    ThinkingSwitch(variable="enable_thinking", choices=(Thinking.ON, Thinking.OFF)),
    ThinkingSwitch(variable="thinking", choices=(Thinking.ON, Thinking.OFF)),
    ThinkingSwitch(
        variable="reasoning_effort", choices=(Thinking.LOW, Thinking.MEDIUM, Thinking.HIGH)
    ),
)
"""The variables that templates use: Qwen3 and its kin, DeepSeek and Granite, gpt-oss."""


def possible_switches(template: str) -> tuple[ThinkingSwitch, ...]:
    """The switches whose variable a template mentions; rendering tells whether it heeds it."""
    return tuple(switch for switch in SWITCHES if switch.variable in template)


def switch_heeded(
    switch: ThinkingSwitch, prompts: Mapping[Thinking, str], untold: str
) -> ThinkingSwitch | None:
    """The switch with its default, where every choice makes another prompt; else None.

    Args:
        switch: what was tried.
        prompts: the same conversation as rendered for each choice.
        untold: the same without the variable.
    """
    if len(set(prompts.values())) < len(switch.choices):
        return None
    default = next((choice for choice in switch.choices if prompts[choice] == untold), None)
    return switch.model_copy(update={"default": default})


class KnownTemplate(Frozen):
    """A chat template for files that bring none."""

    name: str
    sign: str
    """The special token that only models of this format have in their vocabulary."""
    text: str


def known_template(tokens: Sequence[str]) -> KnownTemplate | None:
    """The template that fits a vocabulary with these special tokens, if one does."""
    return next((known for known in KNOWN_TEMPLATES if known.sign in tokens), None)


# Jinja drops a line break at a template's very end, unless it is printed.
_TURNS = "{% for message in messages %}"
KNOWN_TEMPLATES = (
    KnownTemplate(
        name="ChatML",
        sign="<|im_start|>",
        text=(
            f"{_TURNS}<|im_start|>{{{{ message.role }}}}\n{{{{ message.content }}}}<|im_end|>\n"
            "{% endfor %}<|im_start|>assistant{{ '\\n' }}"
        ),
    ),
    KnownTemplate(
        name="Llama 3",
        sign="<|start_header_id|>",
        text=(
            f"{{{{ bos_token }}}}{_TURNS}<|start_header_id|>{{{{ message.role }}}}<|end_header_id|>"
            "\n\n{{ message.content | trim }}<|eot_id|>{% endfor %}"
            "<|start_header_id|>assistant<|end_header_id|>{{ '\\n\\n' }}"
        ),
    ),
    KnownTemplate(
        name="Gemma",
        sign="<start_of_turn>",
        # Gemma knows no system role: its words open the first turn.
        text=(
            "{{ bos_token }}{% set first = messages[0] %}{% if first.role == 'system' %}"
            "{% set messages = messages[1:] %}{% endif %}"
            f"{_TURNS}<start_of_turn>"
            "{{ 'model' if message.role == 'assistant' else 'user' }}\n"
            "{% if loop.first and first.role == 'system' %}{{ first.content | trim }}\n\n{% endif %}"
            "{{ message.content | trim }}<end_of_turn>\n{% endfor %}<start_of_turn>model"
            "{{ '\\n' }}"
        ),
    ),
    KnownTemplate(
        name="Mistral",
        sign="[INST]",
        text=(
            "{{ bos_token }}{% set first = messages[0] %}{% if first.role == 'system' %}"
            "{% set messages = messages[1:] %}{% endif %}"
            f"{_TURNS}{{% if message.role == 'user' %}}[INST] "
            "{% if loop.last and first.role == 'system' %}{{ first.content }}\n\n{% endif %}"
            "{{ message.content }}[/INST]{% else %} {{ message.content }}{{ eos_token }}"
            "{% endif %}{% endfor %}"
        ),
    ),
)
"""Formats that a special token gives away, in the order in which they are tried."""
