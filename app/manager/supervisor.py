"""What follows when an instance moves: facts, health, restarts, averages and the session."""

from collections.abc import Callable, Iterator
from typing import Protocol

from app.domain import memory as rules
from app.domain.chat_templates import ThinkingSwitch
from app.domain.events import CapabilityDetected, ModelCrashed, ModelLoading, fact_of
from app.domain.health import Candidate
from app.domain.instances import ENDED, InstanceState, InstanceView
from app.domain.load_settings import LoadWish
from app.domain.models import ACTIVE, ModelId
from app.domain.settings import Settings
from app.manager.aliases import Aliases
from app.manager.auto_switch import AutoSwitch
from app.manager.behind import Behind
from app.manager.coordinator import Coordinator
from app.manager.events import EventBus, caused_by
from app.manager.health import HealthKeeper
from app.manager.instances import Lease
from app.manager.memory import Memory
from app.manager.metrics import Metrics
from app.manager.recovery import Recovery
from app.manager.reloads import Reloads
from app.manager.session import Session
from app.manager.specs import Specs
from app.manager.switches import Switches

PERCENT = 100


class Loader(Protocol):
    """What the supervisor needs of whoever loads models."""

    async def acquire_for_command(self, model_id: ModelId, wish: LoadWish) -> Lease:
        """A lease on the model, loading it first when it isn't loaded."""
        ...


class Supervisor:
    """Hears of every state from the coordinator, and does what nobody has to ask for."""

    def __init__(  # noqa: PLR0913 - one argument a part it joins, each named
        self,
        *,
        coordinator: Coordinator,
        aliases: Aliases,
        switches: Switches,
        reloads: Reloads,
        session: Session,
        metrics: Metrics,
        events: EventBus,
        behind: Behind,
        specs: Specs,
        memory: Memory,
        loader: Loader,
        settings: Callable[[], Settings],
    ) -> None:
        self._coordinator = coordinator
        self._switches = switches
        self._reloads = reloads
        self._session = session
        self._metrics = metrics
        self._events = events
        self._behind = behind
        self._specs = specs
        self._memory = memory
        self._loader = loader
        self._closing = False
        self.health = HealthKeeper(
            metrics, events, lambda: settings().auto_switch_threshold / PERCENT
        )
        self._auto_switch = AutoSwitch(
            aliases,
            switches,
            events,
            self._candidates,
            lambda: settings().auto_switch and not self._closing,
        )
        self.health.changed = self._auto_switch.health_changed
        self.recovery = Recovery(
            coordinator,
            events,
            self._bring_up,
            lambda model_id: (
                settings().recover_crashed
                and (aliases.points_at(model_id) or coordinator.pinned(model_id))
            ),
        )
        coordinator.moved = self._moved
        coordinator.progressed = self._progressed
        coordinator.detected = self._detected

    def begin_close(self) -> None:
        """From now on nothing follows any more: the session stays as it is."""
        self._closing = True

    async def aclose(self) -> None:
        """End what was about to be done by itself."""
        self.begin_close()
        await self.recovery.aclose()
        await self._auto_switch.aclose()

    def save_session(self) -> None:
        """Keep what is loaded now."""
        # While one model makes room for another, or for itself with other settings, neither is
        # loaded; the session is what was.
        if not self._closing and not self._switches.draining and not self._reloads.under_way():
            self._session.save()

    def forget(self, model_id: ModelId) -> None:
        """A person has taken note of a failure."""
        self.recovery.cancel(model_id)
        self.health.forget(model_id)

    def _moved(self, view: InstanceView) -> None:
        if self._closing:
            return
        fact = fact_of(view)
        if view.state is InstanceState.CRASHED and view.error is not None:
            at = self.recovery.expected_at(view)
            fact = ModelCrashed(model_id=view.model_id, error=view.error, restarts_at=at)
        if fact is not None:
            with caused_by(self._events.publish(fact)):
                self.recovery.moved(view)
                self.health.moved(view)
        if view.state is InstanceState.READY and view.load_seconds is not None:
            record = self._metrics.record_load(view.model_id, view.load_seconds)
            self._behind.run("record load", record)
        if view.state is InstanceState.READY or view.state in ENDED:
            self.save_session()

    def _progressed(self, view: InstanceView) -> None:
        self._events.publish(
            ModelLoading(model_id=view.model_id, state=view.state, progress=view.progress)
        )

    def _detected(self, model_id: ModelId, switch: ThinkingSwitch | None) -> None:
        self._events.publish(
            CapabilityDetected(
                model_id=model_id,
                capability="reasoning",
                value=switch is not None,
                source="its chat template was tried out",
            )
        )

    async def _bring_up(self, view: InstanceView) -> Lease:
        wish = LoadWish(settings=view.settings, anyway=view.anyway)
        return await self._loader.acquire_for_command(view.model_id, wish)

    def _candidates(self) -> Iterator[Candidate]:
        """The models that could be switched to: those that are loaded or were active before."""
        views = {view.model_id: view for view in self._coordinator.views()}
        for model_id in dict.fromkeys([*views, *self._switches.usable_earlier(ACTIVE)]):
            view, metrics = views.get(model_id), self._metrics.find(model_id)
            ready = view is not None and view.state is InstanceState.READY
            yield Candidate(
                spec=self._specs.get(model_id),
                ready=ready,
                fits=ready or self._memory.fit(model_id) is rules.Fit.FITS,
                health=self.health.of(model_id).state,
                tokens_per_second=metrics.tokens_per_second if metrics is not None else None,
            )
