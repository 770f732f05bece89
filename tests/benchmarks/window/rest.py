"""What the window takes while nobody uses it."""

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks import models
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, median_part
from tests.benchmarks.manager.made_up import state_of
from tests.benchmarks.rows import Bar, Row
from tests.benchmarks.window.fluency import added, opened

MODELS = 1_000
SETTLE, WATCHED = 8.0, 20.0
"""Seconds."""
PAGES = ("library", "loaded", "playground", "profile", "settings")


async def rested() -> dict[str, Any]:
    """The share of one core that the app's process takes with a model loaded."""
    async with opened() as window:
        manager = window._manager
        model = await added(manager, models.tiny())
        await manager.models.load(model)
        await asyncio.sleep(SETTLE)
        start, used = time.monotonic(), time.process_time()
        await asyncio.sleep(WATCHED)
        share = (time.process_time() - used) / (time.monotonic() - start)
    return {"share": 100 * share}


async def held(sdks: bool) -> dict[str, Any]:
    """Resident bytes of the app's process after every page was seen, SDKs loaded or not."""
    import psutil

    from app.bootstrap.window import open_window
    from app.ui.theme import Theme

    with tempfile.TemporaryDirectory(prefix="modelyard-") as folder:
        state = Path(folder) / "state.db"
        shutil.copyfile(state_of(MODELS), state)
        async with open_window(Theme(), state, {}) as window:
            for page in PAGES:
                window.show_page(page)
                await asyncio.sleep(0.5)
            if sdks:
                import anthropic
                import openai

                assert anthropic.AsyncAnthropic
                assert openai.AsyncOpenAI
            await asyncio.sleep(SETTLE / 2)
            return {"resident": psutil.Process().memory_info().rss}


def idle(effort: Effort) -> list[Row]:
    """Processor use."""
    outcome = interleave(effort.few(), {"window": Arm(f"{__name__}:rested")})["window"]
    part = median_part("a model loaded", Bar(0.5, "%"), outcome, "share")
    return [Row("idle processor use, window open", [part])]


def resident(effort: Effort) -> list[Row]:
    """Memory."""
    arms = {
        name: Arm(f"{__name__}:held", {"sdks": sdks})
        for name, sdks in (("no SDK loaded", False), ("both SDKs loaded", True))
    }
    outcomes = interleave(effort.few(), arms)
    parts = [
        median_part(name, Bar(bar, "MB"), outcomes[name], "resident", scale=1e-6)
        for name, bar in (("no SDK loaded", 200), ("both SDKs loaded", 280))
    ]
    return [Row("resident memory of the app's process, idle, 1,000 models", parts)]
