"""A lock on a file, which the system takes back when its owner ends, however that ends."""

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FileLock:
    """An exclusive lock; the file stays behind and means nothing by itself."""

    def __init__(self, path: Path) -> None:
        """Nothing is taken yet."""
        self._path = path
        self._descriptor: int | None = None

    def take(self, *, make: bool = True) -> bool:
        """Take the lock unless somebody has it; returns at once.

        Args:
            make: make the file where there is none.

        Returns:
            Whether the lock is this one's now.

        Raises:
            OSError: the file can't be opened, or its drive knows no locks.
        """
        if self._descriptor is not None:
            return True
        flags = os.O_RDWR | (os.O_CREAT if make else 0)
        descriptor = os.open(self._path, flags, 0o600)
        try:
            taken = _lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if taken:
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return taken

    def release(self) -> None:
        """Let go of the lock. Safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
