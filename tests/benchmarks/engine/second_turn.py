"""What the second turn of a chat evaluates."""

from typing import Any

from tests.benchmarks import models
from tests.benchmarks.application import chat, loaded, receive, witnessed
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, worst_part
from tests.benchmarks.machine import cores
from tests.benchmarks.rows import Bar, Row, unmeasured

FIRST, ANSWER, SECOND = 1000, 24, 20
"""Tokens of the turns."""


async def evaluated(path: str, threads: int) -> dict[str, Any]:
    """Tokens that the worker computed for the second prompt, and how many of it were new."""
    question, follow_up = models.words(FIRST, 1), models.words(SECOND, 2)
    with witnessed() as witness:
        async with loaded(path, threads, 4096) as engine:
            first = await receive(engine, chat(ANSWER, question))
            second = await receive(engine, chat(1, question, first.text, follow_up))
            computed = sum(decode.tokens for decode in witness.decodes(second.submitted_ns))
    if first.stats is None or second.stats is None:
        return {"unable": "an answer has no end"}
    # The last token of the answer was chosen and not computed, so that it is new as well.
    known = first.stats.prompt_tokens + first.stats.output_tokens - 1
    return {"computed": computed, "new": second.stats.prompt_tokens - known}


def only_new(effort: Effort) -> list[Row]:
    """The tokens of the second turn against those that are new in it."""
    figure = "second turn of a 1,000-token chat: tokens evaluated"
    arm = Arm(f"{__name__}:evaluated", {"path": models.small(), "threads": cores()})
    outcome = interleave(effort.few(), {"app": arm})["app"]
    if outcome.failure:
        return [Row(figure, [unmeasured("134M", Bar(0, "tokens"), outcome.failure)])]
    new = outcome.figures("new")[0]
    part = worst_part(
        "134M", Bar(new, "tokens"), outcome.figures("computed"), note="the bar is what is new"
    )
    return [Row(figure, [part])]
