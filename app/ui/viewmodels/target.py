"""The model that the next prompt goes to, and those that it could go to instead."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from app.domain.chat_templates import ThinkingSwitch
from app.domain.instances import InstanceState, InstanceView
from app.domain.models import ModelSpec, ModelStatus
from app.ui import words

OFFERED = 12
"""How many models that aren't loaded the switcher offers; the Library has them all."""


@dataclass(frozen=True)
class Target:
    """The model that the next prompt goes to."""

    spec: ModelSpec | None = None
    instance: InstanceView | None = None

    @property
    def name(self) -> str:
        """Its name; empty when there is none."""
        return self.spec.name if self.spec is not None else ""

    @property
    def remote(self) -> bool:
        """Whether it runs on a provider's server."""
        return self.spec is not None and self.spec.remote is not None

    @property
    def problem(self) -> str:
        """Why it can't answer, in a sentence; empty when it can."""
        if self.spec is None:
            return "No model is loaded."
        # What is loaded answers without its file.
        loaded = self.instance is not None and self.instance.state is InstanceState.READY
        if self.spec.status is ModelStatus.MISSING and not loaded:
            gone = f"{self.name} isn't offered any more."
            return gone if self.remote else f"The file of {self.name} isn't there."
        if self.spec.status is ModelStatus.INVALID and not loaded:
            return f"{self.name} can't be loaded."
        if self.spec.embeds_only:
            return f"{self.name} can't chat: it makes embeddings only."
        return ""

    @property
    def note(self) -> str:
        """What a prompt to it would bring about first; empty when it would just answer."""
        if self.problem:
            return self.problem
        if self.instance is None or self.instance.state in {
            InstanceState.CRASHED,
            InstanceState.FAILED,
            InstanceState.STOPPED,
        }:
            return "connects with the next prompt" if self.remote else "loads with the next prompt"
        if self.instance.state is InstanceState.READY:
            return ""
        return words.state(self.instance)

    @property
    def template_note(self) -> str:
        """What stands in for a chat template that the file lacks; empty when it has one."""
        ready = self.instance is not None and self.instance.state is InstanceState.READY
        if self.instance is None or not ready or self.instance.template is None:
            return ""
        return words.template_note(self.name, self.instance.template)

    @property
    def thinking(self) -> ThinkingSwitch | None:
        """Its template's switch for reasoning, if it is known to have one."""
        return self.instance.thinking if self.instance is not None else None


def choices(
    specs: Iterable[ModelSpec], here: tuple[ModelSpec, ...]
) -> tuple[tuple[ModelSpec, ...], tuple[ModelSpec, ...]]:
    """The models to switch to, first those that are `here`, then the first few others.

    Args:
        specs: what the library knows, of which only the first are looked at.
        here: what is loaded or on its way, also where its file or its folder is gone since.
    """
    ids = {spec.id for spec in here}
    others = (spec for spec in specs if spec.id not in ids and spec.status is ModelStatus.AVAILABLE)
    loaded = tuple(spec for spec in here if not spec.embeds_only)
    return loaded, tuple(islice((spec for spec in others if not spec.embeds_only), OFFERED))
