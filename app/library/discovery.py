"""Finds model files below a folder, in a thread, and reads them."""

import os
import shutil
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import MappingProxyType

from app.domain.errors import MissingFile
from app.domain.file_faults import FileFault
from app.domain.models import Folder
from app.gguf.header import HeaderError
from app.library.findings import Findings, ScanBatch
from app.library.found import shard_paths
from app.library.reading import HeaderReader
from app.library.scanning import scan
from app.library.specs import read_model, refused
from app.library.stores import find_stores
from app.library.trash import move_to_trash
from app.library.walking import absolute, beside, folder_error
from app.library.watching import watch
from app.ports.processes import Children
from app.tasks import in_daemon_thread


class LocalModelFiles:
    """The models on this machine's disks."""

    def __init__(
        self,
        environment: Mapping[str, str] = MappingProxyType({}),
        children: Children | None = None,
    ) -> None:
        """Prepare without looking.

        Args:
            environment: the variables that say where other programs keep their models.
            children: what starts a process for much reading; None has threads do it all.
        """
        self._environment = environment
        self._children = children

    async def stores(self) -> tuple[Folder, ...]:
        """The stores of other programs that are there now."""
        return await in_daemon_thread(find_stores, self._environment)

    async def scan(
        self, folder: Folder, known: Mapping[str, str]
    ) -> AsyncGenerator[ScanBatch, None]:
        """Read every model below a folder, in batches that come as they are found.

        Closing the generator ends the scan.

        Args:
            folder: where to look.
            known: the marks of files by path; one that still has its mark is not read again.

        Raises:
            FolderError: the folder can't be read.
        """
        reader = HeaderReader(self._children)
        batches = scan(folder, known, reader)
        try:
            async for batch in batches:
                yield batch
        finally:
            await batches.aclose()
            await reader.aclose()

    def watch(self, folder: str) -> AsyncGenerator[None, None]:
        """Yield whenever models below a folder may have changed and it has been quiet since.

        Closing the generator ends the watch.

        Raises:
            FolderError: its file system tells of no changes.
        """
        return watch(absolute(folder))

    async def read(self, path: str) -> ScanBatch:
        """One file, with the shards and projectors beside it, as a batch of one model.

        Broken files come back INVALID with their reason.

        Raises:
            MissingFile: there is no such file.
        """
        return await in_daemon_thread(_read, absolute(path))

    async def present(self, paths: Sequence[str]) -> frozenset[str]:
        """Those of the files and folders that exist now."""
        return await in_daemon_thread(_present, paths)

    async def trash(self, path: str, shards: int) -> None:
        """Move a model's file, with its other shards, into the system's trash.

        Raises:
            FolderError: it can't be moved.
        """
        await move_to_trash(shard_paths(path, shards))

    async def free_space(self, folder: str) -> int:
        """Bytes that can be written below a folder.

        Raises:
            FolderError: the folder isn't there or can't be written to.
        """
        return await in_daemon_thread(_free_space, folder)


def _read(path: str) -> ScanBatch:
    try:
        found = beside(path)
        reading = read_model(found)
    except OSError as error:
        raise MissingFile(
            f"The file {path} isn't there.",
            "Connect its drive, or choose the file again.",
            str(error),
        ) from error
    if reading.alike is None:
        reading = refused(found, HeaderError(FileFault.ADDITION))._replace(lasting=False)
    findings = Findings()
    findings.add(found, reading)
    return findings.batch(len(found.parts), 1)


def _free_space(folder: str) -> int:
    try:
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied", folder)
        return shutil.disk_usage(folder).free
    except OSError as error:
        raise folder_error(folder, error) from error


def _present(paths: Sequence[str]) -> frozenset[str]:
    return frozenset(path for path in paths if os.path.exists(path))  # noqa: PTH110 - never raises
