"""From a load request to a model that answers."""

import asyncio
import time
from statistics import median
from typing import Any

from tests.benchmarks import models
from tests.benchmarks.application import managed
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, median_part
from tests.benchmarks.machine import cores
from tests.benchmarks.rows import Bar, Row

TINY = Bar(60, "ms")
SMALL = Bar(160, "ms")
IDLE_SECONDS = 2.0


async def load_seconds(paths: dict[str, str]) -> dict[str, Any]:
    """Seconds that the manager takes to make each model READY, its files in the page cache."""
    seconds = {}
    async with managed() as manager:
        for name, path in paths.items():
            model_id = await manager.library.add_file(path)
            for _ in range(2):
                # The second counts: the first has brought the file into the page cache. Between
                # them the app is idle for a moment, as with a person who picks the next model.
                await asyncio.sleep(IDLE_SECONDS)
                start = time.perf_counter()
                await manager.models.load(model_id)
                seconds[name] = time.perf_counter() - start
                await manager.models.eject(model_id)
    return seconds


def after_request(effort: Effort) -> list[Row]:
    """Ready after a load request, each round in a fresh app process and a fresh worker."""
    arguments = {"paths": {"tiny": str(models.tiny()), "small": str(models.small())}}
    bare = {"path": str(models.small()), "threads": cores()}
    arms = {
        "app": Arm(f"{__name__}:load_seconds", arguments),
        "bare": Arm("tests.benchmarks.bare:ready", bare),
    }
    outcomes = interleave(effort.rounds, arms)
    outcome, bare_seconds = outcomes["app"], outcomes["bare"].figures("seconds")
    own = f"{1000 * median(bare_seconds):.0f} of them llama.cpp's own" if bare_seconds else ""
    return [
        Row(
            "ready after a load request, 0.3 MB model; 134M, page cache warm",
            [
                median_part("0.3 MB", TINY, outcome, "tiny", scale=1000),
                median_part("134M", SMALL, outcome, "small", scale=1000, note=own),
            ],
        )
    ]
