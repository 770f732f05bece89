"""Which projector belongs to a model: the file that turns pictures and sound into its input."""

import re
from pathlib import PurePath

from app.gguf.header import Header, HeaderError
from app.gguf.reader import read_header
from app.library.found import PROJECTOR, FoundFile, FoundModel, stem_of
from app.library.quantisation import WRITTEN

_WIDTHS = ("clip.vision.projection_dim", "clip.audio.projection_dim")
_FILLER = frozenset({"", "model", "gguf", PROJECTOR, "vision", "it", "instruct"})
_SEPARATORS = re.compile(r"[-_. ]+")


def projector_of(found: FoundModel, header: Header) -> tuple[str, Header] | None:
    """The projector that fits a model, with its header; None where there is none.

    Args:
        found: the model and the projectors beside it.
        header: the model's.
    """
    width = header.own_integer("embedding_length")
    for file in sorted(found.projectors, key=lambda file: -_likeness(file, found)):
        if found.neighbours and not _may_be_its_own(file, found):
            continue
        read = _read(file)
        if read is not None and _width(read) in {None, width}:
            return file.path, read
    return None


def _read(file: FoundFile) -> Header | None:
    try:
        header = read_header(file.path)
    except (HeaderError, OSError):
        # A projector that can't be read only means that the model doesn't see.
        return None
    return header if header.architecture == "clip" else None


def _width(header: Header) -> int | None:
    widths = (header.integer(key) for key in _WIDTHS)
    return next((width for width in widths if width is not None), None)


def _may_be_its_own(file: FoundFile, found: FoundModel) -> bool:
    """Whether the names allow it, where other models lie there too.

    One that names no model serves all of them that it fits.
    """
    words = _words(file.path)
    return not words or words <= _words(found.path) or _words(found.path) <= words


def _likeness(file: FoundFile, found: FoundModel) -> int:
    return len(_words(file.path) & _words(found.path))


def _words(path: str) -> frozenset[str]:
    """What a file's name says, without its packing and what every name says."""
    stem = WRITTEN.sub("", "-" + stem_of(PurePath(path).name)).casefold()
    return frozenset(_SEPARATORS.split(stem)) - _FILLER
