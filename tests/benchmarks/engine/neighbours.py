"""Generation on a desktop where something else wants a core."""

import asyncio
import time
from statistics import median
from typing import Any

from app.tasks import TaskScope
from tests.benchmarks import models
from tests.benchmarks.application import Received, completion, loaded, receive
from tests.benchmarks.arms import Arm, Outcome, interleave
from tests.benchmarks.judging import Effort, median_part, ratio_part
from tests.benchmarks.machine import cores
from tests.benchmarks.neighbour import neighbour
from tests.benchmarks.rows import Bar, Part, Row, unmeasured

DEFAULTS = Bar(10, "ratio", at_least=True)
BUSY = Bar(0.9, "ratio", at_least=True)
QUIET = Bar(0.95, "ratio", at_least=True)
GAP = Bar(100, "ms")

SECONDS = 4.0
PROMPT = models.words(16)
ROOM = 1900
"""More tokens than a model of this size answers in the time."""


async def speed(path: str, threads: int | None, seconds: float) -> dict[str, Any]:
    """Tokens a second that arrive within some seconds; `threads` None is the automatic choice."""
    async with loaded(path, threads) as engine:
        answer = await receive(engine, completion(PROMPT, ROOM), seconds=seconds)
        return {"rate": answer.rate}


async def gap_on_arrival(path: str, before: float, after: float) -> dict[str, Any]:
    """The longest wait between arrivals when a neighbour comes in mid-generation."""
    async with loaded(path) as engine:
        tasks = TaskScope("arrival")
        received = Received(0)
        task = tasks.start(
            "receive",
            receive(engine, completion(PROMPT, ROOM), seconds=before + after, into=received),
        )
        await asyncio.sleep(before)
        if len(received.arrivals_ns) < 2 or task.done():
            await tasks.aclose()
            return {"unable": "generation wasn't under way when the neighbour came"}
        came_ns = time.monotonic_ns()
        with neighbour():
            await task
        await tasks.aclose()
        return {
            "gap": received.longest_gap(since_ns=came_ns),
            "quiet_gap": received.longest_gap(until_ns=came_ns),
        }


def thread_choices() -> list[int]:
    """The fixed counts that a person would try."""
    return sorted({1, max(1, cores() // 2), max(1, cores() - 1), cores()})


def busy_and_quiet(effort: Effort) -> list[Row]:
    """The automatic choice against llama-server's defaults and against the best fixed count."""
    seconds = 1.5 if effort.quick else SECONDS
    path = models.small()
    server = {"path": path, "threads": cores(), "prompt": PROMPT, "tokens": ROOM}
    target = f"{__name__}:speed"
    arms = {
        "defaults": Arm("tests.benchmarks.bare:generation", {**server, "seconds": seconds}, True)
    }
    for busy in (True, False):
        for threads in (None, *thread_choices()):
            arguments = {"path": path, "threads": threads, "seconds": seconds}
            arms[_key(threads, busy=busy)] = Arm(target, arguments, busy)
    outcomes = interleave(effort.rounds, arms)
    automatic = outcomes[_key(None, busy=True)]
    return [
        Row(
            "generation with one core kept busy by a process in its own session (`setsid`): "
            "automatic choice / llama-server's defaults",
            [
                ratio_part(
                    "134M",
                    DEFAULTS,
                    automatic,
                    outcomes["defaults"],
                    "rate",
                    note="tok/s; llama-server's defaults stand for the bare loop with as many "
                    f"threads as physical cores ({cores()}) and OpenMP untuned",
                )
            ],
        ),
        Row(
            "the same / best fixed thread count, over 4 s; quiet: automatic / best fixed",
            [
                _against_best("busy", BUSY, outcomes, busy=True),
                _against_best("quiet", QUIET, outcomes, busy=False),
            ],
        ),
    ]


def arrival(effort: Effort) -> list[Row]:
    """The longest gap when a neighbour arrives."""
    arguments = {"path": models.small(), "before": 1.5, "after": 1.5 if effort.quick else 3.0}
    outcome = interleave(effort.rounds, {"app": Arm(f"{__name__}:gap_on_arrival", arguments)})[
        "app"
    ]
    quiet = f"; {1000 * median(outcome.figures('quiet_gap')):.0f} before" if outcome.results else ""
    part = median_part(
        "134M, between arrivals in the app", GAP, outcome, "gap", scale=1000, note=f"ms{quiet}"
    )
    return [Row("a neighbour arriving in mid-generation: longest gap", [part])]


def _against_best(name: str, bar: Bar, outcomes: dict[str, Outcome], *, busy: bool) -> Part:
    """The automatic choice against the fixed count that turned out best."""
    fixed = {threads: outcomes[_key(threads, busy=busy)] for threads in thread_choices()}
    ran = {threads: outcome for threads, outcome in fixed.items() if not outcome.failure}
    if not ran:
        return unmeasured(name, bar, fixed[1].failure)
    best = max(ran, key=lambda threads: median(ran[threads].figures("rate")))
    note = f"tok/s; best of {', '.join(map(str, ran))} threads: {best}"
    return ratio_part(name, bar, outcomes[_key(None, busy=busy)], ran[best], "rate", note=note)


def _key(threads: int | None, *, busy: bool) -> str:
    return f"{threads or 'automatic'} {'busy' if busy else 'quiet'}"
