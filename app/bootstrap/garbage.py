"""Garbage is collected on the event loop's thread only.

Python collects cycles in whichever thread happens to allocate. A Qt object that dies in a thread of
storage or of a scan leaves its timers behind in the window's thread, and the next tick of one of
them crashes the process.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.tasks import TaskScope

SECONDS = 1.0
"""How often to look; a look without a collection takes a microsecond."""
LONG_SECONDS = 0.05


@asynccontextmanager
async def garbage_collected_here() -> AsyncIterator[None]:
    """Collect in the running loop's thread, and nowhere else, while the block lasts."""
    scope = TaskScope("garbage")
    enabled = gc.isenabled()
    gc.disable()
    try:
        scope.start("collect", _collect())
        yield
    finally:
        await scope.aclose()
        gc.unfreeze()
        gc.collect()
        if enabled:
            gc.enable()


async def _collect() -> None:
    await asyncio.sleep(SECONDS)
    # The program and its library, loaded by now, stay for good: looking through them again and
    # again would stall the window for tens of milliseconds.
    gc.freeze()
    while True:
        await asyncio.sleep(SECONDS)
        generation = due(gc.get_count(), gc.get_threshold())
        if generation is not None:
            collect(generation)


def collect(generation: int) -> None:
    """Collect; what took long to look through, and stayed, is not looked through again."""
    start = time.perf_counter()
    gc.collect(generation)
    if time.perf_counter() - start > LONG_SECONDS:
        # A large library that came back with its drive: looking through it stalls the window for
        # a third of a second each time. A cycle in there that dies later is the lesser evil.
        gc.freeze()


def due(counts: tuple[int, int, int], thresholds: tuple[int, int, int]) -> int | None:
    """The oldest generation whose count is past its threshold, as Python itself decides."""
    for generation in (2, 1, 0):
        if counts[generation] > thresholds[generation] > 0:
            return generation
    return None
