"""The owner of what models are expected to take of memory."""

import logging
from collections.abc import Collection, Coroutine, Mapping, Sequence
from typing import Any

from app.domain import memory as rules
from app.domain import memory_plans
from app.domain.errors import AppError, DoesNotFit, TooManyLoaded
from app.domain.events import MemoryPlanned
from app.domain.load_settings import LoadSettings
from app.domain.memory_plans import MeasuredUse, MemoryPlan, PlanSource
from app.domain.models import ModelId, ModelSpec
from app.manager.events import EventBus
from app.ports.engines import Provider
from app.ports.stores import ModelStore

log = logging.getLogger(__name__)

Use = tuple[ModelId, LoadSettings]
"""A model with the footprint of its settings."""

ABSURD = 4
"""A formula is never wrong by this factor."""
GROWTH = 1.02
"""What is seen varies by a little; only more than this is worth keeping anew."""


class MemoryPlans:
    """Keeps what was measured and said by dry runs, and falls back to the header's formula."""

    def __init__(
        self, store: ModelStore, providers: Mapping[str, Provider], events: EventBus
    ) -> None:
        self._store = store
        self._providers = providers
        self._events = events
        self._measured: dict[Use, int] = {}
        self._dry: dict[Use, MemoryPlan] = {}
        self._known: set[ModelId] = set()
        """Models of which more is known than their headers."""
        self.changes = 0
        """Counts what became known of any model."""

    async def start(self) -> None:
        """Read what was measured in earlier runs."""
        for model_id, uses in (await self._store.measured_uses()).items():
            self._known.add(model_id)
            self._measured |= {(model_id, use.footprint): use.size for use in uses}

    def known(self) -> Collection[ModelId]:
        """Models of which more is known than their headers."""
        return self._known

    def need(self, spec: ModelSpec, settings: LoadSettings) -> int:
        """Bytes of host memory that a load will take, as far as is known now."""
        if spec.id not in self._known:
            return memory_plans.predict(spec, settings)
        return self.plan(spec, settings).host

    def plan(self, spec: ModelSpec, settings: LoadSettings) -> MemoryPlan:
        """What a load will take, from the best source that there is now."""
        use = spec.id, memory_plans.footprint(spec, settings)
        estimate = self._dry.get(use) or memory_plans.formula(spec, settings)
        seen = self._measured.get(use)
        return estimate if seen is None else memory_plans.measured(estimate, seen)

    async def weigh(self, spec: ModelSpec, settings: LoadSettings, room: int, total: int) -> bool:
        """Ask llama.cpp itself where the formula alone would decide against a load.

        Args:
            spec: the model.
            settings: how it is to be loaded.
            room: bytes that it may take.
            total: the machine's memory. A dry run takes memory too, for each token of the context:
                what is out of all proportion isn't tried.

        Returns:
            Whether it was asked, which takes a while.
        """
        plan = self.plan(spec, settings)
        clear = rules.fit(plan.host, room) is rules.Fit.FITS or plan.host > ABSURD * total
        if clear or plan.source is not PlanSource.FORMULA:
            return False
        try:
            await self.run_dry(spec, settings)
        except AppError as error:
            # What is wrong with the model is for the load to say; the formula stands meanwhile.
            log.info("No dry run of %s: %s %s", spec.name, error, error.detail)
        return True

    async def run_dry(self, spec: ModelSpec, settings: LoadSettings) -> MemoryPlan:
        """Find out what a load would take, without loading; the plan that then holds.

        Raises:
            ModelError: the model can't be loaded.
            SettingError: a setting can't be taken.
        """
        use = spec.id, memory_plans.footprint(spec, settings)
        if use not in self._dry:
            self._dry[use] = await self._providers[spec.provider].plan_memory(spec, settings)
            self._learned(spec.id)
            self._events.publish(MemoryPlanned(model_id=spec.id))
        return self.plan(spec, settings)

    def record(
        self, spec: ModelSpec, settings: LoadSettings, seen: int
    ) -> Coroutine[Any, Any, None] | None:
        """Remember what a model has taken in use; what is left to do is keeping it.

        The most that was seen counts, since a use may touch less than the next one will.
        """
        use = spec.id, memory_plans.footprint(spec, settings)
        if seen <= self._measured.get(use, 0) * GROWTH:
            return None
        self._measured[use] = seen
        self._learned(spec.id)
        self._events.publish(MemoryPlanned(model_id=spec.id))
        return self._store.save_measured_use(spec.id, MeasuredUse(footprint=use[1], size=seen))

    def _learned(self, model_id: ModelId) -> None:
        self._known.add(model_id)
        self.changes += 1


SOURCE_WORDS = {
    PlanSource.FORMULA: "going by its header",
    PlanSource.DRY_RUN: "going by a dry run",
    PlanSource.MEASURED: "as it did before",
}


def refusal(
    name: str,
    plan: MemoryPlan,
    room: int,
    room_without_idle: int,
    *,
    budget: int | None = None,
    pinned: Sequence[str] = (),
) -> DoesNotFit:
    """The error for a model that there is no room for, even when others leave.

    Args:
        name: the model's.
        plan: what it would take.
        room: bytes that are free.
        room_without_idle: bytes that would be, were the models ejected that nobody uses.
        budget: bytes that the user lets models take together, where that is less than there are.
        pinned: the names of the models that are kept loaded.
    """
    need = f"{name} needs about {_gigabytes(plan.host)}, {SOURCE_WORDS[plan.source]}"
    if budget is not None and plan.host > budget:
        return DoesNotFit(
            f"{need}, and the settings allow models {_gigabytes(budget)} in all.",
            "Allow more memory in the Settings, or choose a smaller model or a shorter context.",
        )
    what = f"{need}, and {_gigabytes(room)} are free"
    if room_without_idle > room:
        what += f"; ejecting idle models would make that {_gigabytes(room_without_idle)}"
    if pinned:
        kept = ", ".join(pinned)
        return DoesNotFit(
            f"{what}; {kept} {'is' if len(pinned) == 1 else 'are'} kept loaded.",
            "Let a model go that is kept loaded, or choose a smaller one or a shorter context.",
        )
    return DoesNotFit(f"{what}.", "Choose a smaller model or a shorter context.")


def crowded(name: str, pinned: Sequence[str], most: int) -> TooManyLoaded:
    """The error for a model that there is no place for, since so many are kept loaded."""
    models = "1 model" if most == 1 else f"{most} models"
    return TooManyLoaded(
        f"{name} can't be loaded: the settings allow {models} at once, and "
        f"{', '.join(pinned)} {'is' if len(pinned) == 1 else 'are'} kept loaded.",
        "Let one of them go, or allow more models in the Settings.",
    )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
