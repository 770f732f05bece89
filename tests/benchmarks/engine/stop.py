"""From Stop to a worker that computes nothing any more."""

import asyncio
import random
import time
from typing import Any

from app.domain.generation import GenerationRequest
from app.ports.engines import Engine
from app.tasks import TaskScope
from tests.benchmarks import models
from tests.benchmarks.application import Received, Witness, completion, loaded, receive, witnessed
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, median_part
from tests.benchmarks.machine import cores
from tests.benchmarks.rows import Bar, Row

GENERATING = Bar(50, "ms")
IN_A_PROMPT = Bar(100, "ms")
STOPS = 3
QUIET_SECONDS = 0.6
"""How long after a stop a computation still counts as its own."""


async def longest(path: str, threads: int, prompt_tokens: int, *, seed: int = 0) -> dict[str, Any]:
    """The longest of a few stops, while generating and in the middle of a prompt."""
    random.seed(seed)
    generating: list[float] = []
    in_prompt: list[float] = []
    with witnessed() as witness:
        async with loaded(path, threads, 4096) as engine:
            whole = await receive(engine, completion(models.words(prompt_tokens, 99), 1))
            for index in range(STOPS):
                wait = random.uniform(0.3, 0.7)
                request = completion(models.words(16, index), 2000)
                generating += await _stopped(engine, witness, request, wait, begun=True)
                wait = whole.first_seconds * random.uniform(0.15, 0.6)
                request = completion(models.words(prompt_tokens, index), 64)
                in_prompt += await _stopped(engine, witness, request, wait, begun=False)
    if len(generating) + len(in_prompt) < 2 * STOPS:
        return {"unable": "an answer ended, or hadn't begun, before it could be stopped"}
    return {"generating": max(generating), "in_prompt": max(in_prompt)}


async def _stopped(
    engine: Engine, witness: Witness, request: GenerationRequest, wait: float, *, begun: bool
) -> list[float]:
    """Seconds from Stop to the end of the last computation; none when there was none to stop."""
    tasks = TaskScope("stop")
    received = Received(0)
    task = tasks.start("receive", receive(engine, request, into=received))
    await asyncio.sleep(wait)
    if task.done() or bool(received.arrivals_ns) is not begun:
        await tasks.aclose()
        return []
    stopped_ns = time.monotonic_ns()
    await tasks.aclose()
    await asyncio.sleep(QUIET_SECONDS)
    ends = [decode.end_ns for decode in witness.decodes(stopped_ns)]
    return [max(0, max(ends, default=0) - stopped_ns) / 1e9]


def both(effort: Effort) -> list[Row]:
    """Stop while generating and in a long prompt."""
    arguments = {"path": models.small(), "threads": cores(), "prompt_tokens": 2000}
    outcome = interleave(effort.rounds, {"app": Arm(f"{__name__}:longest", arguments)})["app"]
    where = f"134M, {cores()} threads, longest of {STOPS} in a process"
    return [
        Row(
            "Stop to no more computing, while generating; in a 2,000-token prompt",
            [
                median_part(f"generating, {where}", GENERATING, outcome, "generating", scale=1000),
                median_part(f"in a prompt, {where}", IN_A_PROMPT, outcome, "in_prompt", scale=1000),
            ],
        )
    ]
