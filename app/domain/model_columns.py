"""Many specs as columns: what lists and searches look at is there at once, a spec when asked for."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from app.domain.models import ModelId, ModelSpec


@dataclass(frozen=True)
class ModelColumns:
    """The same row of each column belongs to one model; building a spec takes microseconds."""

    ids: Sequence[ModelId]
    names: Sequence[str]
    paths: Sequence[str]
    kinds: Sequence[int]
    """Which of `alike` a model is like."""
    alike: Sequence[ModelSpec]
    """Specs that have all but id, name, path, size and date in common with every model like them."""
    sizes: Callable[[], Sequence[int]]
    """The bytes of each model."""
    build: Callable[[int], ModelSpec]
    """The spec of a row."""

    def __len__(self) -> int:
        return len(self.ids)

    def specs(self) -> tuple[ModelSpec, ...]:
        """Every spec, in the order of the rows."""
        return tuple(map(self.build, range(len(self.ids))))


def columns_of(specs: Iterable[ModelSpec]) -> ModelColumns:
    """The columns of specs that are there already."""
    rows = tuple(sorted(specs, key=lambda spec: spec.id))
    sizes = array("q", [spec.size_bytes for spec in rows])
    return ModelColumns(
        ids=[spec.id for spec in rows],
        names=[spec.name for spec in rows],
        paths=[spec.path for spec in rows],
        kinds=range(len(rows)),
        alike=rows,
        sizes=lambda: sizes,
        build=rows.__getitem__,
    )
