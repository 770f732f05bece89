"""How many threads compute, on a machine that others use as well.

llama.cpp's threads wait for one another at every node. One that shares its core with a busy
neighbour stalls them all, so a core that somebody else uses is better left alone.
"""

import os
import sys
import threading
import time
from collections.abc import Collection
from typing import NamedTuple

SECONDS = 0.2
"""Between two looks at the machine; also while nothing is computed, so that the first token finds
the right number."""
MARGIN = 0.75
"""A core counts as taken when others use more than a quarter of it."""
THREAD_LIMIT = 512
"""llama.cpp's own."""


class Load(NamedTuple):
    """Processor seconds used up to one moment."""

    at: float
    machine: float
    """By everybody on the cores that this process may use."""
    own: float


def others_between(before: Load, after: Load) -> float:
    """The cores that others kept busy between two moments."""
    elapsed = after.at - before.at
    if elapsed <= 0:
        return 0.0
    return max(0.0, (after.machine - before.machine) - (after.own - before.own)) / elapsed


def smoothed(before: float, now: float) -> float:
    """What to believe of the others' use: a rise at once, a fall by halves."""
    return now if now >= before else (before + now) / 2


def threads_beside(cores: int, others: float) -> int:
    """Threads that leave others their cores; at least one."""
    return max(1, min(THREAD_LIMIT, cores - int(others + MARGIN)))


class ThreadCount:
    """The number of threads to compute with, kept up to date by a thread of its own."""

    def __init__(self, fixed: int | None = None, cores: int | None = None) -> None:
        """Start following the machine's load, unless the number is fixed.

        Args:
            fixed: a number of threads to keep to.
            cores: the most cores to share; a worker sees the cores, but not a container's quota.
        """
        self._allowed = allowed_cores()
        self._cores = min(len(self._allowed), cores or len(self._allowed))
        self._others = 0.0
        # Elsewhere nothing tells cheaply what others do, so one core is always theirs.
        self.now = fixed or max(1, min(THREAD_LIMIT, self._cores - 1))
        """Threads in force."""
        if fixed is None and sys.platform == "linux":
            self.now = threads_beside(self._cores, 0)
            threading.Thread(target=self._follow, name="load", daemon=True).start()

    def _follow(self) -> None:
        before = measured_load(self._allowed)
        never = threading.Event()
        while not never.wait(SECONDS):
            after = measured_load(self._allowed)
            self._others = smoothed(self._others, others_between(before, after))
            self.now = threads_beside(self._cores, self._others)
            before = after


def allowed_cores() -> frozenset[int]:
    """The cores that this process may use."""
    try:
        return frozenset(os.sched_getaffinity(0))
    except AttributeError:
        return frozenset(range(os.cpu_count() or 1))


def measured_load(allowed: Collection[int]) -> Load:
    """The machine's load now; Linux only."""
    with open("/proc/stat", encoding="ascii") as stat:  # noqa: PTH123 - pathlib costs its import
        machine = busy_seconds(stat.read(), allowed, os.sysconf("SC_CLK_TCK"))
    return Load(time.monotonic(), machine, time.process_time())


def busy_seconds(stat: str, allowed: Collection[int], ticks: int) -> float:
    """The busy seconds of some cores since the start, from the text of /proc/stat."""
    busy = 0
    for line in stat.splitlines():
        name, *figures = line.split()
        if not name.startswith("cpu"):
            break
        if name == "cpu" or int(name[3:]) not in allowed:
            continue
        user, nice, system, _, _, interrupts, soft, stolen = map(int, figures[:8])
        busy += user + nice + system + interrupts + soft + stolen
    return busy / ticks
