"""Generation and prompt evaluation, received in the app's process, against loops with no app."""

from pathlib import Path
from typing import Any

from tests.benchmarks import models
from tests.benchmarks.application import completion, loaded, receive
from tests.benchmarks.arms import Arm, Outcome, interleave
from tests.benchmarks.judging import Effort, ratio_part
from tests.benchmarks.machine import cores, thread_counts
from tests.benchmarks.rows import Bar, Part, Row

ONE_THREAD = Bar(0.98, "ratio", at_least=True)
ALL_CORES = Bar(0.97, "ratio", at_least=True)
TINY = Bar(0.85, "ratio", at_least=True)
PROMPT = Bar(0.97, "ratio", at_least=True)
COMPLETION = Bar(1.05, "ratio", at_least=True)


async def received(path: str, threads: int, prompt: str, tokens: int) -> dict[str, Any]:
    """A prompt and its answer as they reach the app's process."""
    context = 4096 if len(prompt) + tokens > 2000 else 2048
    async with loaded(path, threads, context) as engine:
        answer = await receive(engine, completion(prompt, tokens))
    if answer.stats is None or sum(answer.counts) != tokens:
        return {"unable": f"{sum(answer.counts)} tokens came instead of {tokens}"}
    prompt_tokens = answer.stats.prompt_tokens
    return {
        "prompt_tokens": prompt_tokens,
        "prompt_rate": prompt_tokens / answer.first_seconds,
        "rate": answer.rate,
    }


def against_bare(effort: Effort) -> list[Row]:
    """Generation and prompt evaluation of the two larger models."""
    generation: list[Part] = []
    prompt: list[Part] = []
    for threads in thread_counts():
        bar = ONE_THREAD if threads == 1 else ALL_CORES
        where = "1 thread" if threads == 1 else f"{threads} threads"
        for name, path, prompt_tokens, tokens in (
            ("134M", models.small(), 512, 96),
            ("600M", models.medium(), 128, 32),
        ):
            outcomes = _compared(effort, path, threads, prompt_tokens, tokens)
            sides = outcomes["app"], outcomes["bare"]
            twin = outcomes.get("twin")
            part = f"{name}, {where}"
            generation.append(ratio_part(part, bar, *sides, "rate", twin=twin, note="tok/s"))
            prompt.append(
                ratio_part(
                    f"{part}, {prompt_tokens} tokens",
                    PROMPT,
                    *sides,
                    "prompt_rate",
                    twin=twin,
                    note="tok/s from the request to the first token",
                )
            )
    return [
        Row(
            "generation, tokens received in the app's process / bare low-level loop: "
            "134M and 600M, one thread; all cores",
            generation,
        ),
        Row("prompt evaluation / bare loop", prompt),
    ]


def tiny_against_bare(effort: Effort) -> list[Row]:
    """Generation of a model so small that what surrounds the computing shows most."""
    parts = []
    for threads in thread_counts():
        outcomes = _compared(effort, models.tiny(), threads, 16, 1500)
        where = "1 thread" if threads == 1 else f"{threads} threads"
        parts.append(
            ratio_part(
                where,
                TINY,
                outcomes["app"],
                outcomes["bare"],
                "rate",
                twin=outcomes.get("twin"),
                note="tok/s",
            )
        )
    return [Row("the same on the 0.3 MB model", parts)]


def against_completion(effort: Effort) -> list[Row]:
    """A long answer against the API that most programs around this binding use."""
    arguments = {
        "path": models.small(),
        "threads": cores(),
        "prompt": models.words(16),
        "tokens": 256 if effort.quick else 1024,
    }
    outcomes = interleave(
        effort.rounds,
        {
            "app": Arm(f"{__name__}:received", arguments, limit=300),
            "create_completion": Arm("tests.benchmarks.bare:completion", arguments, limit=300),
        },
    )
    part = ratio_part(
        f"134M, {cores()} threads",
        COMPLETION,
        outcomes["app"],
        outcomes["create_completion"],
        "rate",
        note="tok/s" + (", 256 tokens only" if effort.quick else ""),
    )
    return [Row("generation of 1,024 tokens / `Llama.create_completion` streamed", [part])]


def _compared(
    effort: Effort, path: Path, threads: int, prompt_tokens: int, tokens: int
) -> dict[str, Outcome]:
    arguments = {
        "path": path,
        "threads": threads,
        "prompt": models.words(prompt_tokens),
        "tokens": tokens,
    }
    bare = Arm("tests.benchmarks.bare:generation", arguments)
    arms = {"bare": bare, "app": Arm(f"{__name__}:received", arguments)}
    if path != models.medium():
        arms["twin"] = bare
    outcomes = interleave(effort.rounds, arms)
    counts = {
        round_["prompt_tokens"] for outcome in outcomes.values() for round_ in outcome.results
    }
    if len(counts) > 1:
        outcomes["app"].failure = f"the arms took different prompts: {sorted(counts)} tokens"
    return outcomes
