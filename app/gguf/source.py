"""A file of unknown make, read through a window and never past its end."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import Any

from app.domain.file_faults import FileFault
from app.gguf.header import HeaderError

FIRST_WINDOW = 64 * 1024
WINDOW = 1024 * 1024
HEADER_LIMIT = 128 * 1024 * 1024
STRING_LIMIT = 16 * 1024 * 1024

_LENGTH = Struct("<Q")
_NUMBER = Struct("<I")
# A named pipe that is called x.gguf must not hold its reader; Windows has neither flag.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class Source:
    """Reads forward; every read is checked against the file's size and the header's limit."""

    def __init__(self, descriptor: int, size: int, start: bytes = b"") -> None:
        """Begin at the file's start.

        Args:
            descriptor: the open file.
            size: its size in bytes.
            start: its first bytes, where they were read already.
        """
        self.size = size
        self.position = 0
        self._descriptor = descriptor
        self._window = start
        self._start = 0
        self._window_size = FIRST_WINDOW

    def take(self, count: int) -> bytes:
        """The next bytes."""
        at = self.position - self._start
        if at + count > len(self._window):
            self._cover(count)
            at = 0
        self.position += count
        return self._window[at : at + count]

    def unpack(self, form: Struct) -> tuple[Any, ...]:
        """The next values of this form."""
        size = form.size
        at = self.position - self._start
        if at + size > len(self._window):
            self._cover(size)
            at = 0
        self.position += size
        return form.unpack_from(self._window, at)

    def string(self) -> bytes:
        """The next string, undecoded."""
        (length,) = self.unpack(_LENGTH)
        if length > STRING_LIMIT:
            raise HeaderError(FileFault.TEXT_SIZE)
        return self.take(length)

    def named(self) -> tuple[bytes, int]:
        """The next string and the number behind it, as keys and tensors begin."""
        window, at = self._window, self.position - self._start
        name = at + _LENGTH.size
        if name <= len(window):
            end = name + _LENGTH.unpack_from(window, at)[0]
            if end - name <= STRING_LIMIT and end + _NUMBER.size <= len(window):
                self.position += end + _NUMBER.size - at
                return window[name:end], _NUMBER.unpack_from(window, end)[0]
        return self.string(), self.unpack(_NUMBER)[0]

    def skip(self, count: int) -> None:
        """Pass over bytes without reading them."""
        self._check(count)
        self.position += count

    def skip_strings(self, count: int) -> None:
        """Pass over strings, a window at a time."""
        unpack = _LENGTH.unpack_from
        while count:
            if self.position - self._start + _LENGTH.size > len(self._window):
                self._cover(_LENGTH.size)
            window, at = self._window, self.position - self._start
            last = len(window) - _LENGTH.size
            while count and at <= last:
                at += _LENGTH.size + unpack(window, at)[0]
                count -= 1
            self.skip(self._start + at - self.position)

    def _check(self, count: int) -> None:
        end = self.position + count
        if end > self.size:
            raise HeaderError(FileFault.HEADER_CUT)
        if end > HEADER_LIMIT:
            raise HeaderError(FileFault.HEADER_SIZE)

    def _cover(self, count: int) -> None:
        """Make the window begin here and hold the next `count` bytes."""
        self._check(count)
        wanted = min(max(count, self._window_size), self.size - self.position)
        self._window = read_at(self._descriptor, self.position, wanted)
        self._start = self.position
        self._window_size = WINDOW
        if len(self._window) < count:
            raise HeaderError(FileFault.SHORTENED)


def read_at(descriptor: int, offset: int, count: int) -> bytes:
    """Up to `count` bytes from `offset`; fewer only where the file ends."""
    parts = []
    while count:
        if hasattr(os, "pread"):
            part = os.pread(descriptor, count, offset)
        else:
            os.lseek(descriptor, offset, os.SEEK_SET)
            part = os.read(descriptor, count)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        count -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@contextmanager
def open_file(path: str | Path) -> Iterator[tuple[int, int]]:
    """Open a regular file without ever waiting for one: its descriptor and size.

    Raises:
        HeaderError: it is a folder, a pipe or a device.
        OSError: it can't be opened.
    """
    descriptor = os.open(path, _OPEN_FLAGS)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise HeaderError(FileFault.IRREGULAR)
        yield descriptor, status.st_size
    finally:
        os.close(descriptor)
