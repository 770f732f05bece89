"""What the index knows of each model, column by column: rows are selected without their specs."""

from array import array
from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from itertools import compress, islice, repeat
from operator import contains, lt

from app.domain.model_columns import ModelColumns
from app.domain.model_kinds import Kind, kind_of
from app.domain.models import ModelId, ModelSpec
from app.manager.columns import folded, hays, picked, side_by_side
from app.manager.labels import Labels
from app.manager.selections import Selection


class ModelRows:
    """Rows that come by name, those of models that came late at the end.

    A model that goes leaves its row behind, and so does one whose name or path changes.
    """

    def __init__(self, columns: ModelColumns) -> None:
        self._columns = columns
        self._names, self._paths = folded(columns.names), [*columns.paths]
        """The folded name and the path of each source: of a row of `columns`, or of a late model."""
        self._late_sizes: dict[int, int] = {}
        """The bytes of models that came late or changed, by source."""
        self._sizes: array[int] | None = None
        self.changes = 0
        """Counts what happened to any row; what is worked out of them holds for one count."""
        hay = hays(self._names, folded(self._paths))
        kinds = [*map(kind_of, columns.alike)]
        places = [*zip(self._names, columns.ids, strict=True)]
        if all(map(lt, places, islice(places, 1, None))):
            self._lay_out([*columns.ids], hay, Labels(kinds, columns.kinds), [*range(len(columns))])
            return
        order = sorted(range(len(columns)), key=places.__getitem__)
        self._lay_out(
            side_by_side(picked(columns.ids, order)),
            side_by_side(picked(hay, order)),
            Labels(kinds, picked(columns.kinds, order)),
            order,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, model_id: ModelId) -> int | None:
        """Where a model is."""
        return self._rows.get(model_id)

    def rows(self) -> dict[ModelId, int]:
        """Where every model is, for reading."""
        return self._rows

    def source(self, row: int) -> int | None:
        """The row of the columns that the index was made of; None for a model that came late."""
        source = self._sources[row]
        return source if source < len(self._columns) else None

    def path(self, row: int) -> str:
        """Where the model of a row lies."""
        return self._paths[self._sources[row]]

    def sizes(self) -> Sequence[int]:
        """The bytes of each row; 0 where that is unknown."""
        if self._sizes is None:
            sizes = array("q", self._columns.sizes())
            sizes.extend(repeat(0, len(self._names) - len(sizes)))
            for source, size in self._late_sizes.items():
                sizes[source] = size
            # Side by side in memory, they are sorted in half the time that scattered objects take.
            self._sizes = array("q", map(sizes.__getitem__, self._sources))
        return self._sizes

    # Selecting

    def there(self) -> Selection:
        """Every row that is a model's."""
        return self._alive

    def of(self, ids: Iterable[ModelId]) -> bytearray:
        """The rows of some models; unknown ids are ignored."""
        selected = bytearray(len(self.ids))
        for model_id in ids:
            row = self._rows.get(model_id)
            if row is not None:
                selected[row] = 1
        return selected

    def alike(self, test: Callable[[Kind], bool]) -> Selection:
        """The rows whose kind passes a test."""
        return self.kinds.marked([*map(test, self.kinds.values())])

    def kind_texts(self) -> Sequence[str]:
        """What searches look into of each of the kinds."""
        known = len(self._kind_texts)
        self._kind_texts += (kind.text for kind in self.kinds.values()[known:])
        return self._kind_texts

    def sized(self, compare: Callable[[float, float], bool], bound: float) -> Selection:
        """The rows whose bytes compare so with a number of bytes."""
        return bytes(map(compare, self.sizes(), repeat(bound)))

    def named(self, text: str) -> Selection:
        """The rows whose name contains a casefolded text."""
        return bytes(map(contains, map(self._names.__getitem__, self._sources), repeat(text)))

    def lying(self, text: str) -> Selection:
        """The rows whose path contains a casefolded text."""
        paths = folded(self._paths)
        return bytes(map(contains, map(paths.__getitem__, self._sources), repeat(text)))

    # Ordering

    def by_name(self) -> Sequence[int]:
        """Every row that is a model's, by name, and by id where that is the same."""
        if len(self._rows) == len(self.ids) == self.sorted:
            return range(self.sorted)
        there = [*compress(range(self.sorted), self._alive)]
        late = compress(range(self.sorted, len(self.ids)), self._alive[self.sorted :])
        rows, end = list[int](), 0
        for row in sorted(late, key=self.place):
            start, end = end, bisect(there, self.place(row), lo=end, key=self.place)
            rows += (*there[start:end], row)
        return rows + there[end:]

    def place(self, row: int) -> tuple[str, ModelId]:
        """What rows are ordered by where nothing else is asked for."""
        return self._names[self._sources[row]], self.ids[row]

    # Changing

    def put(self, spec: ModelSpec) -> None:
        """Add or replace a model."""
        row, name = self._rows.get(spec.id), spec.name.casefold()
        if row is not None:
            source = self._sources[row]
            if (self._names[source], self._paths[source]) != (name, spec.path):
                self.remove(spec.id)
                row = None
        if row is None:
            self._append(spec, name)
        else:
            self._replace(row, spec)

    def remove(self, model_id: ModelId) -> None:
        """Let a model go; an unknown one is ignored."""
        row = self._rows.pop(model_id, None)
        if row is not None:
            self._alive[row] = 0
            self.changes += 1

    def take_in(self) -> None:
        """Give every late model its place, and let go of the rows that nobody is in any more."""
        rows = [*self.by_name()]
        self._lay_out(
            picked(self.ids, rows),
            picked(self.hay, rows),
            self.kinds.picked(rows),
            picked(self._sources, rows),
        )

    def _lay_out(
        self, ids: list[ModelId], hay: list[str], kinds: Labels[Kind], sources: list[int]
    ) -> None:
        self.ids, self.hay, self.kinds, self._sources = ids, hay, kinds, sources
        self._rows = dict(zip(ids, range(len(ids)), strict=True))
        self._alive = bytearray(b"\1" * len(ids))
        self._sizes = None
        self._kind_texts: list[str] = []
        self.sorted = len(ids)
        """How many rows come by name; those after them came late."""
        self.changes += 1

    def _append(self, spec: ModelSpec, name: str) -> None:
        self._rows[spec.id] = len(self.ids)
        self.ids.append(spec.id)
        self.hay += hays([name], [spec.path.casefold()])
        self._late_sizes[len(self._names)] = spec.size_bytes
        self._sources.append(len(self._names))
        self._names.append(name)
        self._paths.append(spec.path)
        self._alive.append(1)
        self.kinds.append(kind_of(spec))
        if self._sizes is not None:
            self._sizes.append(spec.size_bytes)
        self.changes += 1

    def _replace(self, row: int, spec: ModelSpec) -> None:
        kind = kind_of(spec)
        if kind != self.kinds[row]:
            self.kinds[row] = kind
            self.changes += 1
        self._late_sizes[self._sources[row]] = spec.size_bytes
        if self._sizes is not None and self._sizes[row] != spec.size_bytes:
            self._sizes[row] = spec.size_bytes
            self.changes += 1
