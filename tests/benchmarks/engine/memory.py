"""What memory models and the app take, against what was planned."""

import gc
import os
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks import models
from tests.benchmarks.application import completion, managed, receive
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, median_part
from tests.benchmarks.rows import Bar, Row, unmeasured
from tests.support.models import write_gemma, write_qwen2

DRY_RUN = Bar(1, "%")
PLANNED = Bar(1.05, "ratio")
GROWTH = Bar(2, "MB")
WARM_UP_CYCLES = 10


async def resident(paths: dict[str, str]) -> dict[str, Any]:
    """Each model's resident memory after a long prompt, over what was planned for it."""
    used = {}
    async with managed() as manager:
        for name, path in paths.items():
            model_id = await manager.library.add_file(path)
            async with manager.models.lease(model_id, "benchmark") as lease:
                await receive(lease.engine, completion(models.words(1500), 32))
                view = manager.models.instance(model_id)
                memory = lease.engine.memory()
            await manager.models.eject(model_id)
            if memory is None or view is None or not view.memory_predicted:
                return {"unable": f"{name} has no plan or no process"}
            used[name] = memory / view.memory_predicted
    return used


async def growth(path: str, cycles: int) -> dict[str, Any]:
    """Megabytes that this process gains over load and eject cycles."""
    own = psutil.Process(os.getpid())
    async with managed() as manager:
        model_id = await manager.library.add_file(path)

        async def cycle(times: int) -> float:
            for _ in range(times):
                await manager.models.load(model_id)
                await manager.models.eject(model_id)
            gc.collect()
            return own.memory_info().rss / 1e6

        before = await cycle(WARM_UP_CYCLES)
        return {"megabytes": await cycle(cycles) - before}


def dry_run(_: Effort) -> list[Row]:
    """The plan's dry run against llama.cpp's own lines."""
    return [
        Row(
            "memory plan: dry run against llama.cpp's own lines at load, eleven generated shapes "
            "(MHA, GQA, MQA, sliding window, Q4_0, K/V types, contexts, micro-batches)",
            [unmeasured("eleven shapes", DRY_RUN, "the engine has no dry run")],
        )
    ]


def against_plan(effort: Effort) -> list[Row]:
    """Resident memory over the plan."""
    paths = {
        "llama 0.3 MB": models.tiny(),
        "qwen2": _beside("qwen2", write_qwen2),
        "gemma3": _beside("gemma3", write_gemma),
        "134M F16": models.small(),
        "134M Q8_0": models.small_quantised("Q8_0"),
        "134M Q4_0": models.small_quantised("Q4_0"),
    }
    arguments = {"paths": {name: str(path) for name, path in paths.items()}}
    outcome = interleave(effort.few(), {"app": Arm(f"{__name__}:resident", arguments)})["app"]
    parts = [median_part(name, PLANNED, outcome, name) for name in paths]
    return [Row("memory plan against resident memory: used / planned", parts)]


def cycles(effort: Effort) -> list[Row]:
    """The app's memory after a hundred loads and ejects."""
    count = 20 if effort.quick else 100
    arm = Arm(f"{__name__}:growth", {"path": models.tiny(), "cycles": count})
    outcome = interleave(effort.few(5), {"app": arm})["app"]
    note = f"after {WARM_UP_CYCLES} to warm up" + (f"; {count} cycles only" if effort.quick else "")
    part = median_part("0.3 MB model", GROWTH, outcome, "megabytes", note=note)
    return [Row("app's memory after 100 load/eject cycles", [part])]


def _beside(name: str, write: Any) -> Path:
    """A small file of another architecture, kept with the others."""
    path: Path = models.folder() / f"{name}.gguf"
    if not path.exists():
        write(path)
    return path
