"""The state of the status bar: the active model and its speed."""

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from app.domain.errors import AppError
from app.domain.events import AliasAssigned, InstanceChanged, MetricsChanged, ModelsChanged
from app.domain.instances import InstanceState
from app.domain.models import ModelId
from app.manager.manager import Manager
from app.ui import words
from app.ui.bridge import Bridge


@dataclass(frozen=True)
class Choice:
    """A line of the switcher."""

    model_id: ModelId
    name: str
    active: bool


class StatusViewModel(QObject):
    """Says in a few words what the whole app is doing."""

    changed = Signal()

    def __init__(self, manager: Manager, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._manager = manager
        for kind in (InstanceChanged, AliasAssigned, MetricsChanged, ModelsChanged):
            bridge.on(kind, lambda _: self.changed.emit())
        bridge.lost.connect(self.changed)
        self.kept = manager.kept
        """Whether anything is written in this run."""

    def active_words(self) -> str:
        """The active model, and its state where that isn't simply ready."""
        active = self._manager.models.active()
        if active is None:
            return "No model is active"
        try:
            name = self._manager.models.get(active).name
        except AppError:
            return "No model is active"
        view = self._manager.models.instance(active)
        if view is None:
            return f"{name} (not loaded)"
        state = words.state(view)
        return name if state == words.STATE_WORDS[InstanceState.READY] else f"{name} ({state})"

    def active_state(self) -> InstanceState | None:
        """The active model's state, for the dot."""
        active = self._manager.models.active()
        view = self._manager.models.instance(active) if active is not None else None
        return view.state if view is not None else None

    def speed_words(self) -> str:
        """The active model's average speed; empty before its first answer."""
        active = self._manager.models.active()
        metrics = self._manager.models.metrics(active) if active is not None else None
        if metrics is None or metrics.tokens_per_second is None:
            return ""
        return words.speed(metrics.tokens_per_second)

    def choices(self) -> tuple[Choice, ...]:
        """The models that a switch is quick to: those that are loaded."""
        models = self._manager.models
        active = models.active()
        return tuple(
            Choice(view.model_id, models.get(view.model_id).name, view.model_id == active)
            for view in models.instances()
            if view.state is InstanceState.READY
        )
