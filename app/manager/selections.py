"""Which rows of a stretch are selected: 1 for each that is, 0 for each other, joined as one number."""

from collections.abc import Iterable, Iterator

Selection = bytes | bytearray


def either(selections: Iterable[Selection]) -> bytes:
    """What any of them selects; empty when there is none."""
    given = list(selections)
    if len(given) <= 1:
        return bytes(given[0]) if given else b""
    number = 0
    for selection in given:
        number |= int.from_bytes(selection, "little")
    return number.to_bytes(len(given[0]), "little")


def both(one: Selection, other: Selection) -> bytes:
    """What both of them select."""
    number = int.from_bytes(one, "little") & int.from_bytes(other, "little")
    return number.to_bytes(len(one), "little")


def without(one: Selection, other: Selection) -> bytes:
    """What the first of them selects and the second doesn't."""
    number = int.from_bytes(one, "little") & ~int.from_bytes(other, "little")
    return number.to_bytes(len(one), "little")


def runs(bits: int, longest: int) -> Iterator[tuple[int, int]]:
    """Where runs of ones in a number begin and end, cut where they are too long."""
    whole = (1 << longest) - 1
    while bits:
        first = (bits & -bits).bit_length() - 1
        run = bits >> first & whole
        length = (~run & (run + 1)).bit_length() - 1
        bits &= ~(((1 << length) - 1) << first)
        yield first, first + length
