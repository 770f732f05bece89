"""Which models a list shows and in which order, quick at a hundred thousand."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from app.domain.models import ModelId, ModelSpec, haystack

MEMO = 32
"""Searches whose hits are remembered; typing on narrows the last one."""

SortKey = Callable[[ModelSpec], Any]
"""A comparable value; None sorts last in either direction."""


class ModelIndex:
    """Specs with their search text, a presorted order, and the hits of the latest searches."""

    def __init__(self) -> None:
        self._specs: Sequence[ModelSpec] = ()
        self._hay: list[str] = []
        self._order: list[int] = []
        self._hits: OrderedDict[str, list[int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._specs)

    def replace(self, specs: Sequence[ModelSpec], key: SortKey, *, descending: bool) -> None:
        """Take other specs; the search text of those that are the same object is kept."""
        kept: dict[ModelId, tuple[ModelSpec, str]] = {
            spec.id: (spec, hay) for spec, hay in zip(self._specs, self._hay, strict=True)
        }
        self._hay = []
        for spec in specs:
            known = kept.get(spec.id)
            same = known is not None and known[0] is spec
            self._hay.append(known[1] if same and known is not None else haystack(spec))
        self._specs = specs
        self.sort(key, descending=descending)

    def sort(self, key: SortKey, *, descending: bool) -> None:
        """Order by `key`; equal ones stay in the order in which the specs came."""
        keys = [key(spec) for spec in self._specs]
        known = [row for row, value in enumerate(keys) if value is not None]
        known.sort(key=keys.__getitem__, reverse=descending)
        self._order = known + [row for row, value in enumerate(keys) if value is None]
        self._hits.clear()

    def search(self, words: str) -> list[ModelSpec]:
        """The specs that contain every word, in order."""
        return [self._specs[row] for row in self._search(" ".join(words.casefold().split()))]

    def _search(self, words: str) -> list[int]:
        if not words:
            return self._order
        if words not in self._hits:
            terms = words.split()
            hay = self._hay
            self._hits[words] = [
                row for row in self._nearest(words) if all(term in hay[row] for term in terms)
            ]
            if len(self._hits) > MEMO:
                self._hits.popitem(last=False)
        return self._hits[words]

    def _nearest(self, words: str) -> list[int]:
        """The smallest known list that contains every hit: a search for a prefix of the words."""
        prefixes = [known for known in self._hits if words.startswith(known)]
        return self._hits[max(prefixes, key=len)] if prefixes else self._order
