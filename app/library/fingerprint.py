"""Ids of local models: by content, so that a move or a rename keeps a model's history."""

import hashlib

from app.domain.models import ModelId
from app.gguf.source import open_file, read_at

ACCOUNT = "local"
SAMPLE = 1024 * 1024
"""Bytes at each end of the file; reading all of it would take minutes."""


def content_id(path: str) -> ModelId:
    """The id of a file: its size, first and last MiB.

    Raises:
        HeaderError: it isn't a regular file.
        OSError: it can't be read.
    """
    with open_file(path) as (descriptor, size):
        return open_content_id(descriptor, size)


def open_content_id(descriptor: int, size: int, start: bytes = b"") -> ModelId:
    """The same of a file that is open already, and whose first bytes may be known.

    Raises:
        OSError: it can't be read.
    """
    first = start if len(start) == size else read_at(descriptor, 0, SAMPLE)
    last = first if size <= SAMPLE else read_at(descriptor, size - SAMPLE, SAMPLE)
    # In one go: each call lets other threads run first, and a scan makes thousands.
    digest = hashlib.blake2b(size.to_bytes(8, "little") + first + last, digest_size=8)
    return ModelId(f"{ACCOUNT}:{digest.hexdigest()}")


def path_id(path: str) -> ModelId:
    """The id of a file that can't be used: all that is known for sure is where it lies."""
    digest = hashlib.blake2b(path.encode("utf-8", "surrogatepass"), digest_size=8)
    return ModelId(f"{ACCOUNT}:{digest.hexdigest()}")
