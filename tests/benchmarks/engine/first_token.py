"""What the app adds to a prompt's own computing before the first token is there."""

from typing import Any

from tests.benchmarks import models
from tests.benchmarks.application import chat, loaded, receive, witnessed
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, pooled_part
from tests.benchmarks.machine import thread_counts
from tests.benchmarks.rows import Bar, Part, Row

MEDIAN = Bar(2, "ms")
MOST = Bar(5, "ms")
REQUESTS = 12


async def outside_decode(path: str, threads: int, prompt_tokens: int) -> dict[str, Any]:
    """Seconds from a request to its first token that weren't spent in llama.cpp's decode.

    Rendering the chat template, tokenising, choosing the token and both ways through the pipes
    count. The first request, which starts the template process, is left out.
    """
    outside: list[float] = []
    with witnessed() as witness:
        async with loaded(path, threads) as engine:
            for index in range(REQUESTS + 1):
                request = chat(4, models.words(prompt_tokens, seed=index))
                answer = await receive(engine, request)
                first_ns = answer.arrivals_ns[0]
                own = sum(
                    min(decode.end_ns, first_ns) - max(decode.start_ns, answer.submitted_ns)
                    for decode in witness.decodes(answer.submitted_ns)
                    if decode.start_ns < first_ns
                    # What follows the first token runs while that is on its way.
                    and decode.start_ns < answer.stamps_ns[0]
                )
                if own <= 0:
                    return {"unable": "no computation was seen before the first token"}
                outside.append(answer.first_seconds - own / 1e9)
    return {"outside": outside[1:]}


def overhead(effort: Effort) -> list[Row]:
    """First token's time outside its own decode, with one thread and with all cores."""
    parts: list[Part] = []
    for threads in thread_counts():
        arguments = {"path": models.small(), "threads": threads, "prompt_tokens": 60}
        arm = Arm(f"{__name__}:outside_decode", arguments)
        outcome = interleave(effort.rounds, {"app": arm})["app"]
        where = "1 thread" if threads == 1 else f"{threads} threads"
        for name, bar, share in (("median", MEDIAN, 0.5), ("p90", MOST, 0.9)):
            parts.append(
                pooled_part(f"{name}, {where}", bar, outcome, "outside", share, scale=1000)
            )
    return [Row("first token: time outside its own decode, median; p90", parts)]
