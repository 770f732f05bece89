"""From the start of the program to its first picture, with accounts and without."""

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, ratio_part
from tests.benchmarks.rows import Bar, Row

MODELS = 100
"""In both libraries, so that the same is painted."""


def first(accounts: int) -> dict[str, Any]:
    """Seconds from before the first import to the first paint of the window."""
    os.environ |= {"QT_QPA_PLATFORM": "offscreen", "QT_API": "pyside6"}
    with tempfile.TemporaryDirectory(prefix="modelyard-") as folder:
        database = Path(folder) / "state.db"
        # In another process: what it imports must not be there yet.
        _prepare(database, accounts)
        started = time.perf_counter()
        painted = _paint(database)
    return {"seconds": painted - started}


def _prepare(database: Path, accounts: int) -> None:
    arm = Arm(f"{__name__}:prepared", {"database": str(database), "accounts": accounts})
    arm.run()


async def prepared(database: str, accounts: int) -> dict[str, Any]:
    """State with so many accounts that have keys, and as many models in any case."""
    from app.bootstrap.core import open_manager
    from app.domain.accounts import ProviderKind
    from tests.support.accounts import remote_spec
    from tests.support.fakes import spec

    async with open_manager(Path(database), {}) as manager:
        for number in range(accounts):
            kind = (ProviderKind.OPENAI, ProviderKind.ANTHROPIC)[number % 2]
            account = await manager.accounts.add(kind)
            await manager.keys.set(account, f"sk-canary-{number}-0123456789", for_now=True)
            models = [remote_spec(account, f"model-{index}") for index in range(MODELS // accounts)]
            await manager._registry.keep(models)
        if not accounts:
            await manager._registry.keep([spec(f"model-{index}") for index in range(MODELS)])
    return {"accounts": accounts}


def _paint(database: Path) -> float:
    from PySide6.QtCore import QEvent, QObject

    from app.bootstrap.event_loop import WindowLoop
    from app.bootstrap.window import open_window, start_application
    from app.ui.theme import Theme

    class Watch(QObject):
        """Notes the first paint of any widget."""

        at = 0.0

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
            if event.type() is QEvent.Type.Paint and not self.at:
                self.at = time.perf_counter()
            return False

    application = start_application()
    watch = Watch()
    application.installEventFilter(watch)

    async def show() -> float:
        async with open_window(Theme(application), database, {}):
            while not watch.at:
                await asyncio.sleep(0.001)
            return watch.at

    with asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner:
        return runner.run(show())


def with_accounts(effort: Effort) -> list[Row]:
    """Two accounts against none."""
    arms = {
        "two": Arm(f"{__name__}:first", {"accounts": 2}),
        "none": Arm(f"{__name__}:first", {"accounts": 0}),
        "twin": Arm(f"{__name__}:first", {"accounts": 0}),
    }
    outcomes = interleave(effort.rounds, arms)
    part = ratio_part(
        "time", Bar(1.05, ""), outcomes["two"], outcomes["none"], "seconds", twin=outcomes["twin"]
    )
    return [Row("first paint with two accounts configured / with none", [part])]
