"""Asking a model to show what it can: what is asked, and whether the answer will do."""

import json
from collections.abc import Iterator
from typing import Any

from app.domain.base import Frozen
from app.domain.generation import ChatMessage, GenerationRequest, Role, Sampling
from app.domain.models import Capability

TOKENS = 400
DETAIL = 300
"""Characters of an answer that are kept where it won't do."""
CITY = "Reykjavik"


class Trial(Frozen):
    """One question."""

    capability: Capability
    question: str

    def request(self) -> GenerationRequest:
        """The question as a model is asked, with no chance in it."""
        return GenerationRequest(
            messages=(ChatMessage(role=Role.USER, text=self.question),),
            sampling=Sampling(temperature=0),
            max_tokens=TOKENS,
        )


TRIALS = (
    Trial(
        capability=Capability.JSON,
        question=(
            'Answer with one JSON object and nothing else. It has two keys: "city", the text '
            f'"{CITY}", and "population", the number 140000.'
        ),
    ),
    Trial(
        capability=Capability.TOOLS,
        question=(
            "You can call this function: "
            '{"name": "get_weather", "parameters": {"city": {"type": "string"}}}. To call it, '
            'answer with one JSON object and nothing else: {"name": ..., "arguments": {...}}. '
            f"What is the weather in {CITY}?"
        ),
    ),
)


def passes(capability: Capability, answer: str) -> bool:
    """Whether an answer shows the capability; reasoning doesn't belong to the answer."""
    match capability:
        case Capability.JSON:
            return any(
                item.get("city") == CITY and "population" in item for item in _objects(answer)
            )
        case Capability.TOOLS:
            return any(_is_call(item) for item in _objects(answer))
        case _:
            return False


def _is_call(item: dict[str, Any]) -> bool:
    arguments = item.get("arguments", item.get("parameters"))
    city = arguments.get("city") if isinstance(arguments, dict) else None
    return item.get("name") == "get_weather" and isinstance(city, str) and CITY in city


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Every JSON object in a text: models like to put a fence or a tag around it."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, dict):
                yield value
        at = text.find("{", end)
