"""Ollama's store: manifests by model and tag, and the files that they name by their digest."""

import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

from app.library.found import FoundFile, FoundModel

MANIFEST_LIMIT = 1024 * 1024
"""Bytes; a manifest is a list of some ten digests."""
REGISTRY, LIBRARY = "registry.ollama.ai", "library"
"""What Ollama leaves out of a model's name."""

_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
_KIND = "application/vnd.ollama.image."

log = logging.getLogger(__name__)


class Manifest(NamedTuple):
    """What one tag stands for."""

    name: str
    model: str
    """The digest of the model's file, in hexadecimal."""
    projectors: tuple[str, ...]


def walk(folder: str) -> Iterator[tuple[int, list[FoundModel]]]:
    """Every model of a store, each with its name, and how many files each step has looked at.

    A file that several tags name is one model, by its first tag other than `latest`.

    Raises:
        OSError: the store can't be read.
    """
    blobs, listed = Path(folder) / "blobs", Path(folder) / "manifests"
    if not listed.exists() and Path(folder).is_dir():
        # Nothing was ever pulled.
        return
    tags: dict[str, list[Manifest]] = {}
    for path in _manifests(listed):
        yield 1, []
        manifest = read_manifest(path, path.relative_to(listed))
        if manifest is not None:
            tags.setdefault(manifest.model, []).append(manifest)
    for model, manifests in tags.items():
        file = _file(blobs, model)
        if file is None:
            continue
        named = min(manifests, key=lambda tag: (tag.name.endswith(":latest"), tag.name))
        beside = (_file(blobs, digest) for digest in named.projectors)
        projectors = tuple(found for found in beside if found is not None)
        yield 1, [FoundModel((file,), projectors=projectors, name=named.name)]


def read_manifest(path: Path, below: PurePath) -> Manifest | None:
    """What a manifest names; None where it names no model.

    Args:
        path: the manifest.
        below: its path in the folder of manifests: host, namespace, model and tag.
    """
    try:
        with path.open("rb") as file:
            layers = json.loads(file.read(MANIFEST_LIMIT))["layers"]
        digests: dict[str, list[str]] = {}
        for layer in layers:
            match = _DIGEST.fullmatch(layer["digest"])
            if match:
                digests.setdefault(layer["mediaType"], []).append(match[1])
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.info("Passed over a manifest that can't be read: %s: %s", path, error)
        return None
    models = digests.get(_KIND + "model")
    if not models:
        return None
    return Manifest(_name(below), models[0], tuple(digests.get(_KIND + "projector", ())))


def _name(below: PurePath) -> str:
    host, *names, tag = below.parts
    if host != REGISTRY:
        names = [host, *names]
    elif names[:1] == [LIBRARY]:
        names = names[1:]
    return f"{'/'.join(names)}:{tag}"


def _manifests(folder: Path) -> Iterator[Path]:
    """The manifests, which lie four deep: host, namespace, model, tag."""
    pending = [(folder, 0)]
    while pending:
        current, depth = pending.pop()
        try:
            entries = sorted(os.scandir(current), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            if depth == 0:
                raise
            log.info("Passed over a folder that can't be read: %s", error)
            continue
        for entry in entries:
            if depth < 3 and entry.is_dir():  # noqa: PLR2004 - the tag is the fourth
                pending.append((Path(entry.path), depth + 1))
            elif depth == 3 and entry.is_file():  # noqa: PLR2004
                yield Path(entry.path)


def _file(blobs: Path, digest: str) -> FoundFile | None:
    path = blobs / f"sha256-{digest}"
    try:
        status = path.stat()
    except OSError:
        # A pull that was ended leaves the manifest of what was there before, or none.
        return None
    return FoundFile(str(path), status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev)
