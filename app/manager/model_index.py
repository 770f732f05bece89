"""Every model in memory: found by id, by words and by what it is."""

from collections.abc import Collection, Iterable, Iterator
from itertools import compress, islice, repeat
from operator import contains, itemgetter
from typing import Any

from app.domain.model_columns import ModelColumns, columns_of
from app.domain.models import ModelId, ModelPage, ModelQuery, ModelSpec, haystack
from app.manager.trigrams import Trigrams

BLOCK = 64
"""Rows that the trigrams don't tell apart."""
STRETCH = 32
"""Blocks that are run through in one go."""
FEWEST, SHARE = 1_000, 50
"""So many late models, or one for so many there are, and all are sorted anew."""
GONE = "\0"
"""The search text of a row whose model went or has another place: nobody types it."""


class ModelIndex:
    """Columns in the order of names, and beside them the models that came since they were made."""

    def __init__(self, columns: ModelColumns | None = None) -> None:
        columns = columns or columns_of(())
        self._columns = columns
        self._specs: dict[ModelId, ModelSpec] = {}
        """Those that somebody has asked for or changed; the others are built when it happens."""
        self._late: dict[ModelId, str] = {}
        """Models without a row here, with their search text."""
        texts = zip(
            columns.names, columns.providers, columns.architectures, columns.quantisations,
            columns.paths, strict=True,
        )  # fmt: skip
        self._arrange(
            _folded(map("\n".join, zip(columns.names, columns.ids, strict=True))),
            [
                columns.ids, _folded(map("\n".join, texts)), columns.providers,
                columns.quantisations, columns.statuses, columns.capabilities, columns.paths, range(len(columns)),
            ],
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self._rows) + len(self._late)

    def __contains__(self, model_id: object) -> bool:
        return model_id in self._rows or model_id in self._late

    def find(self, model_id: ModelId) -> ModelSpec | None:
        """The spec of an id."""
        spec = self._specs.get(model_id)
        if spec is None:
            row = self._rows.get(model_id)
            if row is not None:
                spec = self._specs[model_id] = self._columns.build(self._sources[row])
        return spec

    def specs(self) -> Iterator[ModelSpec]:
        """Every spec, by name."""
        ids = self.search(ModelQuery(limit=None), ()).ids
        return (spec for model_id in ids if (spec := self.find(model_id)) is not None)

    def paths(self) -> list[tuple[ModelId, str]]:
        """Where every model lies, in no order."""
        return [
            *((model_id, self._paths[row]) for model_id, row in self._rows.items()),
            *((model_id, self._specs[model_id].path) for model_id in self._late),
        ]

    def kinds(self) -> tuple[list[str], list[str]]:
        """The provider and the status of every model, in no order."""
        rows = self._rows.values()
        late = [self._specs[model_id] for model_id in self._late]
        return (
            [*(self._providers[row] for row in rows), *(spec.provider for spec in late)],
            [*(self._statuses[row] for row in rows), *(spec.status for spec in late)],
        )

    def search(self, query: ModelQuery, loaded: Collection[ModelId]) -> ModelPage:
        """A page of hits.

        Args:
            query: what to find.
            loaded: the models that are loaded now.
        """
        words = sorted(query.words.casefold().split(), key=len, reverse=True)
        end = None if query.limit is None else query.offset + query.limit
        # One more tells whether there is another page.
        most = None if end is None else end + 1
        if query.loaded:
            found = [m for m in loaded if self._matches(m, words, query)]
            hits = sorted(found, key=self._place)[:most]
        else:
            rows = islice(self._filtered(self._containing(words), query, loaded), most)
            hits = [*map(self._ids.__getitem__, rows)]
            late = [
                m for m in self._late if m not in loaded or query.loaded is None
                if self._matches(m, words, query)
            ]  # fmt: skip
            if late:
                hits = sorted([*hits, *late], key=self._place)[:most]
        more = end is not None and len(hits) > end
        page = hits if end is None else hits[query.offset : end]
        return ModelPage.model_construct(ids=tuple(page), next_offset=end if more else None)

    def put(self, specs: Iterable[ModelSpec]) -> None:
        """Add or replace specs."""
        for spec in specs:
            row = self._rows.get(spec.id)
            if row is not None and self._places[row] != _place_of(spec):
                self._remove(spec.id)
                row = None
            self._specs[spec.id] = spec
            if row is None:
                self._late[spec.id] = haystack(spec)
            else:
                self._replace(row, spec)
        if len(self._late) > max(FEWEST, len(self) // SHARE):
            self._take_in()

    def drop(self, ids: Iterable[ModelId]) -> None:
        """Remove models; unknown ids are ignored."""
        for model_id in ids:
            self._remove(model_id)

    def unlearned(self) -> int | None:
        """A block of rows that `learn` should look at; None when there is none."""
        return self._trigrams.unknown(self._blocks)

    def learn(self, block: int) -> None:
        """Make searches for rare words quicker; takes about a millisecond."""
        self._trigrams.add(block, self._hay[block * BLOCK : (block + 1) * BLOCK])

    # Searching

    def _containing(self, words: list[str]) -> Iterable[int]:
        """Rows that contain every word, in order."""
        if not words:
            return (row for row, hay in enumerate(self._hay) if hay is not GONE)
        rows: Iterable[int] = self._stretched(words[0], self._trigrams.narrow(words, self._blocks))
        for word in words[1:]:
            rows = _with_word(self._hay, word, rows)
        return rows

    def _stretched(self, word: str, blocks: int) -> Iterator[int]:
        hay, whole = self._hay, (1 << STRETCH) - 1
        while blocks:
            first = (blocks & -blocks).bit_length() - 1
            run = blocks >> first & whole
            length = (~run & (run + 1)).bit_length() - 1
            blocks &= ~(((1 << length) - 1) << first)
            start, end = first * BLOCK, (first + length) * BLOCK
            stretch = hay[start:end]
            yield from compress(range(start, end), map(contains, stretch, repeat(word)))

    def _filtered(
        self, rows: Iterable[int], query: ModelQuery, loaded: Collection[ModelId]
    ) -> Iterable[int]:
        if query.provider is not None:
            rows = _equal(self._providers, query.provider, rows)
        if query.quantisation is not None:
            rows = _equal(self._quantisations, query.quantisation, rows)
        if query.status is not None:
            rows = _equal(self._statuses, query.status, rows)
        if query.capability is not None:
            wanted, able = query.capability, self._capabilities
            rows = (row for row in rows if wanted in able[row])
        if query.loaded is False:
            held = {self._rows.get(model_id) for model_id in loaded}
            rows = (row for row in rows if row not in held)
        return rows

    def _matches(self, model_id: ModelId, words: list[str], query: ModelQuery) -> bool:
        spec = self.find(model_id)
        if spec is None:
            return False
        hay = self._late.get(model_id) or haystack(spec)
        return (
            all(word in hay for word in words)
            and query.provider in {None, spec.provider}
            and query.quantisation in {None, spec.quantisation}
            and query.status in {None, spec.status}
            and (query.capability is None or query.capability in spec.abilities)
        )

    def _place(self, model_id: ModelId) -> str:
        row = self._rows.get(model_id)
        return self._places[row] if row is not None else _place_of(self._specs[model_id])

    # Changing

    def _arrange(self, places: list[str], columns: list[Any]) -> None:
        """Lay out the columns by place."""
        order = sorted(range(len(places)), key=places.__getitem__)
        # For a hundred thousand rows this takes a third of the time that indexing each does.
        pick = itemgetter(*order) if len(order) > 1 else tuple
        self._places = [*pick(places)]
        (
            self._ids, self._hay, self._providers, self._quantisations, self._statuses,
            self._capabilities, self._paths, self._sources,
        ) = ([*pick(column)] for column in columns)  # fmt: skip
        self._rows = dict(zip(self._ids, range(len(order)), strict=True))
        self._blocks = -(-len(order) // BLOCK)
        self._trigrams = Trigrams()

    def _take_in(self) -> None:
        """Give every late model its row."""
        rows = list(self._rows.values())
        late = [(self._specs[model_id], hay) for model_id, hay in self._late.items()]
        self._late = {}
        self._arrange(
            [self._places[row] for row in rows] + [_place_of(spec) for spec, _ in late],
            [
                [*map(column.__getitem__, rows), *new]
                for column, new in (
                    (self._ids, [spec.id for spec, _ in late]),
                    (self._hay, [hay for _, hay in late]),
                    (self._providers, [spec.provider for spec, _ in late]),
                    (self._quantisations, [spec.quantisation for spec, _ in late]),
                    (self._statuses, [spec.status for spec, _ in late]),
                    (self._capabilities, [spec.abilities for spec, _ in late]),
                    (self._paths, [spec.path for spec, _ in late]),
                    # A late model's spec is there; it is never built.
                    (self._sources, [-1] * len(late)),
                )
            ],
        )

    def _replace(self, row: int, spec: ModelSpec) -> None:
        self._hay[row] = haystack(spec)
        self._trigrams.amend(row // BLOCK, [self._hay[row]])
        self._providers[row] = spec.provider
        self._quantisations[row] = spec.quantisation
        self._statuses[row] = spec.status
        self._capabilities[row] = spec.abilities
        self._paths[row] = spec.path

    def _remove(self, model_id: ModelId) -> None:
        self._late.pop(model_id, None)
        self._specs.pop(model_id, None)
        row = self._rows.pop(model_id, None)
        if row is not None:
            self._hay[row] = GONE


def _place_of(spec: ModelSpec) -> str:
    return f"{spec.name}\n{spec.id}".casefold()


def _folded(texts: Iterable[str]) -> list[str]:
    """The casefolded texts; one call for all of them is several times as fast."""
    whole = list(texts)
    folded = "\0".join(whole).casefold().split("\0") if whole else []
    return folded if len(folded) == len(whole) else [text.casefold() for text in whole]


def _with_word(texts: list[str], word: str, rows: Iterable[int]) -> Iterable[int]:
    return (row for row in rows if word in texts[row])


def _equal(values: list[Any], value: object, rows: Iterable[int]) -> Iterable[int]:
    return (row for row in rows if values[row] == value)
