"""Looks for keys that lie openly: in the app's own files, and in what its child processes show."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from app.domain.secrets import AuditFinding, AuditReport, Secret
from app.tasks import in_daemon_thread

CHUNK = 1 << 20
SHORTEST = 8
"""Characters; a shorter text is a placeholder such as "none", and found everywhere."""

Needles = Mapping[str, frozenset[bytes]]
"""For each entry of the keyring the forms that its key could have in a file."""


class FileAudit:
    """Searches some folders with all that is below them, and this process's children."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    async def search(self, keys: Mapping[str, Secret]) -> AuditReport:
        """Look for each key, by the name of its entry, in every file and child process."""
        return await in_daemon_thread(_search, self._folders, needles(keys))


def needles(keys: Mapping[str, Secret]) -> Needles:
    """What to look for: the key as UTF-8, as UTF-16 and as JSON writes it."""
    found = {}
    for credential, key in keys.items():
        text = key.reveal()
        if len(text) >= SHORTEST:
            forms = (text.encode(), text.encode("utf-16-le"), json.dumps(text)[1:-1].encode())
            found[credential] = frozenset(forms)
    return found


def _search(folders: Sequence[Path], sought: Needles) -> AuditReport:
    findings: list[AuditFinding] = []
    unreadable: list[str] = []
    files = sorted({path for folder in folders for path in _files(folder)})
    for path in files:
        try:
            hits = _in_file(path, sought)
        except OSError:
            unreadable.append(str(path))
            continue
        findings += [AuditFinding(place=str(path), credential=item) for item in hits]
    processes = 0
    for place, content in _processes():
        processes += place.endswith("arguments")
        open_there = sorted(_within(content, sought))
        findings += [AuditFinding(place=place, credential=item) for item in open_there]
    return AuditReport(
        keys=len(sought),
        files=len(files),
        processes=processes,
        findings=tuple(findings),
        unreadable=tuple(unreadable),
    )


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (path for name in names if (path := Path(place, name)).is_file())


def _in_file(path: Path, sought: Needles) -> list[str]:
    longest = max((len(form) for forms in sought.values() for form in forms), default=1)
    hits: set[str] = set()
    tail = b""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            # A key may lie across two chunks.
            hits |= _within(tail + chunk, sought)
            tail = (tail + chunk)[-longest:]
    return sorted(hits)


def _within(content: bytes, sought: Needles) -> set[str]:
    return {item for item, forms in sought.items() if any(form in content for form in forms)}


def _processes() -> Iterator[tuple[str, bytes]]:
    """What others may read of each child process: its arguments and its environment."""
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        try:
            yield f"process {process.pid}: arguments", "\0".join(process.cmdline()).encode()
            if process != own:
                # Ours is the person's own doing: a variable may hold a key on purpose.
                variables = process.environ()
                yield f"process {process.pid}: environment", json.dumps(variables).encode()
        except psutil.Error:
            continue
