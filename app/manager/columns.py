"""Columns of a hundred thousand values, each dealt with in a few calls."""

from collections.abc import Sequence
from operator import contains, itemgetter
from typing import TypeVar, cast

T = TypeVar("T")
Text = TypeVar("Text", bound=str)


def hays(names: Sequence[str], paths: list[str]) -> list[str]:
    """What searches look into: the path, which mostly contains the name."""
    contained = [*map(contains, paths, names)]
    if all(contained):
        return paths
    return [
        path if is_contained else f"{name}\n{path}"
        for name, path, is_contained in zip(names, paths, contained, strict=True)
    ]


def folded(texts: Sequence[str]) -> list[str]:
    """The casefolded texts; one call for all of them is several times as fast."""
    found = "\0".join(texts).casefold().split("\0")
    return found if len(found) == len(texts) else [text.casefold() for text in texts]


def picked(column: Sequence[T], rows: list[int]) -> list[T]:
    """The values of some rows, in their order."""
    if len(rows) < 2:  # noqa: PLR2004 - of one, itemgetter gives no sequence
        return [column[row] for row in rows]
    # For a hundred thousand rows this takes a third of the time that indexing each does.
    return [*itemgetter(*rows)(column)]


def side_by_side(texts: list[Text]) -> list[Text]:
    """Copies that lie in memory one after the other, which are run through in half the time."""
    copies = "\0".join(texts).split("\0")
    return cast("list[Text]", copies) if len(copies) == len(texts) else texts
