"""Queries on memory: what there is, what models hold of it, and what one more would take."""

from app.domain import memory as rules
from app.domain.base import Frozen
from app.domain.errors import DoesNotFit
from app.domain.load_settings import LoadSettings
from app.domain.memory_plans import MemoryPlan
from app.domain.models import ModelId
from app.manager.coordinator import Coordinator
from app.manager.load_settings import LoadSettingsKeeper
from app.manager.memory_plans import MemoryPlans
from app.manager.specs import Specs
from app.ports.processes import Devices


class Ledger(Frozen):
    """The memory of the machine and what models hold of it, in bytes."""

    total: int
    available: int
    charged: int
    budget: int
    """What models may take together."""


class Memory:
    """Answers for models as they would be loaded now; where settings are None, those in force."""

    def __init__(
        self,
        specs: Specs,
        coordinator: Coordinator,
        plans: MemoryPlans,
        devices: Devices,
        load_settings: LoadSettingsKeeper,
    ) -> None:
        self._specs = specs
        self._coordinator = coordinator
        self._plans = plans
        self._devices = devices
        self._load_settings = load_settings

    # Queries

    def ledger(self) -> Ledger:
        """The memory now."""
        memory = self._devices.memory()
        return Ledger(
            total=memory.total,
            available=memory.available,
            charged=self._coordinator.charged(),
            budget=self._coordinator.budget(memory),
        )

    def predict(self, model_id: ModelId, settings: LoadSettings | None = None) -> int:
        """Bytes that the model would take."""
        load = settings if settings is not None else self._load_settings.in_force(model_id)
        return self._plans.need(self._specs.get(model_id), load)

    def plan(self, model_id: ModelId) -> MemoryPlan:
        """The same by part and device, with its source."""
        spec = self._specs.get(model_id)
        return self._plans.plan(spec, self._load_settings.in_force(model_id))

    def room(self) -> int:
        """Bytes that one more model may take now, below zero where models take too much already.

        It asks the system, so once for many models.
        """
        return self._coordinator.room()

    def room_without_idle(self) -> int:
        """The same with what idle models hold, who leave when one more is loaded."""
        return self._coordinator.room_without_idle()

    def fit(
        self, model_id: ModelId, room: int | None = None, settings: LoadSettings | None = None
    ) -> rules.Fit:
        """Whether the model fits into what is free now.

        Args:
            model_id: the model.
            room: what `room` said, when several models are asked about.
            settings: how it would be loaded.
        """
        free = self.room() if room is None else room
        return rules.fit(self.predict(model_id, settings), free + self._charged(model_id))

    def refusal(self, model_id: ModelId, settings: LoadSettings | None = None) -> DoesNotFit:
        """The error for a model that doesn't fit."""
        load = settings if settings is not None else self._load_settings.in_force(model_id)
        return self._coordinator.refusal(self._specs.get(model_id), load)

    # Commands

    async def run_dry(self, model_id: ModelId, settings: LoadSettings | None = None) -> MemoryPlan:
        """Find out what the model would take without loading it; the plan that then holds.

        Raises:
            ModelError: it can't be loaded.
            SettingError: a setting can't be taken.
        """
        load = settings if settings is not None else self._load_settings.in_force(model_id)
        return await self._plans.run_dry(self._specs.loadable(model_id), load)

    async def weigh(self, model_id: ModelId) -> None:
        """Make sure that no formula alone says that a model doesn't fit; often there is nothing to do."""
        if self._specs.ready(model_id):
            return
        room = self.room() + self._charged(model_id)
        settings, total = self._load_settings.in_force(model_id), self._devices.memory().total
        await self._plans.weigh(self._specs.get(model_id), settings, room, total)

    def _charged(self, model_id: ModelId) -> int:
        """What the ledger holds for the model already, which it needn't find again."""
        view = self._coordinator.view(model_id)
        return view.charged if view is not None else 0
