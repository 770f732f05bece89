"""Notices changes below a folder, where its file system tells of them."""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING

import psutil

from app.domain.errors import FolderError
from app.tasks import in_daemon_thread

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

QUIET_SECONDS = 1.0
"""A download or a copy comes in many steps; after so long without one it is looked at."""
LONGEST_SECONDS = 10.0
"""It is looked at all the same when it was never quiet for so long."""
REMOTE = frozenset(
    {
        "9p", "afpfs", "afs", "ceph", "cifs", "davfs", "drvfs", "fuse.rclone", "fuse.sshfs",
        "glusterfs", "ncpfs", "nfs", "nfs4", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "webdav",
    }
)  # fmt: skip
"""File systems on which somebody else's changes go unnoticed."""

log = logging.getLogger(__name__)


async def watch(folder: str) -> AsyncGenerator[None, None]:
    """Yield whenever models below a folder may have changed and it has been quiet since.

    Closing the generator ends the watch.

    Raises:
        FolderError: its file system tells of no changes.
    """
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        # The loop may be closed by the time that a thread has something to say.
        if not loop.is_closed():
            loop.call_soon_threadsafe(changed.set)

    observer = await in_daemon_thread(_observed, folder, tell)
    try:
        while True:
            await changed.wait()
            await _quiet(changed)
            yield
    finally:
        # Its threads are daemons: they end on their own, and nobody waits for a drive that hangs.
        observer.stop()


async def _quiet(changed: asyncio.Event) -> None:
    """Wait until nothing has changed for a while."""
    loop = asyncio.get_running_loop()
    end = loop.time() + LONGEST_SECONDS
    while changed.is_set() and loop.time() < end:
        changed.clear()
        await asyncio.sleep(QUIET_SECONDS)
    changed.clear()


def _observed(folder: str, tell: Callable[[], None]) -> "BaseObserver":
    if is_remote(folder, ((part.mountpoint, part.fstype) for part in _partitions())):
        raise _unwatched(folder, "a network file system")
    # Imported on this thread: watchdog takes its time, and no start has to wait for it.
    from app.library.observers import observe  # noqa: PLC0415

    try:
        return observe(folder, tell)
    except OSError as error:
        # The folder is gone, or the system watches as many as it is allowed to.
        raise _unwatched(folder, str(error)) from error


def is_remote(folder: str, mounts: Iterable[tuple[str, str]]) -> bool:
    """Whether a folder lies on a file system that others change unnoticed.

    Args:
        folder: its path.
        mounts: mount points with the names of their file systems.
    """
    path = PurePath(os.path.realpath(folder))
    above = [(place, kind) for place, kind in mounts if path.is_relative_to(place)]
    return bool(above) and max(above, key=lambda mount: len(mount[0]))[1].casefold() in REMOTE


def _partitions() -> list[psutil._ntuples.sdiskpart]:
    try:
        return psutil.disk_partitions(all=True)
    except OSError as error:
        log.info("The mounted file systems aren't known: %s", error)
        return []


def _unwatched(folder: str, detail: str) -> FolderError:
    return FolderError(
        f"Changes in {folder} go unnoticed.", "Rescan it when something has changed.", detail
    )
