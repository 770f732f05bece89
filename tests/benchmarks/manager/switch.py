"""Switching between two ready models on the window's loop, while both of them answer."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic_ns, perf_counter
from typing import Any

from app.domain.generation import (
    FinishReason,
    GenerationEnd,
    GenerationRequest,
    GenerationUpdate,
    TextPiece,
    measure,
)
from app.domain.load_settings import LoadSettings
from app.domain.models import ACTIVE, ModelSpec
from app.library.inspection import FileInspection
from app.manager.manager import Manager
from app.storage.stores import open_storage
from app.tasks import TaskScope
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, pooled_part, worst_part
from tests.benchmarks.rows import Bar, Row, unmeasured
from tests.benchmarks.statistics import percentile
from tests.support.fakes import (
    FakeDevices,
    FakeEngine,
    FakeFiles,
    FakeProber,
    FakeProvider,
    FakeQuantiser,
    FakeSupportFiles,
    spec,
)

SPEED, TOKENS, STREAMS = 500, 250, 8
SWITCHES, QUICK_SWITCHES, PAUSE = 1_000, 100, 0.015
MODELS = (spec("Llama"), spec("Qwen"))


class PacedEngine(FakeEngine):
    """Answers in its model's name, so many tokens a second."""

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationUpdate, None]:
        submitted, start, stamps = monotonic_ns(), perf_counter(), []
        for number in range(TOKENS):
            await asyncio.sleep(max(0.0, start + number / SPEED - perf_counter()))
            stamps.append(monotonic_ns())
            yield TextPiece(text=f"{self.model.name} ", stamps_ns=(stamps[-1],))
        stats = measure(submitted, tuple(stamps), finish=FinishReason.END, prompt_tokens=3)
        yield GenerationEnd(stats=stats)


class PacedProvider(FakeProvider):
    """Loads at once."""

    async def load(
        self,
        spec: ModelSpec,
        settings: LoadSettings,
        on_progress: Callable[[float], None],
        *,
        plentiful: bool = False,
    ) -> FakeEngine:
        return PacedEngine(spec, TOKENS, settings)


@dataclass
class Answers:
    """What became of the answers."""

    whole: int = 0
    painted: int = 0
    bad: list[str] = field(default_factory=list)

    def judge(self, text: str, name: str, *, painted: bool = False) -> None:
        """Count one answer of a model that is to be found in every token of it."""
        if text.split() != [name] * TOKENS:
            self.bad.append(f"{name}: {text[:40]}")
        self.whole += 1
        self.painted += painted


async def under_load(switches: int) -> dict[str, Any]:
    """Milliseconds of each switch, and how many answers failed, were cut or misrouted.

    `turns` holds the same from before the task that makes the switch is started: what a gesture
    waits when the loop has streams to serve and a page to paint first.
    """
    async with both_ready() as manager, shown(manager) as window:
        answers, tasks, ended = Answers(), TaskScope("benchmark"), asyncio.Event()
        streams = [
            tasks.start(f"stream {number}", stream(manager, answers, ended))
            for number in range(STREAMS - 1)
        ]
        streams.append(tasks.start("painted", painted(window, manager, answers, ended)))
        await asyncio.sleep(1)
        timed = [await switch(manager, tasks) for _ in range(switches)]
        ended.set()
        await asyncio.gather(*streams)
        await tasks.aclose()
    return {
        "latencies": [called for called, _ in timed],
        "turns": [turned for _, turned in timed],
        "answers": answers.whole,
        "painted": answers.painted,
        "bad": len(answers.bad),
        "examples": answers.bad[:3],
    }


async def switch(manager: Manager, tasks: TaskScope) -> tuple[float, float]:
    """Make one, after a pause; its milliseconds from the call, and from the task's start."""
    await asyncio.sleep(PAUSE)
    active = manager.models.active()
    target = next(model.id for model in MODELS if model.id != active)
    started = perf_counter()

    async def make() -> tuple[float, float]:
        called = perf_counter()
        await manager.models.switch(target)
        return perf_counter() - called, perf_counter() - started

    call, turn = await tasks.start("switch", make())
    assert manager.models.active() == target
    return call * 1000, turn * 1000


async def stream(manager: Manager, answers: Answers, ended: asyncio.Event) -> None:
    """Ask the active model again and again."""
    request = GenerationRequest(prompt="go on", max_tokens=TOKENS)
    while not ended.is_set():
        expected = manager.models.active()
        async with manager.models.lease(ACTIVE, "benchmark") as lease:
            if lease.spec.id != expected:
                answers.bad.append(f"asked {expected}, was given {lease.spec.id}")
            text = ""
            async for update in lease.engine.generate(request):
                text += update.text if isinstance(update, TextPiece) else ""
            answers.judge(text, lease.spec.name)


async def painted(window: Any, manager: Manager, answers: Answers, ended: asyncio.Event) -> None:
    """The same in the window, where the text is painted as it comes."""
    playground = window.playground_page.view_model
    while not ended.is_set():
        playground.start_new()
        assert playground.send("go on")
        while not playground.answering:
            await asyncio.sleep(0.01)
        while playground.answering:
            await asyncio.sleep(0.05)
        answer = (await manager.conversations.messages(playground.conversation.id))[-1]
        answers.judge(answer.text, answer.model_name, painted=True)


@asynccontextmanager
async def both_ready() -> AsyncIterator[Manager]:
    """A manager that keeps its state on a disk and has both models loaded."""
    with tempfile.TemporaryDirectory(prefix="modelyard-") as folder:
        storage = await open_storage(Path(folder) / "state.db")
        await storage.models.save_models(MODELS)
        files = FakeFiles()
        files.disk["/models"] = list(MODELS)
        manager = Manager(
            models=storage.models,
            conversations=storage.conversations,
            profiles=storage.profiles,
            settings=storage.settings,
            library=storage.library,
            files=files,
            inspection=FileInspection(),
            quantiser=FakeQuantiser(),
            prober=FakeProber(),
            providers={"local": PacedProvider()},
            devices=FakeDevices(),
            support=FakeSupportFiles(),
            environment={},
        )
        await manager.start()
        try:
            for model in MODELS:
                await manager.models.load(model.id)
            yield manager
        finally:
            await manager.aclose()
            await storage.aclose()


@asynccontextmanager
async def shown(manager: Manager) -> AsyncIterator[Any]:
    """The window on its Playground."""
    # Qt reads the platform when it is imported.
    from app.ui.theme import Theme
    from tests.support.windows import window_over

    async with window_over(manager, Theme()) as window:
        window.show_page("playground")
        yield window


def under_streams(effort: Effort) -> list[Row]:
    """Both rows: how fast, and what became of the answers."""
    switches = QUICK_SWITCHES if effort.quick else SWITCHES
    arm = Arm(f"{__name__}:under_load", {"switches": switches})
    outcome = interleave(effort.few(), {"app": arm})["app"]
    fast = pooled_part("p99", Bar(5, "ms"), outcome, "latencies", 0.99)
    if not outcome.failure:
        turns = [turn for taken in outcome.samples("turns") for turn in taken]
        waits = f"from a task's start {percentile(turns, 0.99):.3g} ms"
        fast = replace(fast, note=f"{fast.note}; {waits}")
    none = Bar(0, "answers")
    if outcome.failure:
        lost = unmeasured("answers", none, outcome.failure)
    else:
        note = (
            f"of {sum(outcome.figures('answers')):g}, {sum(outcome.figures('painted')):g} painted"
        )
        lost = worst_part("answers", none, outcome.figures("bad"), note=note)
    return [
        Row("switch between two ready models under 8 streams of 500 tok/s, p99", [fast]),
        Row(f"{switches:,} switches under those streams: failed, cut or misrouted", [lost]),
    ]
