"""How soon an event reaches its handler, and what a slow subscriber costs."""

import asyncio
from time import perf_counter_ns
from typing import Any

from app.domain.events import SettingChanged
from app.manager.events import QUEUE_LENGTH, EventBus
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, pooled_part, worst_part
from tests.benchmarks.rows import Bar, Row, unmeasured

EVENTS, MANY = 2_000, 100_000


async def delays() -> dict[str, Any]:
    """Milliseconds from `publish` to the handler, one event at a time on an idle loop."""
    bus, loop, taken = EventBus(), asyncio.get_running_loop(), asyncio.Event()
    delays: list[float] = []
    published_ns = 0

    def handle() -> None:
        delays.extend((perf_counter_ns() - published_ns) / 1e6 for _ in subscription.take())
        taken.set()

    subscription = bus.subscribe(lambda: loop.call_soon(handle))
    for _ in range(EVENTS):
        await asyncio.sleep(0.0005)
        taken.clear()
        published_ns = perf_counter_ns()
        bus.publish(SettingChanged(key="theme"))
        await taken.wait()
    return {"delays": delays}


async def to_nobody_in_time() -> dict[str, Any]:
    """The longest `publish` in milliseconds, beside a subscriber that reads only at the end."""
    bus = EventBus()
    subscription = bus.subscribe(lambda: None)
    longest = 0
    for _ in range(MANY):
        started = perf_counter_ns()
        bus.publish(SettingChanged(key="theme"))
        longest = max(longest, perf_counter_ns() - started)
    taken = subscription.take()
    gap = subscription.lost == MANY - QUEUE_LENGTH and taken[0].seq == MANY - QUEUE_LENGTH + 1
    return {"longest": longest / 1e6, "unmarked": 0 if gap else 1}


def to_handler(effort: Effort) -> list[Row]:
    """The delay of an event on an idle loop."""
    outcome = interleave(effort.rounds, {"app": Arm(f"{__name__}:delays")})["app"]
    part = pooled_part("p99", Bar(0.2, "ms"), outcome, "delays", 0.99)
    return [Row("event published to handler on an idle loop, p99", [part])]


def to_slow_subscriber(effort: Effort) -> list[Row]:
    """100,000 events to a subscriber that doesn't read."""
    outcome = interleave(effort.few(), {"app": Arm(f"{__name__}:to_nobody_in_time")})["app"]
    block, gap = Bar(50, "ms"), Bar(0, "gaps unmarked")
    if outcome.failure:
        parts = [unmeasured("longest publish", block, outcome.failure)]
    else:
        parts = [
            worst_part("longest publish", block, outcome.figures("longest")),
            worst_part("gap", gap, outcome.figures("unmarked")),
        ]
    return [Row("100,000 events to a slow subscriber: no block, gap marked", parts)]
