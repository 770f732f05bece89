"""Many specs as columns: what lists and searches look at is there at once, a spec when asked for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from app.domain.models import Capability, ModelId, ModelSpec, ModelStatus


@dataclass(frozen=True)
class ModelColumns:
    """The same row of each column belongs to one model; building a spec takes microseconds."""

    ids: Sequence[ModelId]
    names: Sequence[str]
    providers: Sequence[str]
    architectures: Sequence[str]
    quantisations: Sequence[str]
    paths: Sequence[str]
    statuses: Sequence[ModelStatus]
    capabilities: Sequence[frozenset[Capability]]
    build: Callable[[int], ModelSpec]
    """The spec of a row."""

    def __len__(self) -> int:
        return len(self.ids)

    def specs(self) -> tuple[ModelSpec, ...]:
        """Every spec, in the order of the rows."""
        return tuple(map(self.build, range(len(self.ids))))


def columns_of(specs: Iterable[ModelSpec]) -> ModelColumns:
    """The columns of specs that are there already."""
    rows = tuple(specs)
    return ModelColumns(
        ids=[spec.id for spec in rows],
        names=[spec.name for spec in rows],
        providers=[spec.provider for spec in rows],
        architectures=[spec.architecture for spec in rows],
        quantisations=[spec.quantisation for spec in rows],
        paths=[spec.path for spec in rows],
        statuses=[spec.status for spec in rows],
        capabilities=[spec.abilities for spec in rows],
        build=rows.__getitem__,
    )
