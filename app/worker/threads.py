"""How many threads compute, on a machine that others use as well.

llama.cpp's threads wait for one another at every node. One that shares its core with a busy
neighbour stalls them all, so a core that somebody else uses is better left alone. A look at the
machine every now and then finds that out. In between, a step that takes far too long while threads
wait for a core is better begun anew with one thread less.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

SECONDS = 0.2
"""Between two looks at the machine; also while nothing is computed, so that the first token finds
the right number."""
OVERDUE = 2.0
"""Times the usual time of a step, after which it is looked into."""
OVERDUE_SECONDS = 0.03
"""The least that is looked into: what takes no longer disturbs nobody."""
WAITED = 0.5
"""The part of such a step that threads have waited for a core, when others are to blame."""
MARGIN = 0.75
"""A core counts as taken when others use more than a quarter of it."""
TASKS = "/proc/self/task"
THREAD_LIMIT = 512
"""llama.cpp's own."""


class Load(NamedTuple):
    """Processor seconds used up to one moment."""

    at: float
    machine: float
    """By everybody on the cores that this process may use."""
    own: float


class Step(NamedTuple):
    """A computation under way."""

    began: float
    threads: int


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


def overdue_after(usual: float) -> float:
    """Seconds after which a step is looked into that usually takes so many."""
    return max(OVERDUE_SECONDS, OVERDUE * usual)


def usual_after(usual: float, taken: float) -> float:
    """A step's usual seconds after one more of them: about the mean of the last four."""
    return usual + (taken - usual) / 4 if usual else taken


class ThreadCount:
    """The number of threads to compute with, kept up to date by a thread of its own."""

    def __init__(
        self,
        fixed: int | None = None,
        cores: int | None = None,
        begin_anew: Callable[[], None] = lambda: None,
    ) -> None:
        """Start following the machine's load, unless the number is fixed.

        Args:
            fixed: a number of threads to keep to.
            cores: the most cores to share; a worker sees the cores, but not a container's quota.
            begin_anew: called on that other thread when the step under way had better be.
        """
        self._allowed = allowed_cores()
        self._cores = min(len(self._allowed), cores or len(self._allowed))
        self._begin_anew = begin_anew
        self._others = 0.0
        self._step: Step | None = None
        self._usual = 0.0
        # Elsewhere nothing tells cheaply what others do, so one core is always theirs.
        self.now = fixed or max(1, min(THREAD_LIMIT, self._cores - 1))
        """Threads in force."""
        self._follows = fixed is None and sys.platform == "linux"
        if self._follows:
            self.now = threads_beside(self._cores, 0)
            threading.Thread(target=self._follow, name="load", daemon=True).start()

    def begin_step(self) -> None:
        """A step begins that is like the last one, and can be begun anew."""
        self._step = Step(time.monotonic(), self.now) if self._follows else None

    def end_step(self) -> None:
        """It has ended."""
        if self._step is not None:
            self._usual = usual_after(self._usual, time.monotonic() - self._step.began)
            self._step = None

    def _follow(self) -> None:
        before, waited = measured_load(self._allowed), waited_seconds()
        never = threading.Event()
        while True:
            never.wait(self._pause(before.at))
            now, step = time.monotonic(), self._step
            overdue = step is not None and now >= step.began + overdue_after(self._usual)
            if step is not None and overdue and self.now == step.threads > 1:
                # The kernel says how long threads waited; its figures for the machine are coarse.
                span = now - max(step.began, before.at)
                if waited_seconds() - waited >= WAITED * span:
                    self._believe(self._cores - step.threads + 1)
            if now >= before.at + SECONDS:
                after = measured_load(self._allowed)
                self._believe(smoothed(self._others, others_between(before, after)))
                before, waited = after, waited_seconds()
            if step is not None and overdue and self.now < step.threads and step is self._step:
                self._begin_anew()

    def _pause(self, looked: float) -> float:
        """Seconds until the next look at the machine, or at a step that takes long by then."""
        now, step = time.monotonic(), self._step
        pause = looked + SECONDS - now
        if step is not None:
            left = step.began + overdue_after(self._usual) - now
            pause = min(pause, left if left > 0 else OVERDUE_SECONDS)
        return max(0.0, pause)

    def _believe(self, others: float) -> None:
        self._others = others
        self.now = threads_beside(self._cores, others)


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


def waited_seconds() -> float:
    """How long this process's threads have waited for a core, in sum; Linux only.

    0 where the kernel doesn't count it.
    """
    waited = 0
    for thread in os.listdir(TASKS):  # noqa: PTH208 - pathlib costs its import
        path = f"{TASKS}/{thread}/schedstat"
        # A thread may end, and a kernel may come without these figures.
        with contextlib.suppress(OSError, IndexError), open(path, encoding="ascii") as figures:  # noqa: PTH123
            waited += int(figures.read().split()[1])
    return waited / 1e9


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
