"""Threads of watchdog's that tell of changes below a folder."""

import os
from collections.abc import Callable

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from app.library.found import SUFFIX

EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent, DirDeletedEvent, DirMovedEvent, FileClosedEvent, FileCreatedEvent,
    FileDeletedEvent, FileModifiedEvent, FileMovedEvent,
]  # fmt: skip


def observe(folder: str, tell: Callable[[], None]) -> BaseObserver:
    """Call `tell` on a thread for what comes or goes, and for models' files that change.

    Raises:
        OSError: the folder is gone, or can't be watched.
    """
    observer = Observer()
    observer.schedule(_Handler(tell), folder, recursive=True, event_filter=EVENTS)
    observer.start()
    return observer


class _Handler(FileSystemEventHandler):
    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Tell of what may be about a model: its own file, or anything that comes or goes."""
        touched = event.event_type in {"modified", "closed"}
        names = (os.fsdecode(path) for path in (event.src_path, event.dest_path) if path)
        if not touched or any(name.casefold().endswith(SUFFIX) for name in names):
            self._tell()
