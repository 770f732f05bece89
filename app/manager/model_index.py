"""Every model in memory: found by id, by words and by what it is."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, compress, islice, repeat
from operator import contains

from app.domain.model_columns import ModelColumns, columns_of
from app.domain.model_kinds import Kind
from app.domain.models import ModelId, ModelOrder, ModelPage, ModelQuery, ModelSpec, ModelStatus
from app.manager.model_rows import ModelRows
from app.manager.orders import Standing, by_order
from app.manager.selections import Selection, both, either, runs, without
from app.manager.trigrams import Trigrams

BLOCK = 64
"""Rows that the trigrams don't tell apart."""
STRETCH, LONG_STRETCH = 32, 512
"""Blocks that are run through in one go, for the first hits and for all."""
FEWEST, SHARE = 1_000, 50
"""So many late models, or one for so many there are, and all are sorted anew."""
FEW_HITS = 16
"""One hit for so many models, or fewer, is sorted by itself; others are picked from all, sorted."""
REMEMBERED = 32
"""Lines of words whose hits are kept: whoever types goes on from one, and back to it."""


class ModelIndex:
    """Finds models by what their rows say; specs are built when somebody asks for one."""

    def __init__(self, columns: ModelColumns | None = None) -> None:
        self._columns = columns or columns_of(())
        self._specs: dict[ModelId, ModelSpec] = {}
        """Those that somebody has asked for or changed; the others are built when it happens."""
        self.rows = ModelRows(self._columns)
        self._standings: dict[tuple[ModelOrder, bool], Standing] = {}
        """The orders that were asked for since the last change."""
        self._found: dict[str, Selection] = {}
        """The hits of words that were asked for since the last change, by line."""
        self._seen = self.rows.changes
        self._trigrams = Trigrams()

    def __len__(self) -> int:
        return len(self.rows.rows())

    def __contains__(self, model_id: object) -> bool:
        return model_id in self.rows.rows()

    def find(self, model_id: ModelId) -> ModelSpec | None:
        """The spec of an id."""
        spec = self._specs.get(model_id)
        if spec is None:
            row = self.rows.row(model_id)
            # A late model's spec is there; it is never built.
            source = self.rows.source(row) if row is not None else None
            if source is not None:
                spec = self._specs[model_id] = self._columns.build(source)
        return spec

    def specs(self) -> Iterator[ModelSpec]:
        """Every spec, by name."""
        ids = self.search(ModelQuery(limit=None), ()).ids
        return (spec for model_id in ids if (spec := self.find(model_id)) is not None)

    def paths(self) -> list[tuple[ModelId, str]]:
        """Where every model lies, in no order."""
        return [(model_id, self.rows.path(row)) for model_id, row in self.rows.rows().items()]

    def count(self, *statuses: ModelStatus) -> int:
        """How many models there are with one of these statuses."""
        marked = self.rows.alike(lambda kind: kind.status in statuses)
        return both(self.rows.there(), marked).count(1)

    def copied(self) -> list[ModelId]:
        """The models that several files hold, in no order."""
        marks = [bool(spec.copies) for spec in self._columns.alike]
        stored = compress(self._columns.ids, map(marks.__getitem__, self._columns.kinds))
        changed = (model_id for model_id, spec in self._specs.items() if spec.copies)
        found = map(self.find, {*stored, *changed})
        return [spec.id for spec in found if spec is not None and spec.copies]

    def labels(self) -> tuple[list[str], list[str], list[str]]:
        """Every provider, architecture and quantisation that some model has or had."""
        kinds = self.rows.kinds.values()
        return (
            [*dict.fromkeys(kind.provider for kind in kinds)],
            [*dict.fromkeys(kind.architecture for kind in kinds)],
            [*dict.fromkeys(kind.quantisation for kind in kinds)],
        )

    def kinds(self) -> tuple[list[str], list[str]]:
        """The provider and the status of every model, in no order."""
        kinds = self.rows.kinds
        there = [*compress(map(kinds.values().__getitem__, kinds.numbers()), self.rows.there())]
        return [kind.provider for kind in there], [kind.status for kind in there]

    def search(
        self,
        query: ModelQuery,
        loaded: Collection[ModelId],
        among: Selection | None = None,
        ranks: Standing | Mapping[ModelId, float] | None = None,
    ) -> ModelPage:
        """A page of hits.

        Args:
            query: what to find.
            loaded: the models that are loaded now.
            among: the only rows that can be hits; None for any.
            ranks: what hits are ordered by in place of the query's order: an order of all, or
                numbers of some, whom the others follow by name.
        """
        end = None if query.limit is None else query.offset + query.limit
        # One more tells whether there is another page.
        most = None if end is None else end + 1
        by_name = query.order is ModelOrder.NAME and not query.descending and ranks is None
        if by_name and most is not None:
            words = sorted(query.words.casefold().split(), key=len, reverse=True)
            ids = self._first(words, self._filtered(query, loaded, among), most)
        else:
            ids = tuple(self.hits(query, loaded, among, ranks)[:most])
        more = end is not None and len(ids) > end
        page = ids if end is None else ids[query.offset : end]
        return ModelPage.model_construct(ids=page, next_offset=end if more else None)

    def hits(
        self,
        query: ModelQuery,
        loaded: Collection[ModelId],
        among: Selection | None = None,
        ranks: Standing | Mapping[ModelId, float] | None = None,
    ) -> Sequence[ModelId]:
        """Every hit of `search`, its page left aside."""
        words, passed = query.words.casefold().split(), self._filtered(query, loaded, among)
        hits = both(passed, self.containing(" ".join(words))) if words else passed
        return self._arranged(hits, query, ranks)

    def containing(self, line: str) -> Selection:
        """The rows that contain every word of a casefolded line, or are of a kind that does."""
        self._keep_up()
        found = self._found.get(line)
        if found is None:
            # Whoever types a letter more looks for what is among the hits of before.
            shorter = [other for other in self._found if line.startswith(other)]
            passed = self._found[max(shorter, key=len)] if shorter else self.rows.there()
            selected = bytearray(len(self.rows))
            words = sorted(line.split(), key=len, reverse=True)
            tell = self._teller(words, passed)
            late = self.rows.sorted, len(self.rows)
            for start, end in (*self._stretches(words, LONG_STRETCH), late):
                selected[start:end] = tell(start, end)
            if len(self._found) >= REMEMBERED:
                del self._found[next(iter(self._found))]
            found = self._found[line] = bytes(selected)
        return found

    def put(self, specs: Iterable[ModelSpec]) -> None:
        """Add or replace specs."""
        rows = self.rows
        for spec in specs:
            self._specs[spec.id] = spec
            rows.put(spec)
            row = rows.row(spec.id)
            if row is not None and row < rows.sorted:
                self._trigrams.amend(row // BLOCK, [rows.kind_texts()[rows.kinds.number(row)]])
        if len(rows) - rows.sorted > max(FEWEST, len(self) // SHARE):
            rows.take_in()
            self._trigrams = Trigrams()

    def drop(self, ids: Iterable[ModelId]) -> None:
        """Remove models; unknown ids are ignored."""
        for model_id in ids:
            self._specs.pop(model_id, None)
            self.rows.remove(model_id)

    def unlearned(self) -> int | None:
        """A block of rows that `learn` should look at; None when there is none."""
        return self._trigrams.unknown(self._blocks())

    def learn(self, block: int) -> None:
        """Make searches for rare words quicker; takes about a millisecond."""
        rows = self.rows
        start, end = block * BLOCK, min((block + 1) * BLOCK, rows.sorted)
        kinds = {rows.kinds.number(row) for row in range(start, end)}
        texts = map(rows.kind_texts().__getitem__, kinds)
        self._trigrams.add(block, [*rows.hay[start:end], *texts])

    # Searching

    def _filtered(
        self, query: ModelQuery, loaded: Collection[ModelId], among: Selection | None
    ) -> Selection:
        passed = self.rows.there() if among is None else both(self.rows.there(), among)
        if any(wanted is not None for wanted in (query.provider, query.quantisation, query.status)):
            passed = both(passed, self.rows.alike(lambda kind: _meets(kind, query)))
        if query.capability is not None:
            wanted = query.capability
            passed = both(passed, self.rows.alike(lambda kind: wanted in kind.abilities))
        if query.loaded is not None:
            held = self.rows.of(loaded)
            passed = both(passed, held) if query.loaded else without(passed, held)
        return passed

    def _first(self, words: list[str], passed: Selection, most: int) -> tuple[ModelId, ...]:
        """The first hits by name."""
        rows, tell = self.rows, self._teller(words, passed)
        stretches = self._stretches(words, STRETCH)
        found = [
            *islice(chain.from_iterable(compress(range(*s), tell(*s)) for s in stretches), most)
        ]
        late = rows.sorted, len(rows)
        hits = [*compress(range(*late), tell(*late))]
        if hits:
            found = sorted([*found, *hits], key=rows.place)[:most]
        return tuple(map(rows.ids.__getitem__, found))

    def _stretches(self, words: Iterable[str], longest: int) -> Iterator[tuple[int, int]]:
        """Where stretches of those that came by name begin and end, the others left out."""
        for first, last in runs(self._trigrams.narrow(words, self._blocks()), longest):
            yield first * BLOCK, min(last * BLOCK, self.rows.sorted)

    def _teller(self, words: list[str], passed: Selection) -> Callable[[int, int], Selection]:
        """What tells of a stretch which of the rows that passed so far contain every word."""
        kinds, texts = self.rows.kinds, self.rows.kind_texts()
        marks = [(word, [*map(contains, texts, repeat(word))]) for word in words]

        def tell(start: int, end: int) -> Selection:
            left = passed[start:end]
            for word, marked in marks:
                if 1 not in left:
                    break
                told = kinds.marked(marked, start, end) if any(marked) else bytes(len(left))
                left = both(left, self._contained(word, start, left, told))
            return left

        return tell

    def _contained(self, word: str, start: int, passed: Selection, told: Selection) -> Selection:
        """Those told already, and of the others that passed so far those that contain a word."""
        texts = self.rows.hay[start : start + len(passed)]
        left = without(passed, told)
        # To look at a row in vain costs less than to leave it out.
        if 2 * left.count(1) > len(left):
            return either([told, bytes(map(contains, texts, repeat(word)))])
        found = bytearray(told)
        for place in compress(range(len(left)), left):
            if word in texts[place]:
                found[place] = 1
        return found

    # Ordering

    def _arranged(
        self,
        hits: Selection,
        query: ModelQuery,
        ranks: Standing | Mapping[ModelId, float] | None,
    ) -> Sequence[ModelId]:
        if isinstance(ranks, Standing):
            return ranks.hits(hits)
        if ranks is None:
            return self._ordered(hits, query)
        row, by_name = self.rows.row, self._standing(ModelOrder.NAME, descending=False)
        known = [i for i in ranks if (at := row(i)) is not None and hits[at]]
        ranked = sorted(
            by_name.hits(self.rows.of(known)), key=ranks.__getitem__, reverse=query.descending
        )
        return (*ranked, *by_name.hits(without(hits, self.rows.of(known))))

    def _ordered(self, hits: Selection, query: ModelQuery) -> Sequence[ModelId]:
        """The hits in the order of a query; equal ones by name, unknown ones last."""
        self._keep_up()
        wanted = query.order, query.descending
        few = query.order is not ModelOrder.NAME and hits.count(1) < len(self) // FEW_HITS
        if few and wanted not in self._standings:
            named = self._standing(ModelOrder.NAME, descending=False)
            rows = [*compress(named.rows, map(hits.__getitem__, named.rows))]
            rows = [*by_order(rows, self.rows, query.order, descending=query.descending)]
            return tuple(map(self.rows.ids.__getitem__, rows))
        return self._standing(query.order, descending=query.descending).hits(hits)

    def _standing(self, order: ModelOrder, *, descending: bool) -> Standing:
        self._keep_up()
        wanted = order, descending
        if wanted not in self._standings:
            rows = by_order(self.rows.by_name(), self.rows, order, descending=descending)
            self._standings[wanted] = Standing(rows, self.rows)
        return self._standings[wanted]

    def _keep_up(self) -> None:
        if self._seen != self.rows.changes:
            self._seen = self.rows.changes
            self._standings.clear()
            self._found.clear()

    def _blocks(self) -> int:
        return -(-self.rows.sorted // BLOCK)


def _meets(kind: Kind, query: ModelQuery) -> bool:
    return (
        query.provider in {None, kind.provider}
        and query.quantisation in {None, kind.quantisation}
        and query.status in {None, kind.status}
    )
