"""The machine that models run on, with a container's limits applied."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.domain.memory import MemoryView


@dataclass(frozen=True)
class MemoryLimit:
    """What one control group may take and has taken, in bytes."""

    most: int
    used: int
    """Without file cache that the kernel would give up at once."""


class Machine:
    """Memory and processor cores that this process may use."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Look for control groups below `root`; elsewhere than on Linux there are none."""
        self._root = root

    def memory(self) -> MemoryView:
        """Memory now, with a container's limit applied."""
        now = psutil.virtual_memory()
        return within(MemoryView(total=now.total, available=now.available), self._limits())

    def cores(self) -> int:
        """Processor cores this process may use."""
        return cores_within(_own_cores(), self._quotas())

    def starved(self) -> int:
        """How many processes the system has ended for want of memory, as near to us as it counts.

        The kernel counts by control group, and for the machine where there are none; elsewhere
        than on Linux nothing counts.
        """
        for controller, name in (("", "memory.events"), ("memory", "memory.oom_control")):
            group = next(self._groups(controller), None)
            text = _text(group / name) if group is not None else ""
            if (count := _figure(text, "oom_kill")) is not None:
                return count
        return _figure(_text(self._root / "proc/vmstat"), "oom_kill") or 0

    def _limits(self) -> Iterator[MemoryLimit]:
        files = "memory.max", "memory.current", "inactive_file"
        yield from filter(None, (_limit(group, *files) for group in self._groups("")))
        files = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
        yield from filter(None, (_limit(group, *files) for group in self._groups("memory")))

    def _quotas(self) -> Iterator[float]:
        for group in self._groups(""):
            yield from _quota(_text(group / "cpu.max"))
        for group in self._groups("cpu"):
            parts = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")
            yield from _quota(" ".join(parts))

    def _groups(self, controller: str) -> Iterator[Path]:
        """This process's control group and its ancestors, any of which may set a limit.

        Args:
            controller: a controller of version 1, or "" for version 2.
        """
        for line in _text(self._root / "proc/self/cgroup").splitlines():
            _, names, path = line.split(":", 2)
            if controller in names.split(","):
                mount = self._root / "sys/fs/cgroup" / controller
                group = mount / path.lstrip("/")
                # Inside a container the path may be the host's, and only the mount itself exists.
                yield from (
                    place for place in (group, *group.parents) if place.is_relative_to(mount)
                )


def within(memory: MemoryView, limits: Iterable[MemoryLimit]) -> MemoryView:
    """The memory that is left when every limit holds."""
    total, available = memory.total, memory.available
    for limit in limits:
        total = min(total, limit.most)
        available = min(available, max(0, limit.most - limit.used))
    return MemoryView(total=total, available=available)


def cores_within(cores: int, quotas: Iterable[float]) -> int:
    """The whole cores under every quota, at least one: a thread too many is held back."""
    return max(1, min([cores, *map(int, quotas)]))


def _own_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _limit(group: Path, most: str, used: str, cache: str) -> MemoryLimit | None:
    texts = _text(group / most), _text(group / used)
    if not all(text.isdigit() for text in texts):
        return None
    inactive = _figure(_text(group / "memory.stat"), cache) or 0
    return MemoryLimit(most=int(texts[0]), used=max(0, int(texts[1]) - inactive))


def _figure(table: str, wanted: str) -> int | None:
    """One figure of a table with lines of "name figure"; None when it isn't there."""
    for line in table.splitlines():
        name, _, figure = line.partition(" ")
        if name == wanted and figure.strip().isdigit():
            return int(figure)
    return None


def _quota(text: str) -> Iterator[float]:
    """The cores that "quota period" grants, both in microseconds; nothing when it grants all."""
    parts = text.split()
    if len(parts) == 2 and all(part.isdigit() for part in parts):  # noqa: PLR2004 - quota and period
        quota, period = map(int, parts)
        yield quota / period


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
