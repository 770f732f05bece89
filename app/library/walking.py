"""Walks through a folder or store and finds every model in it, opening none."""

import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from app.domain.errors import FolderError
from app.domain.models import Folder, Store
from app.library import ollama
from app.library.found import FoundFile, FoundModel, group, may_be_model, may_be_projector
from app.library.stores import store_name

log = logging.getLogger(__name__)


class Walk:
    """One walk, which may be left at any time."""

    def __init__(self, folder: Folder) -> None:
        """Prepare without looking.

        Args:
            folder: where to look.
        """
        self._folder = folder.model_copy(update={"path": absolute(folder.path)})
        self._unread: list[str] = []
        """Folders that can't be read, so that nobody knows what is in them."""

    def hides(self, path: str) -> bool:
        """Whether a file may well be there: its folder couldn't be read."""
        return any(PurePath(path).is_relative_to(folder) for folder in self._unread)

    def steps(self) -> Iterator[tuple[int, list[FoundModel]]]:
        """The models of each folder, with how many of its files were looked at, model or not.

        Raises:
            FolderError: the folder can't be read.
        """
        if self._folder.store is Store.OLLAMA:
            try:
                yield from ollama.walk(self._folder.path)
            except OSError as error:
                raise folder_error(self._folder.path, error) from error
            return
        pending, places = [self._folder.path], set[tuple[int, int] | str]()
        while pending:
            current = pending.pop()
            try:
                # Links may lead back up; a folder is listed once, by whichever way it is reached.
                place = _place(current)
                if place in places:
                    continue
                places.add(place)
                listing = list_folder(current)
            except OSError as error:
                if current == self._folder.path:
                    raise folder_error(current, error) from error
                log.info("Passed over a folder that can't be read: %s", error)
                self._unread.append(current)
                continue
            pending.extend(reversed(listing.folders))
            found = group(listing.files, listing.projectors)
            if self._folder.store is not None:
                found = [self._named(model) for model in found]
            yield listing.count, found

    def _named(self, found: FoundModel) -> FoundModel:
        name = store_name(self._folder, found.path)
        return found._replace(name=name) if name else found


@dataclass(slots=True)
class Listing:
    """One folder's entries, sorted by what to do with them."""

    files: list[FoundFile] = field(default_factory=list)
    projectors: list[FoundFile] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    others: int = 0

    @property
    def count(self) -> int:
        """Every entry that is no folder."""
        return len(self.files) + len(self.projectors) + self.others


def list_folder(folder: str) -> Listing:
    """What lies in a folder, in the order of names.

    Raises:
        OSError: it can't be read.
    """
    listing = Listing()
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if entry.is_dir():
                    listing.folders.append(entry.path)
                    continue
                wanted = _wanted(entry.name, listing)
                if wanted is not None:
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode):
                        wanted.append(_found(entry.path, status))
                        continue
            except OSError as error:
                log.info("Passed over a file that can't be looked at: %s", error)
            listing.others += 1
    listing.folders.sort()
    listing.files.sort()
    listing.projectors.sort()
    return listing


def beside(path: str) -> FoundModel:
    """A file as a walk through its folder would find it, with what belongs to it.

    Raises:
        OSError: it isn't there, or its folder can't be read.
    """
    status = Path(path).stat()
    alone = FoundModel((_found(path, status),))
    if not stat.S_ISREG(status.st_mode):
        return alone
    listing = list_folder(str(PurePath(path).parent))
    models = group(listing.files, listing.projectors)
    return next(
        (found for found in models if any(part.path == path for part in found.parts)), alone
    )


def folder_error(folder: str, error: OSError) -> FolderError:
    """Why a folder can't be used, in words for people."""
    match error:
        case FileNotFoundError():
            return FolderError(
                f"The folder {folder} isn't there.",
                "Connect its drive, or remove the folder from the library.",
            )
        case NotADirectoryError():
            return FolderError(f"{folder} isn't a folder.", "Choose the folder that holds it.")
        case _:
            return FolderError(
                f"The folder {folder} can't be read.", "Check its permissions.", str(error)
            )


def absolute(path: str) -> str:
    """The path from the root, links left as they are named."""
    return os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links


def _place(folder: str) -> tuple[int, int] | str:
    status = os.stat(folder)  # noqa: PTH116 - a Path for each of thousands of folders takes longer
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(folder)


def _wanted(name: str, listing: Listing) -> list[FoundFile] | None:
    """Where a file of this name belongs; None where it is neither a model nor a projector."""
    if may_be_projector(name):
        return listing.projectors
    return listing.files if may_be_model(name) else None


def _found(path: str, status: os.stat_result) -> FoundFile:
    return FoundFile(path, status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev)
