"""Kinds of models: what many of them have in common."""

from typing import NamedTuple

from app.domain.models import (
    Capability,
    CapabilityFact,
    ModelId,
    ModelShape,
    ModelSpec,
    ModelStatus,
)


class Kind(NamedTuple):
    """What models are filtered and ordered by, the same for many of them.

    All that a model's need of memory follows from is part of it, but its size.
    """

    provider: str
    architecture: str
    quantisation: str
    status: ModelStatus
    abilities: frozenset[Capability]
    parameters: int | None
    context_length: int | None
    shape: ModelShape | None
    here: bool
    """Whether it is computed on this machine."""

    @property
    def text(self) -> str:
        """What searches look into, casefolded."""
        return "\n".join((self.provider, self.architecture, self.quantisation)).casefold()

    @property
    def loadable(self) -> bool:
        """Whether there is a file that could be loaded."""
        return self.here and self.status is ModelStatus.AVAILABLE

    def example(self) -> ModelSpec:
        """A spec of this kind, without a name and of no size."""
        facts = (CapabilityFact(capability=c, value=True, source="") for c in self.abilities)
        return ModelSpec(
            id=ModelId(""),
            provider=self.provider,
            name="",
            context_length=self.context_length,
            capabilities=tuple(facts),
            shape=self.shape,
        )


def kind_of(spec: ModelSpec) -> Kind:
    """What a spec has in common with others."""
    return Kind(
        spec.provider, spec.architecture, spec.quantisation, spec.status, spec.abilities,
        spec.parameters, spec.context_length, spec.shape, spec.remote is None,
    )  # fmt: skip
