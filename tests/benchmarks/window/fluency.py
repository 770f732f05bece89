"""How fluent the window is while models compute, and what it takes from them."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from app.domain.generation import GenerationRequest
from app.domain.load_settings import LoadSettings
from app.domain.models import ModelId
from app.manager.manager import Manager
from app.manager.profiles import REQUESTS
from app.tasks import TaskScope
from tests.benchmarks import models
from tests.benchmarks.application import GREEDY, REST_SECONDS
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, pooled_part, ratio_part
from tests.benchmarks.machine import cores
from tests.benchmarks.rows import Bar, Row

TICK = 0.016
SECONDS = 12.0
"""How long the loop is watched."""
PAIRS = 2
"""So many times the rounds of other rows: the issue's table asks for twenty pairs."""
ROOM = 4096


@asynccontextmanager
async def opened() -> AsyncIterator[Any]:
    """The program with its window, over a state that is thrown away."""
    from app.bootstrap.window import open_window
    from app.ui.theme import Theme

    with tempfile.TemporaryDirectory(prefix="modelyard-") as folder:
        async with open_window(Theme(), Path(folder) / "state.db", {}) as window:
            yield window


async def added(manager: Manager, path: Path) -> ModelId:
    """A model of the library."""
    await manager.library.add_file(str(path))
    return next(spec.id for spec in manager.models.search("") if spec.path == str(path))


async def endless(manager: Manager, model: ModelId, seed: int) -> None:
    """Ask a model again and again."""
    while True:
        async with manager.models.lease(str(model), "benchmark") as lease:
            request = GenerationRequest(
                prompt=models.words(30, seed),
                sampling=GREEDY,
                max_tokens=ROOM // 4,
                ignore_end=True,
            )
            async for _ in lease.engine.generate(request):
                pass


async def watched() -> dict[str, Any]:
    """Milliseconds that a precise timer of 16 ms came late, tick by tick.

    Meanwhile one model answers in the Playground and another one is profiled; Profile is opened
    for the first time and its charts stay in sight.
    """
    from PySide6.QtCore import Qt, QTimer

    late: list[float] = []
    async with opened() as window:
        manager, tasks = window._manager, TaskScope("benchmark")
        ids = [await added(manager, path) for path in (models.tiny(), models.small())]
        for model in ids:
            await manager.models.load(model)
        tasks.start("generate", endless(manager, ids[0], 1))
        await asyncio.sleep(1)
        before = perf_counter()

        def tick() -> None:
            nonlocal before
            now = perf_counter()
            late.append((now - before - TICK) * 1000)
            before = now

        timer = QTimer(window)
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(tick)
        timer.start(int(TICK * 1000))
        await asyncio.sleep(0.2)
        window.show_page("profile")
        view_model = window.profile_page.view_model
        view_model.choose(ids[1])
        view_model.start()
        await asyncio.sleep(SECONDS)
        charted = bool(view_model.series().gaps) and window.profile_page.charts is not None
        timer.stop()
        view_model.cancel()
        await tasks.aclose()
    return {"late": late} if charted else {"unable": "no chart was drawn"}


async def generated(windowed: bool, threads: int | None) -> dict[str, Any]:
    """Tokens a second of a profiling run, with the window and the run's charts or without."""
    if not windowed:
        from tests.benchmarks.application import managed

        async with managed() as manager:
            run = await manager.profiles.profile(await _loaded(manager, threads), count=REQUESTS)
            return {"rate": run.tokens_per_second}
    async with opened() as window:
        model = await _loaded(window._manager, threads)
        window.show_page("profile")
        view_model = window.profile_page.view_model
        view_model.choose(model)
        view_model.start()
        charted = False
        while view_model.running:
            await asyncio.sleep(0.1)
            charted |= bool(view_model.series().gaps) and window.profile_page.charts is not None
        if not charted or view_model.shown is None:
            return {"unable": "no chart was drawn"}
        return {"rate": view_model.shown.tokens_per_second}


async def _loaded(manager: Manager, threads: int | None) -> ModelId:
    model = await added(manager, models.small())
    await manager.models.load(model, settings=LoadSettings(threads=threads))
    await asyncio.sleep(REST_SECONDS)
    return model


def stalls(effort: Effort) -> list[Row]:
    """How late the loop is."""
    outcome = interleave(effort.few(), {"window": Arm(f"{__name__}:watched", limit=180)})["window"]
    parts = [
        pooled_part("p99", Bar(20, "ms"), outcome, "late", 0.99),
        pooled_part("p99.9", Bar(60, "ms"), outcome, "late", 0.999),
    ]
    return [Row("event-loop stall while two models generate and three charts run", parts)]


def generation(effort: Effort) -> list[Row]:
    """With the window against without."""
    parts = []
    for name, threads, bar in (
        ("automatic threads", None, 0.97),
        ("all cores forced", cores(), 0.85),
    ):
        arms = {
            arm: Arm(f"{__name__}:generated", {"windowed": windowed, "threads": threads})
            for arm, windowed in (("window", True), ("none", False))
        }
        outcomes = interleave(PAIRS * effort.rounds, arms)
        parts.append(
            ratio_part(
                name, Bar(bar, "", at_least=True), outcomes["window"], outcomes["none"], "rate"
            )
        )
    return [Row("generation with the window open and charts live / without", parts)]
