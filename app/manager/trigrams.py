"""Which blocks of rows may contain a text, so that a search for something rare skips the others."""

import re
from collections.abc import Iterable

BREAKS = re.compile(r"[\n/\\]")
"""Trigrams across these aren't kept: folders and names that repeat are then looked at once."""


class Trigrams:
    """Every three characters that occur in a block. It may name blocks too many, never too few."""

    def __init__(self) -> None:
        self._blocks: dict[str, int] = {}
        """By trigram, the blocks as bits."""
        self._known = 0
        """The blocks that were looked at."""

    def add(self, block: int, texts: Iterable[str]) -> None:
        """Note what occurs in a block, beside what was noted before."""
        bit, blocks = 1 << block, self._blocks
        parts = {part for text in texts for part in BREAKS.split(text)}
        found = {part[at : at + 3] for part in parts for at in range(len(part) - 2)}
        for trigram in found:
            blocks[trigram] = blocks.get(trigram, 0) | bit
        self._known |= bit

    def amend(self, block: int, texts: Iterable[str]) -> None:
        """Note what a block has in addition; one that nobody looked at stays as it is."""
        if self._known >> block & 1:
            self.add(block, texts)

    def unknown(self, blocks: int) -> int | None:
        """The first block of so many that nobody looked at."""
        left = ~self._known & (1 << blocks) - 1
        return (left & -left).bit_length() - 1 if left else None

    def narrow(self, words: Iterable[str], blocks: int) -> int:
        """Those of so many blocks that may contain every word, as bits."""
        every = (1 << blocks) - 1
        narrowed = every & self._known
        for word in words:
            for part in BREAKS.split(word):
                for at in range(len(part) - 2):
                    narrowed &= self._blocks.get(part[at : at + 3], 0)
        return narrowed | every & ~self._known
