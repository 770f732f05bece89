"""Model files on the disks of this machine."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Protocol

from app.domain.inspection import FileDigest, KeyPage, TensorPage, ValuePage
from app.domain.models import Folder, ModelId, ModelSpec, ScannedFile
from app.domain.support import BundlePart


class ModelFiles(Protocol):
    """Model files on disk."""

    async def stores(self) -> tuple[Folder, ...]:
        """The stores of other programs that are there now."""
        ...

    def scan(self, folder: Folder, known: Mapping[str, str]) -> AsyncGenerator["ScanBatch", None]:
        """Read every model below a folder, in batches that come as they are found.

        Closing the generator ends the scan.

        Args:
            folder: where to look.
            known: the marks of files by path; one that still has its mark is not read again.

        Raises:
            FolderError: the folder can't be read.
        """
        ...

    def watch(self, folder: str) -> AsyncGenerator[None, None]:
        """Yield whenever models below a folder may have changed and it has been quiet since.

        Closing the generator ends the watch.

        Raises:
            FolderError: its file system tells of no changes.
        """
        ...

    async def read(self, path: str) -> "ScanBatch":
        """One file, with what belongs to it, as a batch of one model.

        Broken files come back INVALID with their reason.

        Raises:
            MissingFile: there is no such file.
        """
        ...

    async def present(self, paths: Sequence[str]) -> frozenset[str]:
        """Those of the files and folders that exist now."""
        ...

    async def trash(self, path: str, shards: int) -> None:
        """Move a model's file, with its other shards, into the system's trash.

        Raises:
            FolderError: it can't be moved.
        """
        ...

    async def free_space(self, folder: str) -> int:
        """Bytes that can be written below a folder.

        Raises:
            FolderError: the folder isn't there or can't be written to.
        """
        ...


class FileInspection(Protocol):
    """Everything that a model's files say of themselves, a page at a time.

    Each raises MissingFile when the file is gone and InvalidFile when it is broken.
    """

    async def keys(self, path: str, offset: int, limit: int) -> KeyPage:
        """Some of a header's keys, as the file has them."""
        ...

    async def values(self, path: str, key: str, offset: int, limit: int) -> ValuePage:
        """Some items of a key that holds a list; a single value is a list of one."""
        ...

    async def tensors(self, path: str, shards: int, offset: int, limit: int) -> TensorPage:
        """Some of the tensors of all shards, and the quantisation mix of all of them."""
        ...

    async def chat_template(self, path: str) -> tuple[str, dict[str, str]]:
        """The source of the chat template, empty where there is none, and its special tokens."""
        ...

    def sha256(self, path: str, shards: int) -> AsyncGenerator[float | FileDigest, None]:
        """The share of all shards that is hashed so far, 0 to 1, and each one's digest in order."""
        ...


class ScanBatch(Protocol):
    """Some results of a scan under way."""

    @property
    def specs(self) -> tuple[ModelSpec, ...]:
        """Models read since the last batch."""
        ...

    @property
    def files(self) -> int:
        """Files looked at so far, model or not."""
        ...

    @property
    def models(self) -> int:
        """Models found so far, read or known."""
        ...

    @property
    def read(self) -> tuple[ScannedFile, ...]:
        """Every file that was read since the last batch."""
        ...

    @property
    def templates(self) -> Mapping[ModelId, str]:
        """The chat templates of those models that bring one."""
        ...

    @property
    def gone(self) -> tuple[str, ...]:
        """In the last batch, the known files that aren't there any more."""
        ...


class SupportFiles(Protocol):
    """Writes support bundles: what the manager tells, with the log and the crash files."""

    def facts(self) -> Mapping[str, str]:
        """Versions of what the program is made of, and of the system that it runs on."""
        ...

    async def parts(self) -> tuple[BundlePart, ...]:
        """The files that a bundle takes up."""
        ...

    async def write(
        self,
        destination: str,
        documents: Mapping[str, str],
        said: AsyncIterator[str],
        on_progress: Callable[[float], None],
    ) -> int:
        """Write a bundle and give back its size in bytes; cancelled or failed, it leaves nothing.

        Args:
            destination: the file; one that is there is replaced.
            documents: what goes in beside the files, by name.
            said: what was said in conversations, so that none of it is repeated.
            on_progress: gets 0 to 1.

        Raises:
            StorageError: it can't be written.
        """
        ...
