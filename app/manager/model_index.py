"""Every model in memory: found by id, by words and by what it is."""

from array import array
from bisect import bisect
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, compress, islice, repeat
from operator import and_, contains
from typing import Any, NamedTuple

from app.domain.model_columns import ModelColumns, columns_of
from app.domain.models import (
    Capability,
    ModelId,
    ModelOrder,
    ModelPage,
    ModelQuery,
    ModelSpec,
    ModelStatus,
)
from app.manager.columns import folded, hays, picked, side_by_side
from app.manager.labels import FEW, Labels
from app.manager.selections import Selection, both, either, runs, without
from app.manager.trigrams import Trigrams

BLOCK = 64
"""Rows that the trigrams don't tell apart."""
STRETCH = 32
"""Blocks that are run through in one go."""
FEWEST, SHARE = 1_000, 50
"""So many late models, or one for so many there are, and all are sorted anew."""
FEW_HITS = 16
"""One hit for so many models, or fewer, is sorted by itself; others are picked from all, sorted."""


class Kind(NamedTuple):
    """What models are filtered and ordered by, the same for many of them."""

    provider: str
    architecture: str
    quantisation: str
    status: ModelStatus
    abilities: frozenset[Capability]
    parameters: int | None
    context_length: int | None

    @property
    def text(self) -> str:
        """What searches look into, casefolded."""
        return "\n".join((self.provider, self.architecture, self.quantisation)).casefold()


class _Test(NamedTuple):
    """What rows have to pass: a word to contain, or one of several labels to have, or either."""

    labels: Sequence[tuple[Labels[Any], bytes]]
    word: str = ""


class ModelIndex:
    """Columns whose rows come by name, those of models that came late at the end.

    A model that goes leaves its row behind, and so does one whose name or path changes.
    """

    def __init__(self, columns: ModelColumns | None = None) -> None:
        columns = columns or columns_of(())
        self._columns = columns
        self._late_sizes: dict[int, int] = {}
        """The bytes of models that came late or changed, by source."""
        self._specs: dict[ModelId, ModelSpec] = {}
        """Those that somebody has asked for or changed; the others are built when it happens."""
        numbers: dict[Kind, int] = {}
        table = [numbers.setdefault(_kind_of(spec), len(numbers)) for spec in columns.alike]
        self._kind_numbers = numbers
        self._names, self._paths = folded(columns.names), [*columns.paths]
        """The folded name and the path of each source: of a row of `columns`, or of a late model."""
        hay = hays(self._names, folded(self._paths))
        kinds = [*map(table.__getitem__, columns.kinds)]
        order = sorted(range(len(columns)), key=self._names.__getitem__)
        self._lay_out(
            side_by_side(picked(columns.ids, order)),
            side_by_side(picked(hay, order)),
            picked(kinds, order),
            order,
        )

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, model_id: object) -> bool:
        return model_id in self._rows

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
        return [(model_id, self._paths[self._sources[row]]) for model_id, row in self._rows.items()]

    def count(self, *statuses: ModelStatus) -> int:
        """How many models there are with one of these statuses."""
        marks = self._statuses.marks(statuses.__contains__)
        marked = self._statuses.marked(marks, 0, len(self._ids))
        return both(self._alive, marked).count(1)

    def copied(self) -> list[ModelId]:
        """The models that several files hold, in no order."""
        marks = [bool(spec.copies) for spec in self._columns.alike]
        stored = compress(self._columns.ids, map(marks.__getitem__, self._columns.kinds))
        changed = (model_id for model_id, spec in self._specs.items() if spec.copies)
        found = map(self.find, {*stored, *changed})
        return [spec.id for spec in found if spec is not None and spec.copies]

    def labels(self) -> tuple[list[str], list[str], list[str]]:
        """Every provider, architecture and quantisation that some model has or had."""
        columns = (self._providers, self._architectures, self._quantisations)
        providers, architectures, quantisations = (column.values() for column in columns)
        return providers, architectures, quantisations

    def alike(self, test: Callable[[Kind], bool]) -> frozenset[ModelId]:
        """The models of the kinds that pass a test; no spec is built for it."""
        passing = [*map(test, self._alike)]
        marked = map(and_, self._alive, map(passing.__getitem__, self._kinds))
        return frozenset(compress(self._ids, marked))

    def kinds(self) -> tuple[list[str], list[str]]:
        """The provider and the status of every model, in no order."""
        return (
            [*compress(self._providers.every(), self._alive)],
            [*compress(self._statuses.every(), self._alive)],
        )

    def search(self, query: ModelQuery, loaded: Collection[ModelId]) -> ModelPage:
        """A page of hits.

        Args:
            query: what to find.
            loaded: the models that are loaded now.
        """
        end = None if query.limit is None else query.offset + query.limit
        # One more tells whether there is another page.
        most = None if end is None else end + 1
        if query.order is ModelOrder.NAME and not query.descending:
            rows = self._by_name(query, loaded, most)
        else:
            rows = self._ordered(self._by_name(query, loaded, None), query)[:most]
        more = end is not None and len(rows) > end
        page = rows if end is None else rows[query.offset : end]
        ids = tuple(map(self._ids.__getitem__, page))
        return ModelPage.model_construct(ids=ids, next_offset=end if more else None)

    def put(self, specs: Iterable[ModelSpec]) -> None:
        """Add or replace specs."""
        for spec in specs:
            row, name = self._rows.get(spec.id), spec.name.casefold()
            if row is not None:
                source = self._sources[row]
                if (self._names[source], self._paths[source]) != (name, spec.path):
                    self._remove(spec.id)
                    row = None
            self._specs[spec.id] = spec
            if row is None:
                self._append(spec, name)
            else:
                self._replace(row, spec)
            self._late_sizes[self._sources[self._rows[spec.id]]] = spec.size_bytes
        self._orders.clear()
        if len(self._ids) - self._sorted > max(FEWEST, len(self) // SHARE):
            self._take_in()

    def drop(self, ids: Iterable[ModelId]) -> None:
        """Remove models; unknown ids are ignored."""
        for model_id in ids:
            self._remove(model_id)
        self._orders.clear()

    def unlearned(self) -> int | None:
        """A block of rows that `learn` should look at; None when there is none."""
        return self._trigrams.unknown(self._blocks)

    def learn(self, block: int) -> None:
        """Make searches for rare words quicker; takes about a millisecond."""
        start, end = block * BLOCK, min((block + 1) * BLOCK, self._sorted)
        texts = self._hay[start:end]
        kinds = {self._kinds[row] for row in range(start, end)}
        self._trigrams.add(block, [*texts, *(self._alike[kind].text for kind in kinds)])

    # Searching

    def _by_name(
        self, query: ModelQuery, loaded: Collection[ModelId], most: int | None
    ) -> list[int]:
        """The first rows that match, by name; `most` of them, or all."""
        words = sorted(query.words.casefold().split(), key=len, reverse=True)
        tests = [*self._filters(query), *map(self._worded, words)]
        held = {row for model_id in loaded if (row := self._rows.get(model_id)) is not None}
        if query.loaded:
            found = [row for row in held if 1 in self._passing(tests, row, row + 1)]
            return sorted(found, key=self._place)[:most]
        blocks = self._trigrams.narrow(words, self._blocks)
        stretches = (
            (first * BLOCK, min(last * BLOCK, self._sorted))
            for first, last in runs(blocks, STRETCH)
        )
        head: Iterable[int] = chain.from_iterable(
            compress(range(start, end), self._passing(tests, start, end))
            for start, end in stretches
        )
        tail = [
            *compress(
                range(self._sorted, len(self._ids)),
                self._passing(tests, self._sorted, len(self._ids)),
            )
        ]
        if query.loaded is False and held:
            head = (row for row in head if row not in held)
            tail = [row for row in tail if row not in held]
        rows = [*islice(head, most)]
        return sorted([*rows, *tail], key=self._place)[:most] if tail else rows

    def _filters(self, query: ModelQuery) -> Iterator[_Test]:
        if query.provider is not None:
            yield _equal(self._providers, query.provider)
        if query.quantisation is not None:
            yield _equal(self._quantisations, query.quantisation)
        if query.status is not None:
            yield _equal(self._statuses, query.status)
        if query.capability is not None:
            wanted = query.capability
            able = self._abilities.marks(lambda abilities: wanted in abilities)
            yield _Test([(self._abilities, able)])

    def _worded(self, word: str) -> _Test:
        columns = (self._providers, self._architectures, self._quantisations)
        marked = [
            (labels, labels.marks(lambda text: word in text.casefold())) for labels in columns
        ]
        return _Test([(labels, marks) for labels, marks in marked if 1 in marks], word)

    def _passing(self, tests: Iterable[_Test], start: int, end: int) -> Selection:
        """The rows of a stretch that pass every test."""
        passed: Selection = self._alive[start:end]
        for test in tests:
            told: Selection = either(
                labels.marked(marks, start, end) for labels, marks in test.labels
            )
            if test.word:
                told = self._told(test.word, start, passed, told)
            passed = both(passed, told)
            if 1 not in passed:
                break
        return passed

    def _told(self, word: str, start: int, passed: Selection, told: Selection) -> Selection:
        """Those told already, and of the others that passed so far those that contain a word."""
        texts = self._hay[start : start + len(passed)]
        left = without(passed, told)
        # To look at a row in vain costs less than to leave it out.
        if 2 * left.count(1) > len(left):
            return either([told or bytes(len(passed)), bytes(map(contains, texts, repeat(word)))])
        found = bytearray(told or bytes(len(passed)))
        contained = map(contains, compress(texts, left), repeat(word))
        for place in compress(compress(range(len(left)), left), contained):
            found[place] = 1
        return found

    def _place(self, row: int) -> tuple[str, ModelId]:
        return self._names[self._sources[row]], self._ids[row]

    def _ordered(self, rows: list[int], query: ModelQuery) -> list[int]:
        """The rows in the order of a query; equal ones stay as they are, unknown ones go last."""
        if query.order is ModelOrder.NAME:
            return rows[::-1]
        if len(rows) < len(self) // FEW_HITS:
            return self._sorted_by(query.order, rows, descending=query.descending)
        wanted = query.order, query.descending
        if wanted not in self._orders:
            everything = self._by_name(ModelQuery(limit=None), (), None)
            self._orders[wanted] = self._sorted_by(
                query.order, everything, descending=query.descending
            )
        order = self._orders[wanted]
        if len(rows) == len(order):
            return order
        hits = bytearray(len(self._ids))
        for row in rows:
            hits[row] = 1
        return [*compress(order, map(hits.__getitem__, order))]

    def _sorted_by(self, order: ModelOrder, rows: list[int], *, descending: bool) -> list[int]:
        values = self._values(order)
        known = [*compress(rows, map(values.__getitem__, rows))]
        known.sort(key=values.__getitem__, reverse=descending)
        if len(known) == len(rows):
            return known
        return known + [row for row in rows if not values[row]]

    def _values(self, order: ModelOrder) -> Sequence[Any]:
        """What each row is ordered by; something false where it is unknown."""
        if order is not ModelOrder.SIZE:
            value = _VALUES[order]
            return [*map([value(kind) for kind in self._alike].__getitem__, self._kinds)]
        sizes = array("q", self._columns.sizes())
        sizes.extend(repeat(0, len(self._names) - len(sizes)))
        for source, size in self._late_sizes.items():
            sizes[source] = size
        # Side by side in memory, they are sorted in half the time that scattered objects take.
        return array("q", map(sizes.__getitem__, self._sources))

    # Changing

    def _lay_out(
        self, ids: list[ModelId], hay: list[str], kinds: list[int], sources: list[int]
    ) -> None:
        """Take rows that come by name, and by id where that is the same."""
        self._ids, self._hay, self._kinds, self._sources = ids, hay, kinds, sources
        self._rows = dict(zip(ids, range(len(ids)), strict=True))
        self._alive = bytearray(b"\1" * len(ids))
        self._sorted = len(ids)
        self._alike = [*self._kind_numbers]
        rows = bytes(self._kinds) if len(self._alike) <= FEW else self._kinds
        self._providers = Labels([kind.provider for kind in self._alike], rows)
        self._architectures = Labels([kind.architecture for kind in self._alike], rows)
        self._quantisations = Labels([kind.quantisation for kind in self._alike], rows)
        self._statuses = Labels([kind.status for kind in self._alike], rows)
        self._abilities = Labels([kind.abilities for kind in self._alike], rows)
        self._orders: dict[tuple[ModelOrder, bool], list[int]] = {}
        """Every row in the orders that were asked for since the last change."""
        self._blocks = -(-len(ids) // BLOCK)
        self._trigrams = Trigrams()

    def _take_in(self) -> None:
        """Give every late model its place, and let go of the rows that nobody is in any more."""
        there = [*compress(range(self._sorted), self._alive)]
        late = compress(range(self._sorted, len(self._ids)), self._alive[self._sorted :])
        rows, end = list[int](), 0
        for row in sorted(late, key=self._place):
            start, end = end, bisect(there, self._place(row), lo=end, key=self._place)
            rows += (*there[start:end], row)
        rows += there[end:]
        self._lay_out(
            picked(self._ids, rows),
            picked(self._hay, rows),
            picked(self._kinds, rows),
            picked(self._sources, rows),
        )

    def _append(self, spec: ModelSpec, name: str) -> None:
        self._rows[spec.id] = len(self._ids)
        self._ids.append(spec.id)
        self._hay += hays([name], [spec.path.casefold()])
        # A late model's spec is there; it is never built.
        self._sources.append(len(self._names))
        self._names.append(name)
        self._paths.append(spec.path)
        self._alive.append(1)
        self._kinds.append(self._number(_kind_of(spec)))
        for labels, value in self._labelled(spec):
            labels.append(value)

    def _replace(self, row: int, spec: ModelSpec) -> None:
        kind = _kind_of(spec)
        number = self._number(kind)
        if number == self._kinds[row]:
            return
        self._kinds[row] = number
        for labels, value in self._labelled(spec):
            labels[row] = value
        if row < self._sorted:
            self._trigrams.amend(row // BLOCK, [kind.text])

    def _remove(self, model_id: ModelId) -> None:
        self._specs.pop(model_id, None)
        row = self._rows.pop(model_id, None)
        if row is not None:
            self._alive[row] = 0

    def _number(self, kind: Kind) -> int:
        number = self._kind_numbers.setdefault(kind, len(self._alike))
        if number == len(self._alike):
            self._alike.append(kind)
        return number

    def _labelled(self, spec: ModelSpec) -> Iterator[tuple[Labels[Any], object]]:
        yield self._providers, spec.provider
        yield self._architectures, spec.architecture
        yield self._quantisations, spec.quantisation
        yield self._statuses, spec.status
        yield self._abilities, spec.abilities


_VALUES: dict[ModelOrder, Callable[[Kind], Any]] = {
    ModelOrder.PROVIDER: lambda kind: kind.provider,
    ModelOrder.ARCHITECTURE: lambda kind: kind.architecture,
    ModelOrder.QUANTISATION: lambda kind: kind.quantisation,
    ModelOrder.PARAMETERS: lambda kind: kind.parameters,
    ModelOrder.CONTEXT: lambda kind: kind.context_length,
}


def _kind_of(spec: ModelSpec) -> Kind:
    return Kind(
        spec.provider, spec.architecture, spec.quantisation, spec.status, spec.abilities,
        spec.parameters, spec.context_length,
    )  # fmt: skip


def _equal(labels: Labels[Any], value: object) -> _Test:
    return _Test([(labels, labels.marks(lambda other: other == value))])
