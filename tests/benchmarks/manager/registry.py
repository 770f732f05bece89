"""Models looked up, searched, kept and read at the start, at a thousand and a hundred thousand."""

import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.domain.models import ModelQuery
from app.manager.events import EventBus
from app.manager.registry import Registry
from app.storage.stores import Storage, open_storage
from tests.benchmarks.arms import ROOT, Arm, Outcome, environment, interleave
from tests.benchmarks.judging import Effort, median_part, pooled_part, ratio_part
from tests.benchmarks.manager.made_up import QUANTS, TUNES, spec, state_of
from tests.benchmarks.rows import Bar, Row

SMALL, LARGE = 1_000, 100_000
LOOK_UPS, WRITES = 20_000, 1_000
SEED = 7


@asynccontextmanager
async def opened(count: int) -> AsyncIterator[tuple[Storage, Registry, Path]]:
    """A registry over a copy of a state file, its background work done."""
    with tempfile.TemporaryDirectory(prefix="modelyard-benchmark-") as folder:
        path = Path(folder) / "state.db"
        _copy(state_of(count), path)
        storage = await open_storage(path)
        registry = Registry(storage.models, EventBus())
        await registry.start()
        while registry.preparing:
            await asyncio.sleep(0.05)
        yield storage, registry, path
        await registry.aclose()
        await storage.aclose()


async def looked_up(count: int) -> dict[str, Any]:
    """Microseconds of look-ups of random ids, the clock's own share included.

    Every model was asked for once before: the first time costs what building its spec does.
    """
    draw = random.Random(SEED)
    async with opened(count) as (_, registry, _path):
        ids = [item.id for item in registry.all()]
        samples = []
        for model_id in draw.choices(ids, k=LOOK_UPS):
            start = time.perf_counter_ns()
            registry.find(model_id)
            samples.append((time.perf_counter_ns() - start) / 1000)
        return {"samples": samples}


def queries(count: int) -> list[str]:
    """What people type: a family, parts of names, kinds, a copied name, a slip."""
    draw = random.Random(SEED)
    typed = ["llama", "qwen", "coder", "gemma-3", "smollm2", "nothing like it", "8b q4_k_m"]
    for _ in range(40):
        named = spec(draw.randrange(count))
        typed += [
            named.name, named.name[-6:], named.name[:9], draw.choice(TUNES),
            f"{named.architecture} {draw.choice(QUANTS)}",
            f"{draw.choice(TUNES)[:5]} {draw.choice(QUANTS)}",
        ]  # fmt: skip
    return typed


async def searched(count: int, limit: int | None) -> dict[str, Any]:
    """Milliseconds of searches, none of which knows the one before."""
    async with opened(count) as (_, registry, _path):
        samples = []
        for words in queries(count):
            start = time.perf_counter()
            registry.query(ModelQuery(words=words, limit=limit))
            samples.append((time.perf_counter() - start) * 1000)
        return {"samples": samples}


async def changed(count: int) -> dict[str, Any]:
    """Milliseconds of awaited changes, and of bare fsyncs of a file beside it, in turn."""
    draw = random.Random(SEED)
    async with opened(count) as (_, registry, path):
        ids = [model_id for model_id, _ in registry.paths()]
        changes, syncs = [], []
        bare = os.open(path.with_name("bare"), os.O_RDWR | os.O_CREAT, 0o600)
        for number in range(WRITES):
            known = registry.get(draw.choice(ids))
            other = known.model_copy(update={"size_bytes": number + 1})
            start = time.perf_counter()
            await registry.keep([other])
            changes.append((time.perf_counter() - start) * 1000)
            os.pwrite(bare, bytes(4096), number * 4096)
            start = time.perf_counter()
            os.fsync(bare)
            syncs.append((time.perf_counter() - start) * 1000)
        os.close(bare)
        more = sorted(changes)[int(0.99 * WRITES)] - sorted(syncs)[int(0.99 * WRITES)]
        return {"more": more, "median": sorted(changes)[WRITES // 2]}


FIRST_SEARCH = """
import sys, time
from app.bootstrap.state import begin_state
from app.system.paths import PERSISTENCE_PATH
beginning = begin_state({PERSISTENCE_PATH: sys.argv[1]})
state = beginning.__enter__()
import asyncio
from app.bootstrap.core import open_manager
from app.domain.models import ModelQuery
import gc, os, psutil
gc.disable()
async def main():
    async with open_manager(state.database, {}, state.opening()) as manager:
        hits = manager.models.query(ModelQuery(words="llama")).ids
        print(time.time(), len(hits), psutil.Process().memory_info().rss, flush=True)
        os._exit(0)
asyncio.run(main())
"""


def started(count: int) -> dict[str, Any]:
    """Seconds from the start of a process to its first search, and its resident bytes then."""
    with tempfile.TemporaryDirectory(prefix="modelyard-benchmark-") as folder:
        path = Path(folder) / "state.db"
        _copy(state_of(count), path)
        run = [sys.executable, "-c", FIRST_SEARCH, str(path)]
        # The first start makes the day's backup and the bytecode, the second one counts.
        surroundings = {**environment(), "PYTHONPYCACHEPREFIX": str(Path(folder) / "bytecode")}
        surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(2):
            start = time.time()
            ended = subprocess.run(
                run, check=True, capture_output=True, text=True, cwd=ROOT, env=surroundings
            )
        if not any(Path(folder, "bytecode").rglob("registry.*.pyc")):
            return {"unable": "no bytecode was kept"}
        at, hits, resident = map(float, ended.stdout.split())
        if not hits:
            return {"unable": "the search found nothing"}
        return {"seconds": at - start, "resident": resident}


def look_up(effort: Effort) -> list[Row]:
    """By id."""
    outcomes = _arms(effort, "looked_up", {f"{n:,}": {"count": n} for n in (SMALL, LARGE)})
    parts = [
        pooled_part(f"{name} models", Bar(3, "µs"), outcome, "samples", 0.99)
        for name, outcome in outcomes.items()
    ]
    return [Row("look-up by id, p99", parts)]


def search(effort: Effort) -> list[Row]:
    """By words."""
    asked: dict[str, tuple[dict[str, Any], Bar]] = {
        "first 200 of 1,000": ({"count": SMALL, "limit": 200}, Bar(0.5, "ms")),
        "first 200 of 100,000": ({"count": LARGE, "limit": 200}, Bar(2, "ms")),
        "all of 100,000": ({"count": LARGE, "limit": None}, Bar(15, "ms")),
    }
    outcomes = _arms(
        effort, "searched", {name: arguments for name, (arguments, _) in asked.items()}
    )
    parts = [
        pooled_part(name, bar, outcomes[name], "samples", 0.99) for name, (_, bar) in asked.items()
    ]
    return [Row("search, p99", parts)]


def stored(_: Effort) -> list[Row]:
    """Bytes of the file for each model."""
    outcome = Outcome([{"size": state_of(LARGE).stat().st_size / LARGE}])
    part = median_part("100,000 models", Bar(1, "KB"), outcome, "size", scale=1e-3)
    return [Row("everything known of a model, stored with its index", [part])]


def change(effort: Effort) -> list[Row]:
    """One model kept."""
    outcomes = _arms(effort, "changed", {f"{n:,}": {"count": n} for n in (SMALL, LARGE)})
    small, large = outcomes.values()
    parts = [
        median_part("p99 over fsync, 1,000", Bar(3, "ms"), small, "more"),
        median_part("p99 over fsync, 100,000", Bar(3, "ms"), large, "more"),
        ratio_part("100,000 / 1,000, median", Bar(1.25, ""), large, small, "median"),
    ]
    return [Row("one awaited change with full sync", parts)]


def start(effort: Effort) -> list[Row]:
    """From nothing to a search."""
    outcome = _arms(effort, "started", {"start": {"count": LARGE}})["start"]
    parts = [
        median_part("process start to first search", Bar(1.0, "s"), outcome, "seconds"),
        median_part("resident", Bar(250, "MB"), outcome, "resident", scale=1e-6),
    ]
    return [Row("start with 100,000 models, integrity check included", parts)]


def _copy(file: Path, to: Path) -> None:
    """Copy onto the disk: what the system still had to write would share the first fsyncs."""
    shutil.copyfile(file, to)
    with to.open("rb+") as copied:
        os.fsync(copied)


def _arms(effort: Effort, function: str, arms: dict[str, dict[str, Any]]) -> dict[str, Outcome]:
    for count in {arguments["count"] for arguments in arms.values()}:
        state_of(count)
    made = {
        name: Arm(f"{__name__}:{function}", arguments, limit=300)
        for name, arguments in arms.items()
    }
    return interleave(effort.few(), made)
