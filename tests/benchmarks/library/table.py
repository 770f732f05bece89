"""The window's table over a hundred thousand models: from the gesture to painted rows."""

import asyncio
import time
from typing import Any

from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, pooled_part
from tests.benchmarks.manager.made_up import spec
from tests.benchmarks.rows import Bar, Row
from tests.support.fakes import fake_ports

MODELS = 100_000
TYPED = ("llama 8b", "qwen coder", "gemma-3", "q4_k_m", "phi instruct", "nothing", "bge")
SCROLLS = 200


async def browsed_once() -> dict[str, Any]:
    """Milliseconds of keystrokes, of sorts by each column, and of scroll frames."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    from app.domain.settings import Theme as Choice
    from app.ui.bridge import Bridge
    from app.ui.intents import Intents
    from app.ui.pages.library_page import LibraryPage
    from app.ui.theme import Theme
    from app.ui.viewmodels.model_columns import COLUMNS

    ports = fake_ports()
    ports.offer(*map(spec, range(MODELS)))
    async with ports.manager() as manager:
        look = Theme()
        look.apply(Choice.LIGHT)
        intents, bridge = Intents(), Bridge(manager)
        page = LibraryPage(manager, look, intents, bridge)
        page.resize(1280, 800)
        page.show()
        await asyncio.sleep(2)
        bridge.drain()
        viewport = page.browser.viewport()

        def painted(act: Any) -> float:
            start = time.perf_counter()
            act()
            viewport.repaint()
            return (time.perf_counter() - start) * 1000

        keystrokes = []
        for typed in TYPED:
            keystrokes += [
                painted(lambda letter=letter: QTest.keyClicks(page.search, letter))
                for letter in typed
            ]
            for _ in typed:
                keystrokes.append(
                    painted(lambda: QTest.keyClick(page.search, Qt.Key.Key_Backspace))
                )
                await asyncio.sleep(0)
        sorts = []
        for order in (Qt.SortOrder.DescendingOrder, Qt.SortOrder.AscendingOrder):
            for column in range(len(COLUMNS)):
                sorts.append(painted(lambda at=column: page.browser.sortByColumn(at, order)))  # noqa: B023
                await asyncio.sleep(0)
        bar = page.browser.verticalScrollBar()
        step = bar.maximum() // SCROLLS
        frames = [painted(lambda: bar.setValue(bar.value() + step)) for _ in range(SCROLLS)]
        await intents.aclose()
        bridge.close()
        page.close()
    return {"keystrokes": keystrokes, "sorts": sorts, "frames": frames}


def browsed(effort: Effort) -> list[Row]:
    """All three in one window."""
    arm = Arm(f"{__name__}:browsed_once", limit=300)
    outcome = interleave(effort.few(2), {"browse": arm})["browse"]
    title = f"{MODELS:,} models: "
    return [
        Row(
            title + "keystroke to painted rows",
            [pooled_part("p99", Bar(30, "ms"), outcome, "keystrokes", 0.99)],
        ),
        Row(
            title + "sort by any column to painted rows",
            [pooled_part("slowest", Bar(100, "ms"), outcome, "sorts", 1.0)],
        ),
        Row(title + "scroll", [pooled_part("frame p99", Bar(16, "ms"), outcome, "frames", 0.99)]),
    ]
