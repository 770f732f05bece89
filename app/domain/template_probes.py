"""What a chat template can say, found out by rendering it twice and comparing.

Each probe is a conversation with a mark that occurs nowhere else. What a template makes of a mark
shows whether it heeds that part of the conversation; words that merely occur in it show nothing.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from app.domain.base import Frozen
from app.domain.models import Basis, Capability, CapabilityFact, Confidence
from app.domain.reasoning import FORMATS

USER, SYSTEM, TOOL, CALL, SECOND, RESULT, THOUGHT, REPLY = (
    f"Kx{mark}qv7" for mark in ("ask", "sys", "tool", "call", "twin", "back", "muse", "said")
)
"""The marks."""


class Probe(Frozen):
    """One conversation to render."""

    name: str
    messages: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...] = ()
    variables: Mapping[str, bool | str] = {}
    generate: bool = True
    """Whether the answer's beginning is asked for."""


def probes() -> tuple[Probe, ...]:
    """Every probe; the first one is the plain conversation that the others are compared with."""
    user = {"role": "user", "content": USER}
    reply = {"role": "assistant", "content": REPLY}
    system = {"role": "system", "content": SYSTEM}
    tools = (_tool(TOOL),)
    # Templates want the arguments as an object or as its text, and ids of nine characters.
    calls = {
        f"{count}_{form}": {
            "role": "assistant",
            "content": content,
            "tool_calls": [_call(number, form) for number in range(count)],
        }
        for count in (1, 2)
        for form, content in (("object", ""), ("text", None))
    }
    results = {
        count: tuple(
            {
                "role": "tool",
                "name": TOOL,
                "tool_call_id": _call_id(number),
                "content": RESULT,
            }
            for number in range(count)
        )
        for count in (1, 2)
    }
    thought = {**reply, "reasoning_content": THOUGHT}
    marked = [
        {**reply, "content": f"{form.opening}{THOUGHT}{form.closing}{REPLY}"} for form in _MARKED
    ]
    return (
        Probe(name="plain", messages=(user,)),
        Probe(name="turns", messages=(user, reply, user)),
        Probe(name="system", messages=(system, user)),
        Probe(name="tools", messages=(user,), tools=tools),
        Probe(name="tools_system", messages=(system, user), tools=tools),
        *(
            Probe(
                name=f"call_{name}",
                messages=(user, message, *results[int(name[0])]),
                tools=tools,
            )
            for name, message in calls.items()
        ),
        Probe(name="thought", messages=(user, thought), generate=False),
        *(
            Probe(name=f"marked_{number}", messages=(user, message, user))
            for number, message in enumerate(marked)
        ),
        *(
            Probe(name=f"{variable}_{value}", messages=(user,), variables={variable: value})
            for variable, values in _SWITCHES.items()
            for value in values
        ),
    )


_MARKED = tuple(form for form in FORMATS if not form.framed)
_SWITCHES: Mapping[str, tuple[bool | str, ...]] = {
    "enable_thinking": (True, False),
    "thinking": (True, False),
    "reasoning_effort": ("low", "high"),
}


def facts_of(rendered: Mapping[str, str]) -> tuple[CapabilityFact, ...]:
    """The verdicts that follow from what a template made of the probes; none where it refused all.

    Args:
        rendered: by probe; those that it refused are left out.
    """
    if not rendered:
        return ()
    tools = any(TOOL in rendered.get(name, "") for name in ("tools", "tools_system"))
    calls = any(CALL in text for text in _calls(rendered, 1))
    both = any(CALL in text and SECOND in text for text in _calls(rendered, 2))
    thinking, why = _thinking(rendered)
    return (
        _fact(Capability.SYSTEM_ROLE, SYSTEM in rendered.get("system", ""), "a system prompt"),
        _tool_fact(tools, calls),
        _fact(Capability.PARALLEL_TOOLS, tools and both, "two calls in one turn"),
        CapabilityFact(
            capability=Capability.THINKING,
            value=thinking,
            source=why,
            basis=Basis.RENDER,
            confidence=Confidence.LIKELY,
        ),
    )


def _calls(rendered: Mapping[str, str], count: int) -> list[str]:
    return [rendered.get(f"call_{count}_{form}", "") for form in ("object", "text")]


def _tool_fact(tools: bool, calls: bool) -> CapabilityFact:
    if tools and not calls:
        return CapabilityFact(
            capability=Capability.TOOLS,
            value=True,
            source="its chat template lists tools, and doesn't show earlier calls",
            basis=Basis.RENDER,
            confidence=Confidence.LIKELY,
        )
    return _fact(Capability.TOOLS, tools, "tools and their calls")


def _thinking(rendered: Mapping[str, str]) -> tuple[bool, str]:
    for variable, values in _SWITCHES.items():
        texts = [rendered.get(f"{variable}_{value}") for value in values]
        if None not in texts and len(set(texts)) == len(texts):
            return True, f"its chat template heeds {variable}"
    plain = rendered.get("plain", "").rstrip()
    if any(plain.endswith(form.opening) for form in FORMATS):
        return True, "its chat template has every answer begin with reasoning"
    if THOUGHT in rendered.get("thought", ""):
        return True, "its chat template shows earlier reasoning"
    for number in range(len(_MARKED)):
        text = rendered.get(f"marked_{number}", "")
        if REPLY in text and THOUGHT not in text:
            return True, "its chat template leaves earlier reasoning out"
    return False, "its chat template knows no reasoning"


@cache
def _fact(capability: Capability, value: bool, what: str) -> CapabilityFact:
    verb = "shows" if value else "doesn't show"
    return CapabilityFact(
        capability=capability,
        value=value,
        source=f"its chat template {verb} {what}",
        basis=Basis.RENDER,
    )


def _tool(name: str) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "A city"}},
        "required": ["city"],
    }
    function = {"name": name, "description": f"Look up {name}", "parameters": parameters}
    return {"type": "function", "function": function}


def _call(number: int, form: str) -> dict[str, Any]:
    arguments: Any = {"city": "Oslo"} if form == "object" else '{"city": "Oslo"}'
    name = (CALL, SECOND)[number]
    function = {"name": name, "arguments": arguments}
    return {"id": _call_id(number), "type": "function", "function": function}


def _call_id(number: int) -> str:
    return f"call0000{number}"
