"""Worker processes of this program: started with a clean environment, watched and reaped."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
from asyncio.subprocess import Process
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

import app
from app.system.orphans import WorkerJournal
from app.tasks import TaskScope

log = logging.getLogger(__name__)

WARM_SECONDS = 0.5
KILL_SECONDS = 5.0
"""So long a killed worker may take to end; one that waits for a dead drive may take for ever."""
KILLED = -9
"""Stands for the exit status of a worker that was killed and given up."""

KEPT_LINES = 50
LINE_LENGTH = 500
"""Characters; a longer line is cut."""
READ_BYTES = 65536

PASSED_ON = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP",
        "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "PATHEXT",
        "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE", "PYTHONPATH", "PYTHONHOME",
        "LLAMA_CPP_LIB_PATH", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "HIP_PATH",
        "HIP_VISIBLE_DEVICES",
    }
)  # fmt: skip
"""What a worker needs of the environment. Anything else, keys above all, stays with the app."""

ENGINE_ENVIRONMENT = {
    # An abort would otherwise start a debugger to print a backtrace: half a second and much noise.
    "GGML_NO_BACKTRACE": "1",
    # Threads that wait for a busy core go to sleep instead of spinning the machine to a halt, but
    # not between two tokens: waking them takes as long as a small model's token.
    "GOMP_SPINCOUNT": "20000",
}


class WorkerProcesses:
    """Starts workers and owns them until they are reaped."""

    def __init__(
        self, journal: WorkerJournal | None = None, starved: Callable[[], int] = lambda: 0
    ) -> None:
        """Prepare without starting anything.

        Args:
            journal: keeps what a killed app leaves behind.
            starved: counts the processes that the system has ended for want of memory.
        """
        self._tasks = TaskScope("worker processes")
        self._running: set[WorkerProcess] = set()
        self._journal = journal
        self._starved = starved
        self._soon: dict[str, asyncio.TimerHandle] = {}
        self._spare: dict[str, asyncio.Task[WorkerProcess]] = {}

    def warm(self, kind: str) -> None:
        """Have one worker of a kind up and waiting: its start and imports take half a load's time.

        It starts a moment later, when whoever asked is done with what is urgent.
        """
        if kind not in self._spare and kind not in self._soon:
            loop = asyncio.get_running_loop()
            self._soon[kind] = loop.call_later(WARM_SECONDS, self._start_spare, kind)

    async def start(self, kind: str) -> "WorkerProcess":
        """Start `--worker kind`, or take the one that waits.

        A start that is cancelled leaves nothing running.

        Raises:
            OSError: the system can't start one more process.
        """
        starting = self._tasks.start(f"start {kind}", self._spare_or_new(kind))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            child = await starting
            child.kill()
            await child.wait()
            raise

    async def aclose(self) -> None:
        """Kill and reap every worker that is left."""
        for timer in self._soon.values():
            timer.cancel()
        await asyncio.gather(*self._spare.values(), return_exceptions=True)
        for child in tuple(self._running):
            child.kill()
        for child in tuple(self._running):
            await child.wait()
        await self._tasks.aclose()

    def _start_spare(self, kind: str) -> None:
        del self._soon[kind]
        self._spare[kind] = self._tasks.start(f"warm {kind}", self._start(kind))

    async def _spare_or_new(self, kind: str) -> "WorkerProcess":
        spare = self._spare.pop(kind, None)
        if spare is not None:
            with contextlib.suppress(OSError):
                child = await spare
                if child.running:
                    return child
        return await self._start(kind)

    async def _start(self, kind: str) -> "WorkerProcess":
        process = await asyncio.create_subprocess_exec(
            *command(kind),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=worker_environment(os.environ),
            # The app may have been started on a drive that the user wants to eject.
            cwd=tempfile.gettempdir(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        child = WorkerProcess(process, self._tasks, self._starved)
        self._running.add(child)
        if self._journal is not None:
            self._journal.add(child.pid)
        self._tasks.start(f"forget {child.pid}", self._forget(child))
        return child

    async def _forget(self, child: "WorkerProcess") -> None:
        await child.wait()
        self._running.discard(child)


@dataclass(frozen=True)
class WorkerExit:
    """How a worker ended."""

    code: int
    stderr: str
    starved: bool = False
    """The system has ended processes for want of memory meanwhile."""


class WorkerProcess:
    """One running worker."""

    def __init__(
        self, process: Process, tasks: TaskScope, starved: Callable[[], int] = lambda: 0
    ) -> None:
        self._process = process
        self._starved = starved
        self._starved_before = starved()
        self._lines = LastLines()
        self._measured = _process_of(process.pid)
        self._given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._patience: asyncio.TimerHandle | None = None
        watch = tasks.start(f"watch {process.pid}", self._watch())
        self._ended = tasks.start(f"reap {process.pid}", self._reap(watch))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it hasn't ended, as far as anybody has noticed."""
        return self._process.returncode is None and not self._ended.done()

    def send(self, frame: bytes) -> None:
        """Queue one encoded frame for its stdin; a worker that is gone ignores it."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(frame)

    async def received(self) -> AsyncIterator[bytes]:
        """Raw bytes of its stdout as they come, until it closes them. For one reader."""
        stdout = self._process.stdout
        while stdout is not None and (data := await stdout.read(READ_BYTES)):
            yield data

    def memory(self) -> int | None:
        """Its resident bytes; None when it is gone."""
        if self._measured is None or not self.running:
            return None
        try:
            return int(self._measured.memory_info().rss)
        except psutil.Error:
            return None

    def kill(self) -> None:
        """End it at once; one that doesn't is given up after KILL_SECONDS."""
        if self._ended.done():
            return
        if self._patience is None:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(KILL_SECONDS, self._given_up.set_result, None)
        if self._process.returncode is not None:
            return
        if sys.platform == "win32":
            self._process.kill()
            return
        # asyncio's own kill may reap the process itself and lose its exit status to nobody.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    async def wait(self) -> WorkerExit:
        """Wait until it has ended and is reaped, or was given up. Any number may wait."""
        return await asyncio.shield(self._ended)

    async def _watch(self) -> int:
        stderr = self._process.stderr
        while stderr is not None and (data := await stderr.read(READ_BYTES)):
            self._lines.feed(data)
        return await self._process.wait()

    async def _reap(self, watch: asyncio.Task[int]) -> WorkerExit:
        either: tuple[asyncio.Future[Any], ...] = watch, self._given_up
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._patience is not None:
            self._patience.cancel()
        if watch.done():
            starved = self._starved() > self._starved_before
            return WorkerExit(watch.result(), self._lines.text(), starved)
        watch.cancel()
        # Only the transport closes the pipes to us, whose readers would otherwise wait on.
        self._process._transport.close()  # type: ignore[attr-defined] # noqa: SLF001
        code = self._process.returncode
        if code is None:
            log.error("Worker %d doesn't end though it was killed, and is given up", self.pid)
        return WorkerExit(KILLED if code is None else code, self._lines.text())


class LastLines:
    """Keeps the end of a stream of text, in bounded memory."""

    def __init__(self, count: int = KEPT_LINES, length: int = LINE_LENGTH) -> None:
        self._lines: deque[str] = deque(maxlen=count)
        self._length = length
        self._open = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        *lines, self._open = (self._open + data).split(b"\n")
        self._lines.extend(self._cut(line) for line in lines)
        # Four bytes are the longest character, so that what is cut here wouldn't be shown.
        self._open = self._open[: 4 * self._length + 4]

    def text(self) -> str:
        """The kept lines; one that hasn't ended yet is the last."""
        last = [self._cut(self._open)] if self._open else []
        return "\n".join([*self._lines, *last])

    def _cut(self, line: bytes) -> str:
        text = line.decode(errors="replace").rstrip()
        return text if len(text) <= self._length else f"{text[: self._length]}…"


def command(kind: str) -> list[str]:
    """The command line that starts a worker, from a checkout, an installation and a bundle."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--worker", kind]
    # Safe path: a folder named `app` where the user happens to stand must not be run.
    return [sys.executable, "-P", "-m", "app", "--worker", kind]


def worker_environment(own: Mapping[str, str]) -> dict[str, str]:
    """The environment for a worker: what it needs of ours, and what tunes the engine."""
    kept = {
        name: value
        for name, value in own.items()
        if name.upper() in PASSED_ON or name.startswith("LC_")
    }
    if not getattr(sys, "frozen", False):
        root = str(Path(app.__file__).resolve().parent.parent)
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (root, kept.get("PYTHONPATH"))))
    return kept | ENGINE_ENVIRONMENT


def _process_of(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None
