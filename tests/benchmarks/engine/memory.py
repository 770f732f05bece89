"""What memory models and the app take, against what was planned."""

import gc
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from app.domain.load_settings import LoadSettings
from app.domain.memory_plans import MemoryPart, PlanSource
from app.domain.models import ModelId, ModelSpec
from app.library.discovery import LocalModelFiles
from app.manager.manager import Manager
from app.providers.llama_cpp import LlamaCppProvider, load_request
from app.providers.templates import TemplateProcess
from app.system.processes import WorkerProcesses
from app.tasks import in_daemon_thread
from tests.benchmarks import models
from tests.benchmarks.application import completion, managed, receive
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, median_part, worst_part
from tests.benchmarks.models import Shape
from tests.benchmarks.rows import Bar, Row, unmeasured
from tests.support.models import write_gemma, write_qwen2

DRY_RUN = Bar(1, "%")
PLANNED = Bar(1.05, "ratio")
GROWTH = Bar(2, "MB")
WARM_UP_CYCLES = 10

TIERS = {
    PlanSource.FORMULA: "formula",
    PlanSource.DRY_RUN: "dry run",
    PlanSource.MEASURED: "measured before",
}
BUFFER = re.compile(r" (model|KV|RS|compute|output) buffer size = +([\d.]+) MiB")
BUFFERS = {
    "model": MemoryPart.WEIGHTS,
    "KV": MemoryPart.CACHE,
    "RS": MemoryPart.CACHE,
    "compute": MemoryPart.COMPUTE,
    "output": MemoryPart.COMPUTE,
}
"""The parts of a plan by what llama.cpp calls their buffers."""

MANY = Shape(6, 512, 8, 8, 64, 1024, 8192)
GROUPED = Shape(6, 512, 8, 2, 64, 1024, 8192)
SINGLE = Shape(6, 512, 8, 1, 64, 1024, 8192, architecture="qwen3")
SHAPES: dict[str, tuple[Shape | None, str, dict[str, Any]]] = {
    "MHA": (MANY, "F16", {}),
    "GQA": (GROUPED, "F16", {}),
    "MQA": (SINGLE, "F16", {}),
    "sliding window": (None, "F16", {}),
    "Q4_0": (GROUPED, "Q4_0", {}),
    "Q4_K_M": (GROUPED, "Q4_K_M", {}),
    "K Q8_0, V Q4_0": (GROUPED, "F16", {"cache_type_k": "q8_0", "cache_type_v": "q4_0"}),
    "context 1,000, one slot": (MANY, "F16", {"context_length": 1000, "slots": 1}),
    "context 8,192, eight slots": (SINGLE, "F16", {"context_length": 8192, "slots": 8}),
    "micro-batch 2,048": (GROUPED, "Q8_0", {"micro_batch": 2048}),
    "no flash attention, micro-batch 64": (
        GROUPED, "F16", {"flash_attention": False, "micro_batch": 64},
    ),
}  # fmt: skip
"""What is planned and really loaded: a shape, its tensor types and load settings."""


async def resident(paths: dict[str, str]) -> dict[str, Any]:
    """Each model's resident memory after a long prompt, over what each tier planned for it."""
    used = {}
    async with managed() as manager:
        for name, path in paths.items():
            model_id = await manager.library.add_file(path)
            formula = manager.memory.plan(model_id)
            dry = await manager.memory.run_dry(model_id)
            memory = await _in_use(manager, model_id)
            measured = manager.memory.plan(model_id)
            again = await _in_use(manager, model_id)
            if memory is None or again is None:
                return {"unable": f"{name} has no process"}
            for plan, taken in ((formula, memory), (dry, memory), (measured, again)):
                used[f"{name}, {TIERS[plan.source]}"] = taken / plan.host
    return used


async def _in_use(manager: Manager, model_id: ModelId) -> int | None:
    async with manager.models.lease(model_id, "benchmark") as lease:
        await receive(lease.engine, completion(models.words(1500), 32))
        memory = lease.engine.memory()
    await manager.models.eject(model_id)
    return memory


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


async def planned(shapes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """How far each shape's dry run is from what a real load's own lines say, in per cent."""
    errors = {}
    workers = WorkerProcesses()
    templates = TemplateProcess(workers)
    try:
        provider = LlamaCppProvider(workers, templates)
        for name, shape in shapes.items():
            (spec,) = (await LocalModelFiles().read(shape["path"])).specs
            settings = LoadSettings.model_validate(shape["settings"])
            plan = await provider.plan_memory(spec, settings)
            lines = await in_daemon_thread(own_lines, spec, settings)
            errors[name] = max(
                100 * abs(plan.part(part) / size - 1) for part, size in lines.items() if size
            )
    finally:
        await templates.aclose()
        await workers.aclose()
    return {"errors": errors}


def own_lines(spec: ModelSpec, settings: LoadSettings) -> dict[MemoryPart, float]:
    """What llama.cpp logs of its buffers while it really loads a model, in a process of its own."""
    request = load_request(spec, settings, embedding=spec.embeds_only, cores=None)
    code = (
        "import json, sys; from app.worker.llama_context import LlamaContext; "
        "from app.worker.llama_model import LlamaModel; from app.worker.protocol import Load; "
        "load = Load(**json.loads(sys.argv[1])); "
        "LlamaContext(LlamaModel(load, lambda _: None), load, lambda: None)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, json.dumps(request._asdict())],
        capture_output=True,
        check=True,
        text=True,
    )
    sizes = dict.fromkeys((MemoryPart.WEIGHTS, MemoryPart.CACHE, MemoryPart.COMPUTE), 0.0)
    for line in ended.stderr.splitlines():
        if found := BUFFER.search(line):
            sizes[BUFFERS[found[1]]] += float(found[2]) * 2**20
    return sizes


def dry_run(_: Effort) -> list[Row]:
    """The plan's dry run against llama.cpp's own lines; nothing in it varies, so one round."""
    shapes = {
        name: {"path": _generated(shape, kind), "settings": settings}
        for name, (shape, kind, settings) in SHAPES.items()
    }
    outcome = interleave(1, {"dry run": Arm(f"{__name__}:planned", {"shapes": shapes})})["dry run"]
    parts = [
        unmeasured(name, DRY_RUN, outcome.failure)
        if outcome.failure
        else worst_part(
            name,
            DRY_RUN,
            [outcome.results[0]["errors"][name]],
            "the worst of weights, cache and scratch",
        )
        for name in SHAPES
    ]
    return [
        Row(
            "memory plan: dry run against llama.cpp's own lines at load, eleven generated shapes "
            "(MHA, GQA, MQA, sliding window, Q4_0, K/V types, contexts, micro-batches)",
            parts,
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
    outcome = interleave(effort.few(), {"app": Arm(f"{__name__}:resident", arguments, limit=400)})[
        "app"
    ]
    names = [f"{name}, {tier}" for name in paths for tier in TIERS.values()]
    parts = [median_part(name, PLANNED, outcome, name) for name in names]
    return [Row("memory plan against resident memory: used / planned", parts)]


def cycles(effort: Effort) -> list[Row]:
    """The app's memory after a hundred loads and ejects."""
    count = 20 if effort.quick else 100
    arm = Arm(f"{__name__}:growth", {"path": models.tiny(), "cycles": count})
    outcome = interleave(effort.few(5), {"app": arm})["app"]
    note = f"after {WARM_UP_CYCLES} to warm up" + (f"; {count} cycles only" if effort.quick else "")
    part = median_part("0.3 MB model", GROWTH, outcome, "megabytes", note=note)
    return [Row("app's memory after 100 load/eject cycles", [part])]


def _generated(shape: Shape | None, kind: str) -> Path:
    """A model of some 20 MB in one of these shapes; None is a gemma3 with a sliding window."""
    if shape is None:
        return _beside("gemma3", write_gemma)
    name = f"plan-{shape.architecture}-{shape.heads}-{shape.kv_heads}-{shape.head_length}"
    source = models.kept(name, lambda path: models.write(path, shape, name))
    if kind == "F16":
        return source
    return models.kept(f"{name}-{kind}", lambda path: models.quantise(source, path, kind))


def _beside(name: str, write: Any) -> Path:
    """A small file of another architecture, kept with the others."""
    path: Path = models.folder() / f"{name}.gguf"
    if not path.exists():
        write(path)
    return path
