"""Moves model files into the system's trash."""

from collections.abc import Sequence
from pathlib import Path

from send2trash import send2trash

from app.domain.errors import FolderError
from app.tasks import in_daemon_thread


async def move_to_trash(paths: Sequence[str]) -> None:
    """Move files into the trash; those that are gone already are passed over.

    Raises:
        FolderError: one of them can't be moved; those before it are in the trash.
    """
    await in_daemon_thread(_move, paths)


def _move(paths: Sequence[str]) -> None:
    for path in paths:
        if not Path(path).exists():
            continue
        try:
            send2trash(path)
        except OSError as error:
            raise FolderError(
                f"The file {path} can't be moved to the trash.",
                "Check its permissions, or delete it in your file manager.",
                str(error),
            ) from error
