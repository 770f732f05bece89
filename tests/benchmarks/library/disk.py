"""Files on the disk: ten thousand small ones, a large vocabulary, and twenty thousand broken ones."""

import asyncio
import tempfile
import time
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

from app.bootstrap.core import open_manager
from app.domain.errors import AppError
from app.domain.events import ModelsChanged, ScanFinished
from app.domain.load_settings import LoadSettings
from app.gguf.reader import read_header
from app.library.found import FoundFile, FoundModel
from app.library.specs import read_model
from app.providers.llama_cpp import LlamaCppProvider
from app.providers.templates import TemplateProcess
from app.system.processes import WorkerProcesses
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, median_part, ratio_part, worst_part
from tests.benchmarks.rows import Bar, Row, unmeasured
from tests.support import headers, mutations

FILES, FOLDERS = 10_000, 20
TOKENS = 150_000
MUTATIONS, SLICE = 20_000, 2_000
LOADS, LOADS_QUICK = 100, 10
"""Broken models that the reader lets through, each loaded by a worker of its own."""
READS = 20
SEED = 5


def nested() -> Path:
    """A folder with so many small models in nested folders, made once."""
    base = Path(tempfile.gettempdir()) / "modelyard-benchmarks" / f"library-{FILES}"
    if not (base / "whole").exists():
        for number in range(FILES):
            inner, deep = divmod(number // (FILES // FOLDERS**2), FOLDERS)
            folder = base / "models" / f"maker {inner}" / f"model {deep}"
            folder.mkdir(parents=True, exist_ok=True)
            name = headers.key("general.name", headers.STRING, f"Model {number}")
            headers.write(folder / f"{number}.gguf", headers.model_keys(name=name))
        (base / "whole").touch()
    return base / "models"


async def scanned() -> dict[str, Any]:
    """Seconds to the first rows, to all of them, and of a scan in which nothing has changed."""
    with tempfile.TemporaryDirectory(prefix="modelyard-benchmark-") as state:
        async with open_manager(Path(state) / "state.db", {}) as manager:
            loop, ended = asyncio.get_running_loop(), asyncio.Event()
            first: list[float] = []
            start = time.perf_counter()

            def take() -> None:
                for item in subscription.take():
                    if isinstance(item.event, ModelsChanged) and not first:
                        first.append(time.perf_counter() - start)
                    if isinstance(item.event, ScanFinished):
                        ended.set()

            subscription = manager.events.subscribe(lambda: loop.call_soon(take))
            await manager.library.add_folder(str(nested()))
            await ended.wait()
            whole = time.perf_counter() - start
            if len(manager.models.search()) != FILES:
                return {"unable": "not every model was found"}
            while manager._registry.preparing:
                await asyncio.sleep(0.05)
            ended.clear()
            start = time.perf_counter()
            await manager.library.rescan()
            await ended.wait()
            return {"first": first[0], "all": whole, "again": time.perf_counter() - start}


def read_vocabulary(path: str) -> dict[str, Any]:
    """Seconds that a header takes, and the memory at its height."""
    start = time.perf_counter()
    for _ in range(READS):
        read_header(path)
    seconds = (time.perf_counter() - start) / READS
    tracemalloc.start()
    read_header(path)
    return {"seconds": seconds, "peak": tracemalloc.get_traced_memory()[1]}


def read_vocabulary_by_gguf(path: str) -> dict[str, Any]:
    """Seconds that the reader of the gguf package takes."""
    from gguf import GGUFReader

    start = time.perf_counter()
    GGUFReader(path)
    return {"seconds": time.perf_counter() - start}


def read_mutated(count: int, seed: int) -> dict[str, Any]:
    """The worst second and byte among broken files, and how many ended in no known way."""
    seconds, peak, unknown, refused = 0.0, 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="modelyard-benchmark-") as folder:
        for path in mutations.write_mutated(Path(folder), count, seed):
            found = FoundModel((FoundFile(str(path), path.stat().st_size, 0),))
            start = time.perf_counter()
            spec = read_model(found).spec()
            seconds = max(seconds, time.perf_counter() - start)
            if spec is not None and spec.reason:
                refused += 1
                unknown += spec.fault is None
        tracemalloc.start()
        for path in Path(folder).iterdir():
            tracemalloc.reset_peak()
            read_model(FoundModel((FoundFile(str(path), path.stat().st_size, 0),)))
            peak = max(peak, tracemalloc.get_traced_memory()[1])
    return {"seconds": seconds, "peak": peak, "unknown": unknown, "refused": refused}


async def load_mutated(count: int, seed: int) -> dict[str, Any]:
    """How broken models fared that the reader lets through: loaded, refused, or worse."""
    processes = WorkerProcesses()
    templates = TemplateProcess(processes)
    provider = LlamaCppProvider(processes, templates, cores=1)
    fared: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="modelyard-benchmark-") as folder:
        for path in mutations.write_mutated_models(Path(folder), count * 20, seed):
            found = FoundModel((FoundFile(str(path), path.stat().st_size, 0),))
            spec = read_model(found).spec()
            if spec is None or spec.reason:
                continue
            try:
                engine = await provider.load(spec, LoadSettings(), lambda _: None)
                await engine.close()
                fared["loaded"] += 1
            except AppError as error:
                fared["refused" if error.what and error.remedy else "unexplained"] += 1
            if fared.total() >= count:
                break
    await templates.aclose()
    await processes.aclose()
    return {**dict.fromkeys(("loaded", "refused", "unexplained"), 0), **fared}


def scans(effort: Effort) -> list[Row]:
    """Ten thousand files."""
    nested()
    outcome = interleave(effort.few(), {"scan": Arm(f"{__name__}:scanned")})["scan"]
    return [
        Row(
            f"{FILES:,} small files in nested folders",
            [
                median_part("first rows", Bar(0.1, "s"), outcome, "first"),
                median_part("all", Bar(3, "s"), outcome, "all"),
            ],
        ),
        Row(
            f"rescan of {FILES:,} unchanged files",
            [median_part("rescan", Bar(0.25, "s"), outcome, "again")],
        ),
    ]


def vocabulary(effort: Effort) -> list[Row]:
    """A large vocabulary."""
    with tempfile.TemporaryDirectory(prefix="modelyard-benchmark-") as folder:
        path = headers.write_large_vocabulary(Path(folder) / "a.gguf", TOKENS)
        outcomes = interleave(
            effort.few(),
            {
                name: Arm(f"{__name__}:{name}", {"path": str(path)})
                for name in ("read_vocabulary", "read_vocabulary_by_gguf")
            },
        )
    ours, theirs = outcomes.values()
    faster = ratio_part(
        "gguf.GGUFReader / ours", Bar(100, "", at_least=True), theirs, ours, "seconds"
    )
    memory = median_part("memory", Bar(4, "MB"), ours, "peak", scale=1e-6)
    return [Row(f"header of a {TOKENS:,}-token vocabulary", [faster, memory])]


def mutations_arms(count: int) -> dict[str, Arm]:
    """The arms that read so many broken files between them."""
    return {
        f"{seed}": Arm(f"{__name__}:read_mutated", {"count": SLICE, "seed": SEED + seed})
        for seed in range(count // SLICE)
    }


def load_arms(count: int) -> dict[str, Arm]:
    """The arm that has so many broken files loaded by real worker processes."""
    return {"loads": Arm(f"{__name__}:load_mutated", {"count": count, "seed": SEED})}


def broken(effort: Effort) -> list[Row]:
    """Broken headers."""
    outcomes = interleave(1, mutations_arms(SLICE if effort.quick else MUTATIONS))
    loads = interleave(1, load_arms(LOADS_QUICK if effort.quick else LOADS))["loads"]
    outcomes_and_loads = [*outcomes.values(), loads]
    failed = [outcome.failure for outcome in outcomes_and_loads if outcome.failure]
    title = "mutated headers: a reason from the closed list each"
    if failed:
        return [Row(title, [unmeasured("all", Bar(0, ""), failed[0])])]

    def worst(name: str, figure: str, bar: Bar, scale: float = 1) -> Any:
        values = [scale * outcome.figures(figure)[0] for outcome in outcomes.values()]
        return worst_part(name, bar, values)

    refused = sum(outcome.figures("refused")[0] for outcome in outcomes.values())
    parts = [
        worst("longest", "seconds", Bar(1, "s")),
        worst("most memory", "peak", Bar(64, "MB"), 1e-6),
        worst_part(
            "unknown reasons",
            Bar(0, ""),
            [outcome.figures("unknown")[0] for outcome in outcomes.values()],
            note=f"{refused:.0f} refused of {SLICE * len(outcomes):,}",
        ),
        worst_part(
            "loads without a reason",
            Bar(0, ""),
            loads.figures("unexplained"),
            note=f"{loads.figures('loaded')[0]:.0f} loaded and {loads.figures('refused')[0]:.0f} "
            "refused of those that the reader let through",
        ),
    ]
    return [Row(title, parts)]
