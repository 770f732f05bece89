"""The state of the Loaded page: one card a loaded model, and the memory they share."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from PySide6.QtCore import QObject, Signal

from app.domain.error_reports import ErrorReport
from app.domain.errors import AppError
from app.domain.events import (
    AliasAssigned,
    HealthChanged,
    InstanceChanged,
    MetricsChanged,
    ModelsChanged,
)
from app.domain.health import Health, HealthState
from app.domain.instances import COMING, ENDED, InstanceState, InstanceView, LeaseView
from app.domain.models import ModelId
from app.manager.manager import Manager
from app.ui import words
from app.ui.bridge import Bridge
from app.ui.viewmodels import load_words
from app.ui.viewmodels.ways_out import WaysOut, of_model, of_provider, of_restart, restarting

EARLIER = 3
"""How many of the models that were active before a card names."""


@dataclass(frozen=True)
class Card:
    """What a card says and offers."""

    model_id: ModelId
    name: str
    active: bool
    state: InstanceState
    state_words: str
    progress: float | None
    """0 to 1 while loading, None when that isn't known or over."""
    coming: bool
    figures: str
    kept_by: str
    speed: str
    error: ErrorReport | None
    ways_out: WaysOut
    """What can be done about the error."""
    can_eject: bool
    can_switch: bool
    can_roll_back: bool
    before: str
    """The models that were active before this one, the latest first; empty where it isn't active."""
    unwell: str
    """What is the matter with how it answers; empty while it is well."""
    can_set: bool
    """Whether its load settings can be changed here, for it to be loaded again."""
    stay: str = ""
    """How long it stays, or what it waits for."""
    pinned: bool = False
    can_pin: bool = False


@dataclass(frozen=True)
class Share:
    """A model's part of the memory bar, in bytes."""

    name: str
    charged: int
    active: bool
    series: int = 0
    """The number of its colour, which stays while the model does."""


@dataclass(frozen=True)
class MemoryShares:
    """The memory bar: shares, and the budget that they share, in bytes."""

    shares: tuple[Share, ...]
    charged: int
    budget: int
    used: int = 0
    """What the models' processes take now of what is set aside for them."""

    @property
    def free(self) -> int:
        """What is left of the budget."""
        return max(0, self.budget - self.charged)

    @property
    def text(self) -> str:
        """What is set aside and of how much."""
        return f"{words.size(self.charged)} of {words.size(self.budget)}"

    @property
    def sentence(self) -> str:
        """The same, with what is used of it."""
        used = f" ({words.size(self.used)} in use)" if self.charged else ""
        return f"Memory set aside for models: {self.text}{used}"


class LoadedViewModel(QObject):
    """Folds instances, aliases and averages into cards."""

    changed = Signal()

    def __init__(
        self,
        manager: Manager,
        bridge: Bridge,
        parent: QObject | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._clock = clock
        self._series: dict[ModelId, int] = {}
        for kind in (InstanceChanged, AliasAssigned, MetricsChanged, ModelsChanged, HealthChanged):
            bridge.on(kind, lambda _: self.changed.emit())
        bridge.lost.connect(self.changed)

    def cards(self) -> tuple[Card, ...]:
        """The cards, the active model's first."""
        cards = [self._card(view) for view in self._manager.models.instances()]
        return tuple(sorted(cards, key=lambda card: not card.active))

    def shares(self) -> MemoryShares:
        """What the memory bar shows."""
        models = self._manager.models
        ledger = self._manager.memory.ledger()
        holding = [view for view in models.instances() if view.charged]
        self._series = kept_series(self._series, [view.model_id for view in holding])
        shares = tuple(
            Share(
                self._name(view.model_id),
                view.charged,
                models.active() == view.model_id,
                self._series[view.model_id],
            )
            for view in holding
        )
        used = sum(view.memory_measured or 0 for view in holding)
        return MemoryShares(shares, ledger.charged, ledger.budget, used)

    def restorable(self) -> int:
        """How many models of the last run can be loaded again."""
        return len(self._manager.models.restorable())

    def counting(self) -> bool:
        """Whether the cards' times move: somebody uses a model, or one leaves or starts soon."""
        models = self._manager.models
        return any(
            view.leases or view.unloads_at is not None or models.restarts_at(view.model_id)
            for view in models.instances()
        )

    def count(self) -> int:
        """How many models hold memory."""
        return sum(view.state not in ENDED for view in self._manager.models.instances())

    def failures(self) -> int:
        """How many failed or crashed and weren't dismissed."""
        return sum(view.state in ENDED for view in self._manager.models.instances())

    def _card(self, view: InstanceView) -> Card:
        models = self._manager.models
        metrics = models.metrics(view.model_id)
        active = models.active() == view.model_id
        ready = view.state is InstanceState.READY
        speed = metrics.tokens_per_second if metrics is not None else None
        here = self._manager.accounts.find(self._provider(view.model_id)) is None
        return Card(
            model_id=view.model_id,
            name=self._name(view.model_id),
            active=active,
            state=view.state,
            state_words=words.state(view),
            progress=view.progress if view.state is InstanceState.LOADING else None,
            coming=view.state in COMING,
            figures=_figures(view, here=here),
            kept_by=_kept_by(view.leases, self._clock()),
            speed=words.speed(speed) if ready and speed is not None else "",
            error=self._told(view),
            ways_out=self._ways_out(view),
            can_eject=ready,
            can_switch=ready and not active,
            can_roll_back=active and bool(models.earlier()),
            before=self._before() if active else "",
            unwell=_unwell(models.health.of(view.model_id), self._clock()) if ready else "",
            can_set=ready and here,
            stay=words.stay(view, self._clock()) if view.state not in ENDED else "",
            pinned=view.pinned,
            can_pin=ready,
        )

    def _ways_out(self, view: InstanceView) -> WaysOut:
        if view.state not in ENDED:
            return WaysOut()
        models = self._manager.models
        ways = of_provider(view.error, self._clock()) if view.error is not None else None
        ways = ways or of_model(models, self._manager.memory, view.model_id)
        return ways if models.restarts_at(view.model_id) is None else restarting(ways)

    def _told(self, view: InstanceView) -> ErrorReport | None:
        """What is the matter with an instance that has ended."""
        if view.error is None or view.state not in ENDED:
            return None
        at = self._manager.models.restarts_at(view.model_id)
        return view.error if at is None else of_restart(view.error, at - self._clock())

    def _before(self) -> str:
        earlier = self._manager.models.earlier()[:EARLIER]
        return f"active before: {', '.join(map(self._name, earlier))}" if earlier else ""

    def _provider(self, model_id: ModelId) -> str:
        try:
            return self._manager.models.get(model_id).provider
        except AppError:
            return ""

    def _name(self, model_id: ModelId) -> str:
        try:
            spec = self._manager.models.get(model_id)
        except AppError:
            return model_id
        return f"{spec.name} {spec.quantisation}".strip()


def kept_series(series: dict[ModelId, int], models: Sequence[ModelId]) -> dict[ModelId, int]:
    """A number for each model: the one it has, or else the first that is free."""
    kept = {model_id: series[model_id] for model_id in models if model_id in series}
    for model_id in models:
        if model_id not in kept:
            taken = set(kept.values())
            kept[model_id] = next(number for number in count() if number not in taken)
    return kept


def _figures(view: InstanceView, *, here: bool) -> str:
    if view.state in ENDED:
        return ""
    predicted = words.size(view.memory_predicted)
    if not here:
        parts = ["on its provider's server"]
    elif view.memory_measured is None:
        parts = [f"{predicted} predicted"]
    else:
        parts = [f"{words.size(view.memory_measured)} measured ({predicted} predicted)"]
    if view.context_length is not None:
        parts.append(f"ctx {words.count(view.context_length)}")
    if threads := load_words.threads(view):
        parts.append(threads)
    if view.load_seconds is not None:
        verb = "loaded" if here else "connected"
        parts.append(f"{verb} in {words.duration(view.load_seconds)}")
    return " · ".join(parts)


def _unwell(health: Health, now: float) -> str:
    if health.state is HealthState.OK:
        return ""
    said = f"answers badly: {health.reason}"
    if health.until is not None and health.until > now:
        said += f"; better left alone for {words.duration(health.until - now)}"
    return said


def _kept_by(leases: tuple[LeaseView, ...], now: float) -> str:
    if not leases:
        return ""
    owners = [f"{lease.owner}, {round(max(0.0, now - lease.since))} s" for lease in leases]
    return "kept by " + "; ".join(owners)
