"""A worker's pipes to the app."""

import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from app.worker import protocol
from app.worker.protocol import Message

READ_BYTES = 65536


class Channel:
    """The worker's end of the pipes: messages out from any thread, messages in on their own."""

    def __init__(self, read_from: int, write_to: int) -> None:
        self._read_from = read_from
        self._write_to = write_to
        self._writing = threading.Lock()

    def send(self, message: Message, request: int = 0) -> None:
        """Write one frame; blocks while the pipe is full."""
        left = memoryview(protocol.encode(message, request))
        try:
            with self._writing:
                while left:
                    left = left[os.write(self._write_to, left) :]
        except OSError:
            os._exit(0)

    def listen(self, receive: Callable[[Message, int], None]) -> None:
        """Hand every message to `receive`, on a new thread, until the app or its pipe ends.

        So a cancel or the app's death is noticed whatever else the process does.
        """
        threading.Thread(target=self.serve, args=(receive,), name="stdin", daemon=True).start()

    def serve(self, receive: Callable[[Message, int], None]) -> NoReturn:
        """Hand every message to `receive`, on this thread, until the app or its pipe ends."""
        # Nothing here is worth an orderly exit: memory and files go back with the process, and
        # the main thread may sit in native code that can't be interrupted.
        try:
            frames = protocol.FrameReader()
            while data := os.read(self._read_from, READ_BYTES):
                for frame in frames.feed(data):
                    message = protocol.decode(frame)
                    if isinstance(message, protocol.Shutdown):
                        os._exit(0)
                    receive(message, frame.request)
        except BaseException:  # noqa: BLE001 - whatever it was, a deaf worker must not stay
            crash()
        os._exit(0)


def crash() -> NoReturn:
    """End the process at once, with the exception under way on standard error."""
    sys.excepthook(*sys.exc_info())
    sys.stderr.flush()
    os._exit(1)
