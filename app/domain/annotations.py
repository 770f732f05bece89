"""What a person has noted about a model, and what trying it out has shown."""

from collections.abc import Iterable, Mapping

from pydantic import Field

from app.domain.base import Frozen
from app.domain.models import Basis, Capability, CapabilityFact, ModelId

NOTE_LENGTH = 10_000
TAG_LENGTH = 40
MOST_TAGS = 50


class ProbeResult(Frozen):
    """One capability tried out on the loaded model."""

    capability: Capability
    value: bool
    at: float
    """Seconds since the epoch."""
    detail: str = ""
    """What it answered, where that wasn't what was asked for."""


class Annotation(Frozen):
    """What is noted of one model; it outlives the model's place in the library."""

    model_id: ModelId
    favourite: bool = False
    tags: tuple[str, ...] = ()
    note: str = Field(default="", max_length=NOTE_LENGTH)
    overrides: Mapping[Capability, bool] = Field(default_factory=dict)
    """What the user says that it can and can't; it counts for more than any evidence."""
    probes: tuple[ProbeResult, ...] = ()
    """The latest result of each capability."""
    parent: ModelId | None = None
    """The model that it was quantised from."""

    @property
    def empty(self) -> bool:
        """Whether nothing is noted."""
        return self == Annotation(model_id=self.model_id)

    def facts(self) -> tuple[CapabilityFact, ...]:
        """The verdicts that follow, beside those of the file."""
        return (
            *(
                CapabilityFact(
                    capability=capability, value=value, source="set by you", basis=Basis.USER
                )
                for capability, value in self.overrides.items()
            ),
            *(
                CapabilityFact(
                    capability=probe.capability,
                    value=probe.value,
                    source="it was tried out",
                    basis=Basis.PROBE,
                    at=probe.at,
                )
                for probe in self.probes
            ),
        )


def with_facts(
    facts: Iterable[CapabilityFact], annotation: Annotation | None
) -> tuple[CapabilityFact, ...]:
    """A file's facts with those of its annotation in place of earlier ones."""
    noted = {Basis.USER, Basis.PROBE}
    own = tuple([fact for fact in facts if fact.basis not in noted])
    return own if annotation is None else (*annotation.facts(), *own)


def tidy_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags as they are kept: without spaces and capitals, each once, in the order given."""
    words = ("-".join(tag.casefold().replace(",", " ").split())[:TAG_LENGTH] for tag in tags)
    return tuple(dict.fromkeys(word for word in words if word))[:MOST_TAGS]
