"""Commands and queries on models: load, eject, switch, aliases, restore."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.domain.errors import (
    AlreadyLoaded,
    ErrorKind,
    LoadCancelled,
    ModelBusy,
    NotLoaded,
    SettingError,
)
from app.domain.events import ModelPinned
from app.domain.instances import InstanceState, InstanceView
from app.domain.load_settings import LoadSettings, LoadWish
from app.domain.models import (
    ACTIVE,
    Alias,
    ModelId,
    ModelPage,
    ModelQuery,
    ModelSpec,
    ModelStatus,
)
from app.domain.profiles import ModelMetrics
from app.domain.safer_loads import SaferLoad, safer_load
from app.domain.settings import Settings
from app.domain.switching import AliasChange, By, SwitchPlan
from app.manager.aliases import Aliases
from app.manager.behind import Behind
from app.manager.coordinator import WISHLESS, Coordinator
from app.manager.defaults import Defaults
from app.manager.events import EventBus, command
from app.manager.instances import Lease
from app.manager.load_settings import LoadSettingsKeeper
from app.manager.memory import Memory
from app.manager.memory_plans import MemoryPlans
from app.manager.metrics import Metrics
from app.manager.registry import Registry
from app.manager.reloads import Reloads
from app.manager.session import Session
from app.manager.specs import Specs
from app.manager.supervisor import Supervisor
from app.manager.switches import Switches
from app.ports.stores import ModelStore

USER = "you"
"""The owner of a lease that only lasts as long as a command of the user."""


class Models:
    """The face of the registry, the coordinator and those who follow what it does."""

    def __init__(  # noqa: PLR0913 - one argument a part it joins, each named
        self,
        *,
        registry: Registry,
        coordinator: Coordinator,
        specs: Specs,
        memory: Memory,
        metrics: Metrics,
        store: ModelStore,
        events: EventBus,
        load_settings: LoadSettingsKeeper,
        memory_plans: MemoryPlans,
        settings: Callable[[], Settings],
    ) -> None:
        self._registry = registry
        self._specs = specs
        self._coordinator = coordinator
        coordinator.released = self._released
        self._metrics = metrics
        self._events = events
        self.load_settings = load_settings
        self._plans = memory_plans
        self._store = store
        self._behind = Behind("models", events)
        self._aliases = Aliases(store, events, self._behind)
        self._defaults = Defaults(registry, self._aliases, settings)
        self._switches = Switches(self._aliases, coordinator, specs, memory, self, events)
        self._reloads = Reloads(coordinator, specs, memory, load_settings, events)
        self._session = Session(store, registry, coordinator, events, self._behind)
        self._supervisor = Supervisor(
            coordinator=coordinator,
            aliases=self._aliases,
            switches=self._switches,
            reloads=self._reloads,
            session=self._session,
            metrics=metrics,
            events=events,
            behind=self._behind,
            specs=specs,
            memory=memory,
            loader=self,
            settings=settings,
        )
        self._reloads.ended = self._supervisor.save_session
        self.health = self._supervisor.health
        self._closing = False

    async def start(self) -> None:
        """Read the aliases, what was loaded in the last run, and what is kept loaded."""
        await self._aliases.start()
        await self._session.start()
        for model_id in await self._store.pins():
            self._coordinator.pin(model_id, pinned=True)
        self.follow_default()

    def follow_default(self) -> None:
        """Make the default model active where no model is."""
        model_id = self._defaults.model() if self.active() is None else None
        if model_id is not None:
            self._follow(model_id, "it is the default model")

    def warm(self) -> None:
        """Prepare in the background for the first load; once there is nothing more urgent."""
        self._coordinator.warm()

    def begin_close(self) -> None:
        """From now on the session stays as it is, and no failed switch is undone."""
        self._closing = True
        self._supervisor.begin_close()
        self._switches.begin_close()
        self._reloads.begin_close()

    async def aclose(self) -> None:
        """End every process; the session stays as it was."""
        self.begin_close()
        await self._supervisor.aclose()
        await self._coordinator.aclose()
        await self._switches.settled()
        await self._reloads.settled()
        await self._behind.settled()

    # Queries

    def get(self, model_id: ModelId) -> ModelSpec:
        """The spec of a model that is known or loaded.

        Raises:
            UnknownModel: the id names nothing.
        """
        return self._specs.get(model_id)

    def search(self, words: str = "") -> tuple[ModelSpec, ...]:
        """The models that contain every word, by name."""
        return self._registry.search(words)

    def query(self, query: ModelQuery, state: InstanceState | None = None) -> ModelPage:
        """A page of the models that match, by name.

        Args:
            query: what to find.
            state: the state that their instances are in; None for any and for none.
        """
        views = self.instances()
        loaded = {view.model_id for view in views if view.state is InstanceState.READY}
        if state is None:
            return self._registry.query(query, loaded)
        ids = {view.model_id for view in views if view.state is state}
        if query.loaded is not None:
            ids = ids & loaded if query.loaded else ids - loaded
        return self._registry.query(query.model_copy(update={"loaded": True}), ids)

    def count(self, *statuses: ModelStatus) -> int:
        """How many models there are with one of these statuses."""
        return self._registry.count(*statuses)

    def copied(self) -> list[ModelId]:
        """The models that several files hold."""
        return self._registry.copied()

    def metrics(self, model_id: ModelId) -> ModelMetrics | None:
        """A model's averages, or None before its first use."""
        return self._metrics.find(model_id)

    def measured(self) -> tuple[ModelMetrics, ...]:
        """The averages of every model that was used."""
        return self._metrics.all()

    def instances(self) -> tuple[InstanceView, ...]:
        """What is loaded, comes, goes or failed, one a model, in the order of loading."""
        return self._coordinator.views()

    def instance(self, model_id: ModelId) -> InstanceView | None:
        """The instance of one model, or None."""
        return self._coordinator.view(model_id)

    def aliases(self) -> tuple[Alias, ...]:
        """Every alias, by name."""
        return self._aliases.all()

    def alias_history(self, name: str = ACTIVE) -> tuple[AliasChange, ...]:
        """The changes of one alias, the newest first."""
        return self._aliases.history(name)

    def earlier(self, alias: str = ACTIVE) -> tuple[ModelId, ...]:
        """Where the alias pointed before and can be pointed again, the latest first."""
        return self._switches.usable_earlier(alias)

    def active(self) -> ModelId | None:
        """The model that new prompts go to, loaded or not."""
        return self._aliases.active()

    def offloads(self, model_id: ModelId) -> bool | None:
        """Whether the model can be computed on a GPU here; None until that is known."""
        return self._coordinator.offloads(self.get(model_id))

    def plan_switch(self, model_id: ModelId, alias: str = ACTIVE) -> SwitchPlan:
        """What `switch` would do now."""
        return self._switches.plan(model_id, alias)

    def pinned(self, model_id: ModelId) -> bool:
        """Whether the model is kept loaded once it is."""
        return self._coordinator.pinned(model_id)

    def safer(self, model_id: ModelId) -> SaferLoad | None:
        """How a model that crashed is loaded with less to go wrong; None when that can't be."""
        view, spec = self._coordinator.view(model_id), self._coordinator.spec(model_id)
        if view is None or spec is None or view.error is None or view.error.crash is None:
            return None
        return safer_load(spec, view.settings, view.error.crash.cause)

    def refused(self, model_id: ModelId) -> bool:
        """Whether its load was refused for its size, and may be tried all the same."""
        view = self._coordinator.view(model_id)
        if view is None or view.error is None or view.anyway:
            return False
        return view.error.kind is ErrorKind.DOES_NOT_FIT and view.error.crash is None

    def restorable(self) -> tuple[ModelSpec, ...]:
        """The models of the last run that can be loaded again and aren't."""
        return self._session.restorable()

    def restarts_at(self, model_id: ModelId) -> float | None:
        """When a model that crashed starts again by itself, in seconds since the epoch."""
        return self._supervisor.recovery.restarts_at(model_id)

    # Commands

    async def load(
        self,
        model_id: ModelId,
        settings: LoadSettings | None = None,
        *,
        anyway: bool = False,
        priority: int = 0,
        warm_up: bool = False,
        time_to_live: float | None = None,
    ) -> None:
        """Load a model and return when it is READY; a cancelled load returns too.

        Where there is no room, idle models leave; where others will, the load waits for that. One
        that is under way is joined.

        Args:
            model_id: the model.
            settings: how, this once; None takes the settings in force.
            anyway: load it although the plan says that it doesn't fit into memory.
            priority: where several wait for room, the higher comes first.
            warm_up: have it answer a few tokens first.
            time_to_live: seconds that it stays loaded without being used; None takes the setting.

        Raises:
            AlreadyLoaded: it is loaded; `reload` gives it other settings.
            ModelError: it can't be loaded.
            SettingError: a setting can't be taken.
        """
        if self._specs.ready(model_id):
            raise AlreadyLoaded(
                f"{self.get(model_id).name} is loaded already.",
                "Use it as it is, or reload it to give it other settings.",
            )
        if time_to_live is not None and not 0 < time_to_live < math.inf:
            raise SettingError(
                f"A model can't stay loaded for {time_to_live} s.",
                "Choose a time above zero, or none to take the setting for all models.",
            )
        wish = LoadWish(
            settings=settings,
            anyway=anyway,
            priority=priority,
            warm_up=warm_up,
            time_to_live=time_to_live,
        )
        try:
            with command("load"), await self._acquire(model_id, USER, wish) as lease:
                active = self.active()
                if active != model_id and lease.lasting and not self._stays(active):
                    self._follow(model_id, "it was loaded and no other model was")
        except LoadCancelled:
            return

    async def reload(
        self, model_id: ModelId, settings: LoadSettings, *, anyway: bool = False
    ) -> None:
        """Load a model anew with other settings of its own; returns when it is READY.

        Answers under way finish first; prompts that come meanwhile wait for the new instance, and
        aliases stay. When it fails or is cancelled the model is loaded again as it was.

        Args:
            model_id: the model; one that isn't loaded is just loaded.
            settings: its own from now on, if it loads.
            anyway: load it although the plan says that it doesn't fit into memory.

        Raises:
            ModelError: it can't be loaded like that.
            SettingError: a setting can't be taken.
        """
        with command("reload"):
            await self._reloads.reload(model_id, settings, USER, anyway=anyway)

    async def cancel_load(self, model_id: ModelId) -> None:
        """End a load that is under way; those who wait for it are told."""
        self._coordinator.cancel(model_id)

    async def eject(self, model_id: ModelId, *, drain: bool = False) -> None:
        """Free a model; returns when its process is gone. One that isn't loaded is ignored.

        When the active model goes, the newest loaded one becomes active.

        Args:
            model_id: the model.
            drain: let those who use it finish first.

        Raises:
            UnknownModel: the id names nothing.
            ModelBusy: it is in use, and isn't to be drained.
        """
        spec, view = self.get(model_id), self._coordinator.view(model_id)
        if view is not None and view.leases and not drain:
            owners = ", ".join(dict.fromkeys(lease.owner for lease in view.leases))
            raise ModelBusy(
                f"{spec.name} is in use by {owners}.",
                "Wait until that has finished, stop it, or eject the model once it is done.",
            )
        self._reloads.give_up(model_id)
        with command("eject"):
            await self._coordinator.end(model_id)
            if self.active() == model_id and not self._specs.ready(model_id):
                self._follow(self._newest_ready(), "the active model was ejected")

    async def dismiss(self, model_id: ModelId) -> None:
        """Forget that a load failed or a model crashed."""
        self._supervisor.forget(model_id)
        self._coordinator.dismiss(model_id)

    async def cancel_restart(self, model_id: ModelId) -> None:
        """Leave a model that crashed as it is; harmless where it wouldn't start again."""
        self._supervisor.recovery.cancel(model_id)

    async def switch(self, model_id: ModelId, alias: str = ACTIVE) -> SwitchPlan:
        """Point an alias at another model, loading that first; returns when the routing has changed.

        Answers under way finish on the old model. It stays loaded unless both don't fit, and is
        loaded again when the new one then fails or the switch is cancelled.

        Raises:
            DoesNotFit: the plan is to refuse.
            ModelError: the new model can't be loaded; the alias is as it was.
        """
        try:
            with command("switch"):
                return await self._switches.switch(model_id, alias)
        finally:
            self._supervisor.save_session()

    async def roll_back(self, alias: str = ACTIVE) -> SwitchPlan:
        """Switch an alias back to the model before this one; returns when the routing has changed.

        Raises:
            NotLoaded: there is no earlier model that can still be used.
            ModelError: the earlier model can't be loaded; the alias is as it was.
        """
        try:
            with command("roll back"):
                return await self._switches.roll_back(alias)
        finally:
            self._supervisor.save_session()

    async def pin(self, model_id: ModelId) -> None:
        """Keep a model loaded from its next load on, whoever needs its room, until it is ejected.

        Raises:
            UnknownModel: the id names nothing.
        """
        self.get(model_id)
        await self._store.save_pin(model_id)
        self._pin(model_id, pinned=True)

    async def unpin(self, model_id: ModelId) -> None:
        """Let a model go again when it is idle; one that isn't kept loaded is ignored."""
        await self._store.forget_pin(model_id)
        self._pin(model_id, pinned=False)

    async def assign_alias(self, name: str, model_id: ModelId) -> None:
        """Point a name of the user's at a model, loading nothing.

        Raises:
            UnknownModel: the id names nothing.
        """
        self.get(model_id)
        self._aliases.assign(name, model_id, by=By.PERSON, reason="assigned")

    async def remove_alias(self, name: str) -> None:
        """Forget an alias; an unknown one is ignored."""
        self._aliases.assign(name, None, by=By.PERSON, reason="removed")

    async def restore(self) -> None:
        """Load the models of the last run.

        Raises:
            ModelError: one of them can't be loaded; the others are tried all the same.
        """
        with command("restore"):
            failure = await self._session.restore(self.acquire_for_command)
            # The alias is as it was in the last run, or as the user has set it meanwhile.
            if self.active() is None:
                self._follow(self._newest_ready(), "the last models were loaded again")
        if failure is not None:
            raise failure

    async def load_default(self) -> None:
        """Load the model that the settings name, where they name one that is in the library.

        Raises:
            ModelError: it can't be loaded.
        """
        model_id = self._defaults.model()
        if model_id is None:
            return
        with command("load default"), await self.acquire_for_command(model_id):
            self.follow_default()

    async def settled(self) -> None:
        """Wait until all that has changed is kept."""
        await self._behind.settled()

    # Stream

    @asynccontextmanager
    async def lease(
        self, id_or_alias: str, owner: str, load: LoadWish | None = None
    ) -> AsyncIterator[Lease]:
        """Hold a model, loading it when needed; it stays loaded until the lease is left.

        Args:
            id_or_alias: the model.
            owner: who uses it, by name.
            load: how a person asked to load it; None leaves alone what has just failed repeatedly.

        Raises:
            NotLoaded: the alias points at nothing.
            ModelError: the model can't be loaded.
        """
        await self._switches.until_routed(id_or_alias)
        if id_or_alias == ACTIVE:
            self.follow_default()
        model_id = self._aliases.target(id_or_alias) or ModelId(id_or_alias)
        if id_or_alias == ACTIVE and model_id == ACTIVE:
            raise NotLoaded("No model is active.", "Load one in the Library.")
        acquired = self._acquire(model_id, owner, load or LoadWish(), insist=load is not None)
        with await acquired as lease:
            yield lease

    async def acquire_for_command(
        self, model_id: ModelId, wish: LoadWish = WISHLESS, *, spared: ModelId | None = None
    ) -> Lease:
        """A lease that lasts as long as a command of the user, loading the model first."""
        return await self._acquire(model_id, USER, wish, spared=spared)

    async def _acquire(
        self,
        model_id: ModelId,
        owner: str,
        wish: LoadWish = WISHLESS,
        *,
        insist: bool = True,
        spared: ModelId | None = None,
    ) -> Lease:
        await self._reloads.until_reloaded(model_id)
        spec = self._specs.loadable(model_id)
        load = wish.settings
        if load is None:
            load = self.load_settings.in_force(model_id)
        if not self._specs.ready(model_id):
            # Before anybody leaves for it.
            self.load_settings.check(spec, load)
        return await self._coordinator.acquire(
            spec, load, owner, wish, insist=insist, spared=spared
        )

    # Session

    def _follow(self, model_id: ModelId | None, reason: str) -> None:
        """Let the active alias follow what has happened."""
        self._aliases.assign(ACTIVE, model_id, by=By.MANAGER, reason=reason)

    def _stays(self, active: ModelId | None) -> bool:
        """Whether the active alias has no need to follow another model."""
        return active is not None and (self._specs.ready(active) or self._reloads.under_way(active))

    def _released(self, lease: Lease, memory: int) -> None:
        """A use ended: what it has touched stays resident and is what the model takes."""
        if self._closing or lease.view.owner == USER:
            return
        work = self._plans.record(lease.spec, lease.settings, memory)
        if work is not None:
            self._behind.run("record memory", work)

    def _pin(self, model_id: ModelId, *, pinned: bool) -> None:
        if self._coordinator.pinned(model_id) is not pinned:
            self._coordinator.pin(model_id, pinned=pinned)
            self._events.publish(ModelPinned(model_id=model_id, pinned=pinned))

    def _newest_ready(self) -> ModelId | None:
        ready = [view for view in self.instances() if view.state is InstanceState.READY]
        return ready[-1].model_id if ready else None
