"""The owner of what chat templates tell about their models, found out by rendering them."""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from app.domain.errors import AppError
from app.domain.models import Basis, CapabilityFact, ModelId, ScannedFile
from app.domain.template_probes import facts_of
from app.manager.registry import Registry
from app.ports.engines import TemplateProber
from app.ports.stores import LibraryStore
from app.tasks import TaskScope

REMEMBERED = 2_000
"""Templates whose verdicts stay in memory; most models share one of some hundred."""

log = logging.getLogger(__name__)

Waiting = tuple[str, dict[ModelId, list[ScannedFile]]]


class Capabilities:
    """Tries templates out in the background, each once, and tells the registry."""

    def __init__(self, prober: TemplateProber, registry: Registry, store: LibraryStore) -> None:
        self._prober = prober
        self._registry = registry
        self._store = store
        self._facts: OrderedDict[bytes, tuple[CapabilityFact, ...]] = OrderedDict()
        self._waiting: dict[bytes, Waiting] = {}
        self._tasks = TaskScope("capabilities")
        self._running = False

    async def aclose(self) -> None:
        """End the work; what it would have told is found out by the next scan."""
        await self._tasks.aclose()

    @property
    def detecting(self) -> int:
        """How many templates still wait to be tried out."""
        return len(self._waiting)

    def waits(self, model_id: ModelId) -> bool:
        """Whether a model's template still waits to be tried out."""
        return any(model_id in models for _, models in self._waiting.values())

    def facts(self, template: str) -> tuple[CapabilityFact, ...] | None:
        """What a template tells; None where nobody has found out yet."""
        return self._facts.get(_digest(template)) if template else ()

    def detect(self, templates: Mapping[ModelId, str], files: Iterable[ScannedFile]) -> None:
        """Find out in the background what templates tell, and keep it with their models.

        Args:
            templates: by model.
            files: the models' files, to be taken for read when it is done.
        """
        held: dict[ModelId, list[ScannedFile]] = {}
        for file in files:
            if file.model_id is not None:
                held.setdefault(file.model_id, []).append(file)
        for model_id, template in templates.items():
            _, models = self._waiting.setdefault(_digest(template), (template, {}))
            models.setdefault(model_id, []).extend(held.get(model_id, ()))
        if self._waiting and not self._running:
            self._running = True
            self._tasks.start("detect", self._detect_waiting())

    async def settled(self) -> None:
        """Wait until every template was tried out."""
        await self._tasks.join()

    async def _detect_waiting(self) -> None:
        try:
            while self._waiting:
                digest, (template, _) = next(iter(self._waiting.items()))
                facts = self._facts.get(digest)
                if facts is None:
                    facts = facts_of(await self._prober.probe(template))
                self._facts[digest] = facts
                while len(self._facts) > REMEMBERED:
                    self._facts.popitem(last=False)
                _, models = self._waiting.pop(digest)
                try:
                    await self._keep(models, facts)
                except AppError as error:
                    # The files aren't marked as read, so the next scan brings them again.
                    log.warning("The verdicts on a chat template aren't kept: %s", error)
            await self._prober.rest()
        finally:
            self._running = False

    async def _keep(
        self, models: Mapping[ModelId, list[ScannedFile]], facts: tuple[CapabilityFact, ...]
    ) -> None:
        changed = []
        for model_id in models:
            spec = self._registry.find(model_id)
            if spec is not None:
                others = (fact for fact in spec.capabilities if fact.basis is not Basis.RENDER)
                changed.append(spec.model_copy(update={"capabilities": (*others, *facts)}))
        await self._registry.keep(changed)
        await self._store.save_scanned([file for held in models.values() for file in held])


def _digest(template: str) -> bytes:
    return hashlib.blake2b(template.encode("utf-8", "surrogatepass"), digest_size=16).digest()
