"""Hands what a later start was asked for to the instance that has the state already.

The first instance opens a door beside the state: a socket, and a file that says where it is and
holds the word to say there. It is a Unix socket where the system has them and the path isn't too
long for one, else a port that only this machine reaches. One line of JSON goes in, and lines of one
word come back.
"""

import contextlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # A later start needs no event loop, and to import one takes most of its time.
    from asyncio import AbstractEventLoop

log = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0
"""How long an instance that is up may take to answer."""
LEAVING_SECONDS = 15.0
"""How long one that is starting or closing may take, which it says at once."""
READING_SECONDS = 1.0
"""How long somebody at the door may take to say what for."""
MOST_BYTES = 4_000_000
"""More than a command line can hold."""
MOST_PATHS = 20_000
MOST_GUESTS = 8
"""Who is listened to at once; others are sent away."""
LONGEST_PATH = 100
"""Bytes of a path that every system takes for a Unix socket."""
LONGEST_TOKEN = 1_000
LOOPBACK = "127.0.0.1"


class Answer(StrEnum):
    """What the first instance says."""

    TAKEN = "taken"
    STARTING = "starting"
    """It takes it once its window is there."""
    CLOSING = "closing"
    """It takes nothing any more; the state will be free."""


@dataclass(frozen=True)
class Handover:
    """What a start was asked for."""

    paths: tuple[str, ...] = ()
    """Files and folders, absolute."""
    activation: str = ""
    """The desktop's leave to come to the front; empty where it gives none."""


class Reception:
    """The door of the first instance. What comes through it is trusted with nothing."""

    def __init__(self, door: Path, *, unix: bool = hasattr(socket, "AF_UNIX")) -> None:
        """Open it; whoever comes waits until somebody attends.

        Args:
            door: the file that says where it is; what is left of an earlier one is replaced.
            unix: whether to use a Unix socket where that can be.

        Raises:
            OSError: it can't be opened.
        """
        self._door = door
        self._word = os.urandom(16).hex()
        self._changed = threading.Condition()
        self._take: Callable[[Handover], None] | None = None
        self._loop: AbstractEventLoop | None = None
        self._closing = False
        self._guests = threading.BoundedSemaphore(MOST_GUESTS)
        door.unlink(missing_ok=True)
        self._socket_path = door.with_suffix(".socket")
        self._listener, self._address = _listen(self._socket_path, unix=unix)
        try:
            _write_privately(door, json.dumps({"address": self._address, "word": self._word}))
        except OSError:
            self._listener.close()
            raise
        self._closed = False
        self._thread = threading.Thread(target=self._receive, name="reception", daemon=True)
        self._thread.start()

    @contextmanager
    def attended(
        self, loop: "AbstractEventLoop", take: Callable[[Handover], None]
    ) -> Iterator[None]:
        """Call `take` on an event loop for what comes, until the block is left."""
        with self._changed:
            self._take, self._loop = take, loop
            self._changed.notify_all()
        try:
            yield
        finally:
            self.turn_away()

    def turn_away(self) -> None:
        """From now on tell those who come that this instance is closing."""
        with self._changed:
            self._take, self._closing = None, True
            self._changed.notify_all()

    def close(self) -> None:
        """Take the door away."""
        self.turn_away()
        self._closed = True
        with contextlib.suppress(OSError):
            # The thread that waits there notices nothing else.
            _connected(self._address).close()
            self._thread.join(READING_SECONDS)
        for path in (self._door, self._socket_path):
            with contextlib.suppress(OSError):
                path.unlink()

    def _receive(self) -> None:
        with self._listener:
            while not self._closed:
                try:
                    guest, _ = self._listener.accept()
                except OSError as error:
                    # Such as when too many files are open.
                    log.warning("The reception can't go on: %s", error)
                    return
                self._let_in(guest)

    def _let_in(self, guest: socket.socket) -> None:
        if self._closed:
            guest.close()
        elif self._guests.acquire(blocking=False):
            threading.Thread(target=self._hear, args=(guest,), name="handover", daemon=True).start()
        else:
            guest.close()

    def _hear(self, guest: socket.socket) -> None:
        try:
            with guest:
                handover = self._understood(_line(guest))
                self._pass_on(handover, guest)
        except Exception as error:  # noqa: BLE001 - the edge: anybody may say anything here
            log.warning("A handover wasn't taken: %s: %s", type(error).__name__, error)
        finally:
            self._guests.release()

    def _understood(self, line: bytes) -> Handover:
        # It is slow to import, and a start has no time.
        from hmac import compare_digest  # noqa: PLC0415

        said = json.loads(line)
        if not isinstance(said, dict) or not isinstance(said.get("word"), str):
            raise ValueError("no handover")  # noqa: TRY004 - what came is wrong, not what was called
        if not compare_digest(said["word"].encode(), self._word.encode()):
            raise ValueError("another word")
        return _checked(said.get("paths"), said.get("activation"))

    def _pass_on(self, handover: Handover, guest: socket.socket) -> None:
        with self._changed:
            if not self._attends():
                guest.sendall(f"{Answer.STARTING}\n".encode())
                self._changed.wait_for(self._attends, LEAVING_SECONDS)
            take, loop = self._take, self._loop
        answer = Answer.CLOSING
        if take is not None and loop is not None:
            _call(loop, take, handover)
            answer = Answer.TAKEN
        guest.sendall(f"{answer}\n".encode())

    def _attends(self) -> bool:
        return self._take is not None or self._closing


def hand_over(door: Path, handover: Handover) -> Answer | None:
    """Go to the door that a file tells of, and say what there is to hand over.

    Returns:
        What came of it; None when nobody answers in time.
    """
    try:
        said = json.loads(door.read_text(encoding="utf-8"))
        address, word = said["address"], said["word"]
        message = {
            "word": word,
            "paths": handover.paths,
            "activation": handover.activation,
        }
        with _connected(address) as host:
            host.settimeout(ANSWER_SECONDS)
            host.sendall(json.dumps(message).encode() + b"\n")
            return _answer(host)
    except (OSError, ValueError, TypeError, KeyError):
        # No door, half a door, the door of one that was killed: all the same to a guest.
        return None


def _answer(host: socket.socket) -> Answer | None:
    with host.makefile("rb") as lines:
        answer = Answer(lines.readline(LONGEST_TOKEN).decode().strip())
        if answer is Answer.STARTING:
            host.settimeout(LEAVING_SECONDS)
            answer = Answer(lines.readline(LONGEST_TOKEN).decode().strip())
    return answer


def _call(loop: "AbstractEventLoop", take: Callable[[Handover], None], handover: Handover) -> None:
    """Have it taken on the loop.

    Raises:
        TimeoutError: the loop hangs; it isn't taken later either.
    """
    done: Future[None] = Future()

    def run() -> None:
        if done.set_running_or_notify_cancel():
            try:
                take(handover)
            finally:
                done.set_result(None)

    loop.call_soon_threadsafe(run)
    try:
        done.result(ANSWER_SECONDS)
    except TimeoutError:
        if done.cancel():
            raise
    except CancelledError as error:
        raise TimeoutError from error


def _checked(paths: object, activation: object) -> Handover:
    if not isinstance(paths, list) or len(paths) > MOST_PATHS or not isinstance(activation, str):
        raise ValueError("no handover")
    if len(activation) > LONGEST_TOKEN or not activation.isprintable():
        raise ValueError("no activation token")
    for path in paths:
        if not isinstance(path, str) or not os.path.isabs(path) or "\0" in path:  # noqa: PTH117 - of text that may be no path
            raise ValueError("no path")
        os.fsencode(path)
    return Handover(paths=tuple(paths), activation=activation)


def _line(guest: socket.socket) -> bytes:
    end = time.monotonic() + READING_SECONDS
    data = bytearray()
    while not data.endswith(b"\n"):
        guest.settimeout(max(0.001, end - time.monotonic()))
        part = guest.recv(1 << 16)
        if not part:
            raise ValueError("it broke off")
        data += part
        if len(data) > MOST_BYTES:
            raise ValueError("it is too long")
    guest.settimeout(ANSWER_SECONDS)
    return bytes(data)


def _listen(path: Path, *, unix: bool) -> tuple[socket.socket, str | int]:
    path.unlink(missing_ok=True)
    if unix and len(os.fsencode(path)) <= LONGEST_PATH:
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(os.fspath(path))
            path.chmod(0o600)
            listener.listen()
        except OSError as error:
            # Some drives can't hold a socket.
            log.info("No Unix socket at %s: %s", path, error)
            listener.close()
        else:
            return listener, os.fspath(path)
    listener = socket.create_server((LOOPBACK, 0))
    return listener, int(listener.getsockname()[1])


def _connected(address: object) -> socket.socket:
    if isinstance(address, int):
        return socket.create_connection((LOOPBACK, address), ANSWER_SECONDS)
    host = socket.socket(socket.AF_UNIX)
    try:
        host.settimeout(ANSWER_SECONDS)
        host.connect(str(address))
    except BaseException:
        host.close()
        raise
    return host


def _write_privately(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
