"""The app's end of the process that reads headers for a scan."""

import asyncio
import logging
from collections.abc import Sequence

from app.library.found import FoundModel
from app.library.packing import Answers, question
from app.library.specs import Reading, read_or_gone
from app.ports.processes import Child, Children
from app.tasks import TaskScope, in_daemon_thread
from app.worker import protocol

KIND = "read"
"""The kind of worker."""

log = logging.getLogger(__name__)


class HeaderReader:
    """Owns one reading process, from when it is worth its start to the end of the scan.

    Without it, and when it ends on its own, a thread reads: the same bounded code, but one that
    takes time from whatever else the app does.
    """

    def __init__(self, children: Children | None = None) -> None:
        """Prepare without starting anything.

        Args:
            children: what starts the process; None has a thread read everything.
        """
        self._children = children
        self._tasks = TaskScope("header reader")
        self._child: Child | None = None
        self._waiting: dict[int, asyncio.Future[protocol.FilesRead]] = {}
        self._answers = Answers()
        self._requests = 0
        self.ready = False
        """Whether the process is up; read by the scan's thread as well."""

    def start(self) -> None:
        """Have the process up soon; once is enough."""
        if self._children is not None:
            self._tasks.start("run", self._run(self._children))
            self._children = None

    def read(self, models: Sequence[FoundModel]) -> asyncio.Task[list[Reading | None]]:
        """Read the headers of some models, in their order; None stands for files that have gone."""
        return self._tasks.start("read", self._read(models))

    async def aclose(self) -> None:
        """End the process and whatever it was asked for."""
        self.ready = False
        await self._tasks.aclose()
        if self._child is not None:
            self._child.kill()
            # The end of a full pipe is only seen by who empties it.
            async for _ in self._child.received():
                pass
            await self._child.wait()

    async def _read(self, models: Sequence[FoundModel]) -> list[Reading | None]:
        try:
            return self._answers.readings(await self._ask(models), len(models))
        except (ConnectionError, ValueError, TypeError, LookupError) as error:
            log.warning("A thread reads %d headers, not the process: %r", len(models), error)
            return await in_daemon_thread(_read_here, models)

    async def _ask(self, models: Sequence[FoundModel]) -> protocol.FilesRead:
        if self._child is None or not self.ready:
            raise ConnectionError
        self._requests += 1
        request = self._requests
        self._waiting[request] = asyncio.get_running_loop().create_future()
        self._child.send(protocol.encode(question(models), request))
        try:
            return await self._waiting[request]
        finally:
            del self._waiting[request]

    async def _run(self, children: Children) -> None:
        """Start the process and hand out what it says until it ends."""
        try:
            self._child = await children.start(KIND)
        except OSError as error:
            log.warning("The process that reads headers can't be started: %s", error)
            return
        try:
            await self._listen(self._child)
        except protocol.ProtocolError:
            log.exception("The process that reads headers spoke out of turn and is ended")
        finally:
            self.ready = False
            self._child.kill()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ConnectionResetError())

    async def _listen(self, child: Child) -> None:
        frames = protocol.FrameReader()
        async for data in child.received():
            for frame in frames.feed(data):
                message = protocol.decode(frame)
                if isinstance(message, protocol.Ready):
                    self.ready = True
                answer = self._waiting.get(frame.request)
                if answer is not None and isinstance(message, protocol.FilesRead):
                    answer.set_result(message)
        ended = await child.wait()
        log.warning("The process that reads headers ended (%d): %s", ended.code, ended.stderr)


def _read_here(models: Sequence[FoundModel]) -> list[Reading | None]:
    return [read_or_gone(found) for found in models]
