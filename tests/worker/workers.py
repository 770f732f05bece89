"""A real worker process at the other end of plain pipes, for tests that speak its protocol."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from app.system.processes import command, worker_environment
from app.worker.protocol import Frame, FrameReader, Load, Loaded, Message, Refused, decode, encode


class Worker:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._reader = FrameReader()
        self._frames: list[Frame] = []

    def send(self, message: Message, request: int = 0) -> None:
        self.process.stdin.write(encode(message, request))
        self.process.stdin.flush()

    def next(self) -> tuple[int, Message]:
        while not self._frames:
            data = self.process.stdout.read1()
            if not data:
                raise EOFError(self.process.stderr.read().decode())
            self._frames = list(self._reader.feed(data))
        frame = self._frames.pop(0)
        return frame.request, decode(frame)

    def until(self, kind: type, request: int) -> list[Message]:
        """What the worker says to a request, up to the first message of this kind."""
        said = []
        while not said or not isinstance(said[-1], kind):
            number, message = self.next()
            if number == request:
                said.append(message)
                assert kind is Refused or not isinstance(message, Refused), message
        return said

    def load(self, path, context: int = 2048, slots: int = 4, *, later: bool = True) -> None:
        self.send(Load(str(path), context, 1, embedding=False, slots=slots, later=later), 1)
        self.until(Loaded, 1)


@contextmanager
def worker(kind: str) -> Iterator[Worker]:
    with subprocess.Popen(
        command(kind),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=worker_environment(os.environ),
    ) as process:
        try:
            yield Worker(process)
        finally:
            process.kill()
