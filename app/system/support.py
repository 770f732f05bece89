"""The support bundle: a zip file of the log, the crash files and what the manager tells."""

import asyncio
import contextlib
import getpass
import os
import platform
import stat
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from app.domain.errors import StorageError
from app.domain.support import BundlePart, Echoes, without_person
from app.system.logs import private, redacted
from app.tasks import in_daemon_thread

MOST = 1_000_000
"""Bytes of one file: its end, which tells of what happened last."""
TOLD_AT_ONCE = 200
"""Texts of conversations that are dealt with in one go."""
PACKAGES = ("PySide6-Essentials", "llama-cpp-python", "pydantic", "openai", "anthropic", "jinja2")

Report = Callable[[float], None]


class SupportFiles:
    """Reads the files of some folders and writes bundles."""

    def __init__(self, logs: Path, crashes: Path) -> None:
        self._logs = logs
        self._crashes = crashes

    def facts(self) -> Mapping[str, str]:
        """Versions of what the program is made of, and of the system that it runs on."""
        return {
            "system": platform.platform(),
            "processor": platform.machine(),
            "python": platform.python_version(),
            "bundled": str(getattr(sys, "frozen", False)),
            **{package: _version(package) for package in PACKAGES},
        }

    async def parts(self) -> tuple[BundlePart, ...]:
        """The files that a bundle takes up."""
        return await in_daemon_thread(self._parts)

    async def write(
        self,
        destination: str,
        documents: Mapping[str, str],
        said: AsyncIterator[str],
        on_progress: Report,
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
        texts = {**documents, **await in_daemon_thread(self._read)}
        texts = await in_daemon_thread(_redacted, texts)
        on_progress(0.2)
        echoes = await in_daemon_thread(Echoes, texts.values())
        on_progress(0.4)
        batch: list[str] = []
        async for text in said:
            batch.append(text)
            if len(batch) >= TOLD_AT_ONCE:
                await in_daemon_thread(_hear, echoes, batch)
                batch = []
        await in_daemon_thread(_hear, echoes, batch)
        on_progress(0.6)
        loop = asyncio.get_running_loop()

        def tell(share: float) -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(on_progress, 0.6 + 0.4 * share)

        given_up = threading.Event()
        try:
            return await in_daemon_thread(_write, Path(destination), texts, echoes, tell, given_up)
        finally:
            given_up.set()

    def _parts(self) -> tuple[BundlePart, ...]:
        return tuple(
            BundlePart(name=name, what=what, size_bytes=min(MOST, path.stat().st_size))
            for name, what, path in self._files()
        )

    def _read(self) -> dict[str, str]:
        return {name: _end_of(path) for name, _, path in self._files()}

    def _files(self) -> Sequence[tuple[str, str, Path]]:
        found = []
        for folder, place, what in (
            (self._logs, "logs", "What the program wrote down"),
            (self._crashes, "crashes", "Where it was when it crashed"),
        ):
            paths = sorted(folder.iterdir()) if folder.is_dir() else ()
            found += [
                (f"{place}/{path.name}", what, path)
                for path in paths
                # A link may lead to anything.
                if stat.S_ISREG(path.lstat().st_mode) and path.stat().st_size
            ]
        return found


def _version(package: str) -> str:
    # Slow to import, and nothing that a start needs.
    from importlib import metadata  # noqa: PLC0415

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not there"


def _end_of(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - MOST))
            text = stream.read(MOST).decode("utf-8", errors="replace")
    except OSError as error:
        return f"This file can't be read: {type(error).__name__}\n"
    # What is left of a line says less than it may give away: half a key looks like none.
    return text.partition("\n")[2] if size > MOST else text


def _redacted(texts: Mapping[str, str]) -> dict[str, str]:
    home = Path.home()
    homes = {str(home), os.path.realpath(home)}
    users = {home.name, *_user()}
    return {
        without_person(name, homes, users): without_person(redacted(text), homes, users)
        for name, text in texts.items()
    }


def _user() -> Sequence[str]:
    try:
        return (getpass.getuser(),)
    except (KeyError, OSError):
        return ()


def _hear(echoes: Echoes, texts: Sequence[str]) -> None:
    for text in texts:
        echoes.hear(text)


def _write(
    target: Path,
    texts: Mapping[str, str],
    echoes: Echoes,
    tell: Report,
    given_up: threading.Event,
) -> int:
    # Nothing that a start needs.
    import zipfile  # noqa: PLC0415

    part = target.with_name(f"{target.name}.part")
    try:
        with (
            open(part, "wb", opener=private) as stream,
            zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as bundle,
        ):
            for done, (name, text) in enumerate(texts.items(), start=1):
                if given_up.is_set():
                    break
                bundle.writestr(name, echoes.without(text))
                tell(done / len(texts))
        if not given_up.is_set():
            size = part.stat().st_size
            part.replace(target)
            return size
    except OSError as error:
        raise StorageError(
            f"{target.name} can't be written.", "Choose another place.", str(error)
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return 0
