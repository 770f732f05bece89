"""The app's end of one worker: brings each answer to the request that waits for it."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from app.ports.processes import Child, Exit
from app.tasks import TaskScope
from app.worker import protocol
from app.worker.protocol import Message

log = logging.getLogger(__name__)

SILENT_SLICES = 4
"""A deadline passes in this many parts, each of them silent: after a computer's sleep the first
one is over at once, and the worker still gets the others to speak up."""


LAST = (
    protocol.Done
    | protocol.Refused
    | protocol.Loaded
    | protocol.Planned
    | protocol.Computed
    | protocol.Embedded
    | protocol.Tokenised
    | protocol.Detokenised
    | protocol.Rendered
)
"""What ends a request."""


class WorkerSilent(Exception):
    """The worker has said nothing for too long."""


class WorkerEnded(Exception):
    """The worker's process is gone."""


class WorkerLink:
    """Owns a child process from its start to its reaping."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._tasks = TaskScope(f"worker {child.pid}")
        self._answers: dict[int, Answers] = {}
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
        answers = self._answers[request] = Answers(self)
        if self.over:
            answers.put(WorkerEnded())
        self._child.send(protocol.encode(message, request))
        try:
            yield answers
        finally:
            del self._answers[request]
            answers.close()
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
                    if answers := self._answers.get(frame.request):
                        answers.put(protocol.decode(frame))
        except protocol.ProtocolError:
            log.exception("Worker %d spoke out of turn and is ended", self._child.pid)
            self._child.kill()
            # An end is not seen before the pipe's, and that of a full pipe only by who empties it.
            async for _ in output:
                pass
        ended = await self._child.wait()
        self._ready.set()
        for answers in self._answers.values():
            answers.put(WorkerEnded())
        return ended


class Answers:
    """What the worker says to one request, in order."""

    def __init__(self, link: WorkerLink) -> None:
        self._link = link
        self._said: asyncio.Queue[Message | WorkerEnded | WorkerSilent] = asyncio.Queue()
        self._look: asyncio.TimerHandle | None = None
        self._heard = self._silent = 0
        self.complete = False
        """Whether nothing more will come."""

    def put(self, said: Message | WorkerEnded | WorkerSilent) -> None:
        """Take what the worker says, or why it says no more."""
        self._said.put_nowait(said)

    def close(self) -> None:
        """Watch for silence no longer."""
        if self._look is not None:
            self._look.cancel()

    async def next(self, silence: float) -> Message:
        """The next message.

        Args:
            silence: seconds that the worker may say nothing at all, to anybody.

        Raises:
            WorkerSilent: it has been silent for longer.
            WorkerEnded: its process is gone.
        """
        if self._said.empty():
            if self._look is None:
                self._silent, self._heard = 0, self._link.heard
                self._look_after(silence / SILENT_SLICES)
            else:
                # What is left of the slice under way is less than one.
                self._silent = -1
        said = await self._said.get()
        if isinstance(said, WorkerEnded):
            self.complete = True
        if isinstance(said, WorkerEnded | WorkerSilent):
            raise said
        self.complete = isinstance(said, LAST)
        return said

    def _look_after(self, seconds: float) -> None:
        """Look for silence in so many seconds, and on: a timer for each message would cost more."""
        loop = asyncio.get_running_loop()
        self._look = loop.call_later(seconds, self._look_for_silence, seconds)

    def _look_for_silence(self, seconds: float) -> None:
        heard = self._link.heard
        self._silent = self._silent + 1 if heard == self._heard and self._said.empty() else 0
        self._heard = heard
        if self._silent >= SILENT_SLICES:
            self.put(WorkerSilent())
            self._look = None
        else:
            self._look_after(seconds)
