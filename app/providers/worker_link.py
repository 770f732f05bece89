"""The app's end of one worker: brings each answer to the request that waits for it."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from app.ports import Child, Exit
from app.tasks import TaskScope
from app.worker import protocol
from app.worker.protocol import Message

log = logging.getLogger(__name__)

SILENT_SLICES = 4
"""A deadline passes in this many parts, each of them silent: after a computer's sleep the first
one is over at once, and the worker still gets the others to speak up."""


class WorkerSilent(Exception):
    """The worker has said nothing for too long."""


class WorkerEnded(Exception):
    """The worker's process is gone."""


class WorkerLink:
    """Owns a child process from its start to its reaping."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._tasks = TaskScope(f"worker {child.pid}")
        self._answers: dict[int, asyncio.Queue[Message | None]] = {}
        self._requests = 0
        self._heard = 0
        self._ready = asyncio.Event()
        self._ended = self._tasks.start("read", self._read())

    @contextmanager
    def ask(self, message: Message) -> Iterator["Answers"]:
        """Send a request and receive what the worker says to it.

        Leaving the context early cancels the request; nothing that still comes is misread.
        """
        self._requests += 1
        request = self._requests
        queue: asyncio.Queue[Message | None] = asyncio.Queue()
        self._answers[request] = queue
        if self.over:
            queue.put_nowait(None)
        self._child.send(protocol.encode(message, request))
        answers = Answers(self, queue)
        try:
            yield answers
        finally:
            del self._answers[request]
            if not answers.complete:
                self._child.send(protocol.encode(protocol.Cancel(), request))

    @property
    def heard(self) -> int:
        """Counts what the worker has said, to anybody."""
        return self._heard

    @property
    def over(self) -> bool:
        """Whether the worker is gone and reaped."""
        return self._ended.done()

    def memory(self) -> int | None:
        """The worker's resident bytes; None when it is gone."""
        return self._child.memory()

    def kill(self) -> None:
        """End the worker at once."""
        self._child.kill()

    async def ready(self) -> None:
        """Wait until the worker has said anything, or has ended."""
        await self._ready.wait()

    async def ended(self) -> Exit:
        """Wait until the worker is gone and reaped."""
        return await asyncio.shield(self._ended)

    async def close(self, grace: float) -> None:
        """Ask the worker to end, kill it after `grace` seconds, and wait until it is reaped."""
        self._child.send(protocol.encode(protocol.Shutdown()))
        try:
            async with asyncio.timeout(grace):
                await self.ended()
        except TimeoutError:
            pass
        finally:
            self._child.kill()
        await self.ended()
        await self._tasks.aclose()

    async def _read(self) -> Exit:
        frames = protocol.FrameReader()
        output = self._child.received()
        try:
            async for data in output:
                for frame in frames.feed(data):
                    self._heard += 1
                    self._ready.set()
                    if queue := self._answers.get(frame.request):
                        queue.put_nowait(protocol.decode(frame))
        except protocol.ProtocolError:
            log.exception("Worker %d spoke out of turn and is ended", self._child.pid)
            self._child.kill()
            # An end is not seen before the pipe's, and that of a full pipe only by who empties it.
            async for _ in output:
                pass
        ended = await self._child.wait()
        self._ready.set()
        for queue in self._answers.values():
            queue.put_nowait(None)
        return ended


class Answers:
    """What the worker says to one request, in order."""

    def __init__(self, link: WorkerLink, queue: asyncio.Queue[Message | None]) -> None:
        self._link = link
        self._queue = queue
        self.complete = False
        """Whether nothing more will come."""

    async def next(self, silence: float) -> Message:
        """The next message.

        Args:
            silence: seconds that the worker may say nothing at all, to anybody.

        Raises:
            WorkerSilent: it has been silent for longer.
            WorkerEnded: its process is gone.
        """
        heard, silent = self._link.heard, 0
        while self._queue.empty() and silent < SILENT_SLICES:
            try:
                async with asyncio.timeout(silence / SILENT_SLICES):
                    return self._taken(await self._queue.get())
            except TimeoutError:
                silent = silent + 1 if self._link.heard == heard else 0
                heard = self._link.heard
        if self._queue.empty():
            raise WorkerSilent
        return self._taken(self._queue.get_nowait())

    def _taken(self, message: Message | None) -> Message:
        if message is None:
            self.complete = True
            raise WorkerEnded
        self.complete = isinstance(
            message,
            protocol.Done
            | protocol.Refused
            | protocol.Loaded
            | protocol.Planned
            | protocol.Computed
            | protocol.Embedded
            | protocol.Tokenised
            | protocol.Detokenised
            | protocol.Rendered,
        )
        return message
