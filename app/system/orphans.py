"""Workers that outlived a killed app: written down while they run, ended at the next start.

A worker ends itself when its parent dies. This is for the one that can't, because native code holds
it: each is kept as a line with its own and its parent's process id and start time, and only a
process that matches all of them is ended.
"""

import contextlib
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import psutil

log = logging.getLogger(__name__)

SAME_START_SECONDS = 0.05
"""Two readings of one start time differ by less; two processes of one id by far more."""


@dataclass(frozen=True)
class Identity:
    """A process, told apart from a later one of the same id by its start time."""

    pid: int
    started: float
    """Seconds since the epoch."""

    def runs(self) -> bool:
        """Whether this very process is still there."""
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return abs(process.create_time() - self.started) < SAME_START_SECONDS
        except psutil.Error:
            return False


@dataclass(frozen=True)
class Entry:
    """A worker and the app that started it."""

    worker: Identity
    app: Identity


def identity_of(pid: int) -> Identity | None:
    """A running process's identity, or None when it is gone."""
    try:
        return Identity(pid, psutil.Process(pid).create_time())
    except psutil.Error:
        return None


class WorkerJournal:
    """The list of running workers in a file; several apps may share it."""

    def __init__(self, path: Path, *, kept: bool = True) -> None:
        """Nothing is written yet, and never where nothing is to be `kept`."""
        self._path = path
        self._kept = kept
        self._app = identity_of(os.getpid())

    def add(self, pid: int) -> None:
        """Write down a worker that was started."""
        worker = identity_of(pid)
        if self._kept and worker is not None and self._app is not None:
            entry = json.dumps(asdict(Entry(worker, self._app)))
            with contextlib.suppress(OSError), self._open() as file:
                file.write(f"{entry}\n")

    def sweep(self) -> int:
        """End the workers whose app is gone, and return how many there were."""
        entries = list(self._entries())
        orphans = [item for item in entries if not item.app.runs() and item.worker.runs()]
        for orphan in orphans:
            log.warning("Ending worker %d, whose app is gone", orphan.worker.pid)
            with contextlib.suppress(psutil.Error):
                psutil.Process(orphan.worker.pid).kill()
        if self._kept:
            self._rewrite(item for item in entries if item.app.runs() and item.worker.runs())
        return len(orphans)

    def _entries(self) -> Iterable[Entry]:
        try:
            lines = self._path.read_text().splitlines()
        except (OSError, UnicodeDecodeError):
            return
        for line in lines:
            try:
                fields = json.loads(line)
                yield Entry(Identity(**fields["worker"]), Identity(**fields["app"]))
            except (ValueError, TypeError, KeyError):
                log.warning("Skipping an unreadable line in %s", self._path.name)

    def _rewrite(self, entries: Iterable[Entry]) -> None:
        text = "".join(f"{json.dumps(asdict(entry))}\n" for entry in entries)
        fresh = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            fresh.write_text(text)
            fresh.chmod(0o600)
            fresh.replace(self._path)

    def _open(self) -> TextIO:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(descriptor, "a")
