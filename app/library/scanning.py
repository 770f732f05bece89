"""One scan of a folder: a thread walks, and reads what it finds until a process does that."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any, NamedTuple

from app.domain.models import Folder
from app.library.findings import Findings, ScanBatch
from app.library.found import FoundModel
from app.library.reading import HeaderReader
from app.library.specs import Reading, read_or_gone
from app.library.walking import Walk
from app.tasks import in_daemon_thread

BATCH_SECONDS, LONGEST_BATCH_SECONDS = 0.1, 0.5
"""How long the first models are gathered, and later ones: each batch costs a write."""
BATCH_MODELS = 2000
STEP_SECONDS = 0.05
"""After so long the thread tells what it has found."""
HELP_SECONDS = 0.1
"""Whoever has read for so long has much to read."""
ASKED_MODELS = 200
"""What the process is asked for at a time."""
ASKED_TIMES = 8
"""So many questions may wait for it before the walk goes on."""


async def scan(
    folder: Folder, known: Mapping[str, str], reader: HeaderReader
) -> AsyncGenerator[ScanBatch, None]:
    """Read every model below a folder, in batches that come as they are found.

    Closing the generator ends the scan.

    Args:
        folder: where to look.
        known: the marks of files by path; one that still has its mark is not read again.
        reader: started when there is much to read, and closed by whoever made it.

    Raises:
        FolderError: the folder can't be read.
    """
    gathering = _Gathering(_WalkingThread(folder, known, reader), reader)
    pause, due = BATCH_SECONDS, time.monotonic() + BATCH_SECONDS
    first = True
    try:
        while gathering.under_way:
            await gathering.more(due)
            read = len(gathering.findings.read)
            if time.monotonic() >= due or read >= BATCH_MODELS or (first and read):
                first = first and not read
                yield gathering.batch()
                pause, due = min(LONGEST_BATCH_SECONDS, 2 * pause), time.monotonic() + pause
        yield gathering.batch(await gathering.gone())
    finally:
        gathering.end()


class _Gathering:
    """Brings together what the thread and the process find."""

    def __init__(self, walk: "_WalkingThread", reader: HeaderReader) -> None:
        self._walk = walk
        self._reader = reader
        self._steps = walk.steps()
        self._walking: asyncio.Future[_Step | None] | None
        self._walking = in_daemon_thread(next, self._steps, None)
        self._asked: dict[asyncio.Future[list[Reading | None]], list[FoundModel]] = {}
        self._files = self._models = 0
        self.findings = Findings()

    @property
    def under_way(self) -> bool:
        """Whether more may come."""
        return self._walking is not None or bool(self._asked)

    async def more(self, due: float) -> None:
        """Wait until something has come, or until what is there is due."""
        waiting: set[asyncio.Future[Any]] = {*self._asked}
        if self._walking is not None and len(self._asked) <= ASKED_TIMES:
            waiting.add(self._walking)
        left = max(0, due - time.monotonic()) if self.findings.read else None
        await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for answer in [answer for answer in self._asked if answer.done()]:
            for found, reading in zip(self._asked.pop(answer), answer.result(), strict=True):
                self._models += self._walk.take(self.findings, found, reading)
        if self._walking is not None and self._walking.done():
            self._go_on(self._walking.result())

    def batch(self, gone: tuple[str, ...] = ()) -> ScanBatch:
        """What has come since the last one."""
        ready, self.findings = self.findings, Findings()
        return ready.batch(self._files, self._walk.models + self._models, gone)

    async def gone(self) -> tuple[str, ...]:
        """The known files that aren't there any more, when nothing is under way."""
        return await in_daemon_thread(self._walk.gone)

    def end(self) -> None:
        """Look at no more files."""
        self._walk.ended.set()
        if self._walking is not None:
            self._walking.cancel()

    def _go_on(self, step: "_Step | None") -> None:
        self._walking = None
        if step is None:
            return
        # The thread goes on while the caller keeps what it has found.
        self._walking = in_daemon_thread(next, self._steps, None)
        self.findings.join(step.findings)
        self._files = step.files
        if step.left:
            self._asked[self._reader.read(step.left)] = step.left
        elif self._walk.busy:
            self._reader.start()


class _Step(NamedTuple):
    """What the thread has done since the last step."""

    findings: Findings
    files: int
    """Files looked at so far, model or not."""
    left: list[FoundModel]
    """What it leaves to the process."""


class _WalkingThread:
    """The part of a scan that may wait for a drive."""

    def __init__(self, folder: Folder, known: Mapping[str, str], reader: HeaderReader) -> None:
        self._walk = Walk(folder)
        self._known = known
        self._reader = reader
        self._seen: set[str] = set()
        self._read_seconds = 0.0
        self.ended = threading.Event()
        self.models = 0
        """Models found so far that were known or read here."""

    @property
    def busy(self) -> bool:
        """Whether there is much to read."""
        return self._read_seconds >= HELP_SECONDS

    def steps(self) -> Iterator[_Step]:
        """The whole walk; the first model that was read is handed over at once."""
        files, findings, left = 0, Findings(), list[FoundModel]()
        due, first = time.monotonic() + STEP_SECONDS, True
        for looked_at, found_here in self._walk.steps():
            files += looked_at
            for found in found_here:
                if self.ended.is_set():
                    return
                if self._is_known(found):
                    pass
                elif self._reader.ready:
                    left.append(found)
                else:
                    self._read(findings, found)
                    due = 0.0 if first else due
                    first = False
                if time.monotonic() >= due or len(left) >= ASKED_MODELS:
                    yield _Step(findings, files, left)
                    findings, left = Findings(), []
                    due = time.monotonic() + STEP_SECONDS
        yield _Step(findings, files, left)

    def take(self, findings: Findings, found: FoundModel, reading: Reading | None) -> bool:
        """Add what was read, None where the file has gone meanwhile; whether it is a model."""
        if reading is None:
            return False
        self._seen.add(findings.add(found, reading))
        return reading.alike is not None

    def gone(self) -> tuple[str, ...]:
        """The known files that aren't there any more, when the walk is over."""
        missing = self._known.keys() - self._seen
        return tuple(path for path in missing if not self._walk.hides(path))

    def _is_known(self, found: FoundModel) -> bool:
        path = found.parts[0].path
        if self._known.get(path) != found.mark:
            return False
        self._seen.add(path)
        self.models += 1
        return True

    def _read(self, findings: Findings, found: FoundModel) -> None:
        start = time.monotonic()
        self.models += self.take(findings, found, read_or_gone(found))
        self._read_seconds += time.monotonic() - start
