"""Prompts for models that bring no chat template."""

from collections.abc import Sequence

from app.domain.generation import ChatMessage, Role

SPEAKERS = {Role.SYSTEM: "System", Role.USER: "User", Role.ASSISTANT: "Assistant"}
PLAIN_STOP = (f"\n{SPEAKERS[Role.USER]}:",)
"""Where the model starts to speak for the user."""


def plain_prompt(messages: Sequence[ChatMessage]) -> str:
    """The turns as a script that a base model continues with the assistant's next line."""
    lines = [f"{SPEAKERS[turn.role]}: {turn.text}" for turn in messages]
    return "\n".join([*lines, f"{SPEAKERS[Role.ASSISTANT]}:"])
