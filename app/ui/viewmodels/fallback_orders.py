"""Who answers when the model behind an alias can't: the order, as the Settings change it."""

from dataclasses import dataclass
from itertools import chain

from PySide6.QtCore import QObject, Signal

from app.domain.accounts import LOCAL
from app.domain.errors import UnknownModel
from app.domain.events import AliasAssigned, ModelsChanged, SettingChanged
from app.domain.models import ACTIVE, ModelId, ModelQuery, ModelStatus
from app.manager.manager import Manager
from app.ui.bridge import Bridge
from app.ui.viewmodels.settings import SettingsViewModel

KEY = "fallbacks"
OFFERED = 200
"""Models of one provider that can be chosen here."""


@dataclass(frozen=True)
class Standby:
    """A model that answers in another one's place."""

    id: ModelId
    name: str


class FallbackOrders(QObject):
    """One alias's order at a time; each change applies at once."""

    changed = Signal()

    def __init__(
        self,
        manager: Manager,
        settings: SettingsViewModel,
        bridge: Bridge,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._settings = settings
        self.alias = ACTIVE
        """Whose order is shown."""
        bridge.on(SettingChanged, lambda _: self.changed.emit())
        bridge.on(AliasAssigned, lambda _: self.changed.emit())
        bridge.on(ModelsChanged, lambda _: self.changed.emit())

    def aliases(self) -> tuple[tuple[str, str], ...]:
        """The names that an order can be set for, with their words; the active model first."""
        known = {alias.name for alias in self._manager.models.aliases()}
        known |= set(self._settings.current().fallbacks)
        others = sorted(known - {ACTIVE})
        return ((ACTIVE, "the active model"), *((name, name) for name in others))

    def order(self) -> tuple[Standby, ...]:
        """Those that stand in, first things first."""
        ids = self._settings.current().fallbacks.get(self.alias, ())
        return tuple(Standby(model_id, self._name(model_id)) for model_id in ids)

    def candidates(self) -> tuple[Standby, ...]:
        """The models that could stand in as well, those of each account by name, then local ones."""
        models = self._manager.models
        queries = [
            ModelQuery(provider=account.id, status=ModelStatus.AVAILABLE, limit=OFFERED)
            for account in self._manager.accounts.all()
        ]
        queries.append(ModelQuery(provider=LOCAL, status=ModelStatus.AVAILABLE, limit=OFFERED))
        ids = chain.from_iterable(models.query(query).ids for query in queries)
        taken = {item.id for item in self.order()}
        return tuple(
            Standby(model_id, self._name(model_id))
            for model_id in ids
            if model_id not in taken and not models.get(model_id).embeds_only
        )

    def lock(self) -> str:
        """Why nothing can be changed here; empty when it can."""
        return self._settings.lock(KEY)

    def choose(self, alias: str) -> None:
        """Show another alias's order."""
        self.alias = alias
        self.changed.emit()

    def add(self, model_id: ModelId) -> None:
        """Let a model stand in, after all others."""
        self._set([*(item.id for item in self.order()), model_id])

    def remove(self, row: int) -> None:
        """Let a model stand in no longer."""
        self._set([item.id for at, item in enumerate(self.order()) if at != row])

    def raise_up(self, row: int) -> None:
        """Ask a model before the one above it."""
        ids = [item.id for item in self.order()]
        ids[row - 1], ids[row] = ids[row], ids[row - 1]
        self._set(ids)

    def _set(self, ids: list[ModelId]) -> None:
        orders = {**self._settings.current().fallbacks, self.alias: tuple(ids)}
        self._settings.set(KEY, {alias: order for alias, order in orders.items() if order})

    def _name(self, model_id: ModelId) -> str:
        try:
            spec = self._manager.models.get(model_id)
        except UnknownModel:
            return f"{model_id} (gone)"
        account = self._manager.accounts.find(spec.provider)
        return f"{spec.name}, {account.name}" if account is not None else spec.name
