"""Several requests at once on one model."""

import asyncio
import time
from statistics import median
from typing import Any

from app.ports.engines import Engine
from app.tasks import TaskScope
from tests.benchmarks import models
from tests.benchmarks.application import Received, completion, loaded, receive
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, median_part, ratio_part
from tests.benchmarks.machine import cores, thread_counts
from tests.benchmarks.rows import Bar, Part, Row

F16 = Bar(1.7, "ratio", at_least=True)
OTHER_TYPES = Bar(0.9, "ratio", at_least=True)
GAP = Bar(0.15, "ratio")
PROMPT = Bar(1.4, "ratio")

STREAMS = 4
REPEATS = 2
LONG_PROMPT = 2000
SIDE_BY_SIDE_SECONDS = 8.0
"""Within which streams that share a model have all begun."""


async def four_and_one(path: str, threads: int, tokens: int) -> dict[str, Any]:
    """The sum of four streams over one alone, on one loaded model, in turn."""
    async with loaded(path, threads) as engine:
        rates = [
            (await _together(engine, 1, tokens), await _together(engine, STREAMS, tokens))
            for _ in range(REPEATS)
        ]
    one, four = (median(taken) for taken in zip(*rates, strict=True))
    return {"one": one, "four": four, "ratio": four / one}


async def _together(engine: Engine, streams: int, tokens: int) -> float:
    """Tokens a second of all streams, from the first token of any to the last."""
    tasks = TaskScope("streams")
    running = [
        tasks.start(str(index), receive(engine, completion(models.words(16, index), tokens)))
        for index in range(streams)
    ]
    try:
        answers = await asyncio.gather(*running)
    finally:
        await tasks.aclose()
    stamps = sorted(stamp for answer in answers for stamp in answer.stamps_ns)
    return (len(stamps) - streams) / ((stamps[-1] - stamps[0]) / 1e9)


async def long_prompt_beside(path: str, threads: int) -> dict[str, Any]:
    """What a long prompt does to three streams, and they to it."""
    async with loaded(path, threads, 4096) as engine:
        alone = await receive(engine, completion(models.words(LONG_PROMPT, 1), 1))
        tasks = TaskScope("streams")
        streams = [Received(0) for _ in range(STREAMS - 1)]
        try:
            for index, stream in enumerate(streams):
                request = completion(models.words(16, index), 2000)
                tasks.start(str(index), receive(engine, request, into=stream))
            deadline = time.monotonic() + SIDE_BY_SIDE_SECONDS
            while not all(len(stream.arrivals_ns) > 2 for stream in streams):
                if time.monotonic() > deadline:
                    return {"unable": "three streams don't run side by side"}
                await asyncio.sleep(0.01)
            mixed = await receive(engine, completion(models.words(LONG_PROMPT, 2), 1))
            first_ns = mixed.arrivals_ns[0]
            # Every stream's next arrival, so that no gap is still open when it is looked at.
            while any(stream.arrivals_ns[-1] <= first_ns for stream in streams):
                if time.monotonic_ns() - first_ns > 5e9:
                    return {"unable": "a stream ended or stood still after the long prompt"}
                await asyncio.sleep(0.01)
        finally:
            await tasks.aclose()
        gap = max(stream.longest_gap(mixed.submitted_ns, first_ns) for stream in streams)
        return {
            "gap": gap / alone.first_seconds,
            "prompt": mixed.first_seconds / alone.first_seconds,
        }


def four_streams(effort: Effort) -> list[Row]:
    """Four streams over one, by tensor type."""
    tokens = 32 if effort.quick else 64
    parts: list[Part] = []
    for threads in thread_counts():
        arguments = {"path": models.small(), "threads": threads, "tokens": tokens}
        outcome = interleave(effort.rounds, {"app": Arm(f"{__name__}:four_and_one", arguments)})
        where = "1 thread" if threads == 1 else f"{threads} threads"
        parts.append(median_part(f"F16, {where}", F16, outcome["app"], "ratio"))
    for kind in ("Q8_0", "Q4_0"):
        arguments = {
            "path": models.small_quantised(kind),
            "threads": cores(),
            "tokens": tokens,
        }
        outcome = interleave(
            effort.rounds,
            {
                "app": Arm(f"{__name__}:four_and_one", arguments),
                "batched": Arm(
                    "tests.benchmarks.bare:streams", {**arguments, "sequences": STREAMS}
                ),
            },
        )
        parts.append(
            ratio_part(
                f"{kind}, {cores()} threads",
                OTHER_TYPES,
                outcome["app"],
                outcome["batched"],
                "ratio",
                note="four over one here / in a bare loop that batches as llama-batched-bench",
            )
        )
    return [
        Row(
            "four streams, sum / one stream: F16; other types, against llama-batched-bench's own "
            "ratio where it is at hand",
            parts,
        )
    ]


def long_prompt(effort: Effort) -> list[Row]:
    """Three streams while a fourth's long prompt is evaluated."""
    arguments = {"path": models.small(), "threads": cores()}
    arm = Arm(f"{__name__}:long_prompt_beside", arguments)
    outcome = interleave(effort.rounds, {"app": arm})["app"]
    where = f"134M, {cores()} threads"
    return [
        Row(
            "longest gap in three streams while a fourth's 2,000-token prompt is evaluated / that "
            "prompt alone; the prompt in the mix / alone",
            [
                median_part(f"longest gap, {where}", GAP, outcome, "gap"),
                median_part(f"the prompt, {where}", PROMPT, outcome, "prompt"),
            ],
        )
    ]
