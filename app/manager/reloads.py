"""Loading a model anew with other settings, and as it was when that fails."""

import asyncio
import logging
from collections.abc import Callable

from app.domain.error_reports import report_of
from app.domain.errors import AppError
from app.domain.events import NoticeRaised, ReloadRolledBack
from app.domain.instances import InstanceState
from app.domain.load_settings import LoadSettings, LoadWish
from app.domain.memory import Fit
from app.domain.models import ModelId
from app.manager.coordinator import WISHLESS, Coordinator
from app.manager.events import EventBus
from app.manager.load_settings import LoadSettingsKeeper
from app.manager.memory import Memory
from app.manager.specs import Specs
from app.tasks import TaskScope

log = logging.getLogger(__name__)


class Reloads:
    """Makes one reload a model at a time; whoever wants the model meanwhile waits for its end."""

    def __init__(
        self,
        coordinator: Coordinator,
        specs: Specs,
        memory: Memory,
        load_settings: LoadSettingsKeeper,
        events: EventBus,
    ) -> None:
        self._coordinator = coordinator
        self._specs = specs
        self._memory = memory
        self._load_settings = load_settings
        self._events = events
        self.ended: Callable[[], None] = lambda: None
        """Told when a model is back, or isn't to come back."""
        self._under_way: dict[ModelId, asyncio.Event] = {}
        """Set when the model is back, or isn't to come back."""
        self._given_up: set[ModelId] = set()
        """Models that a person has ejected meanwhile."""
        self._tasks = TaskScope("reloads")
        self._closing = False

    def under_way(self, model_id: ModelId | None = None) -> bool:
        """Whether this model, or any, is gone only until it is back."""
        return bool(self._under_way) if model_id is None else model_id in self._under_way

    async def until_reloaded(self, model_id: ModelId) -> None:
        """Wait while the model is gone only until it is back."""
        while (under_way := self._under_way.get(model_id)) is not None:
            await under_way.wait()

    def give_up(self, model_id: ModelId) -> None:
        """Don't bring the model back when its reload fails; harmless where none is under way."""
        if model_id in self._under_way:
            self._given_up.add(model_id)

    def begin_close(self) -> None:
        """From now on no failed reload is undone."""
        self._closing = True

    async def settled(self) -> None:
        """Wait until everything that follows a reload has ended."""
        await self._tasks.join()

    async def reload(
        self, model_id: ModelId, settings: LoadSettings, owner: str, *, anyway: bool
    ) -> None:
        """Let the answers finish, load the model with other settings of its own, and keep those.

        Raises:
            SettingError: a setting can't be taken; nothing has changed.
            DoesNotFit: there is no room for it like that; nothing has changed.
            ModelError: it can't be loaded like that; it is being loaded as it was.
        """
        await self.until_reloaded(model_id)
        wanted = self._load_settings.merged(settings)
        self._load_settings.check(self._specs.loadable(model_id), wanted)
        if not anyway:
            await self._check_room(model_id, wanted)
        # Others may have begun while that was found out.
        await self.until_reloaded(model_id)
        spec = self._specs.loadable(model_id)
        view, wish = self._coordinator.view(model_id), self._coordinator.wish(model_id) or WISHLESS
        loaded = view is not None and view.state is InstanceState.READY
        before = wish.model_copy(update={"settings": view.settings}) if view and loaded else None
        self._under_way[model_id] = asyncio.Event()
        try:
            await self._coordinator.end(model_id)
            wish = wish.model_copy(update={"settings": wanted, "anyway": anyway})
            with await self._coordinator.acquire(spec, wanted, owner, wish):
                await self._load_settings.save(spec, settings)
        except BaseException as error:
            if before is None or self._closing or model_id in self._given_up:
                self._end(model_id)
            else:
                undo = self._roll_back(model_id, before, owner, error)
                self._tasks.start(f"load {spec.name} as it was", undo)
            raise
        self._end(model_id)

    async def _check_room(self, model_id: ModelId, settings: LoadSettings) -> None:
        """Refuse what couldn't come back, so that what is loaded stays."""
        if self._memory.fit(model_id, settings=settings) is not Fit.TOO_BIG:
            return
        await self._memory.run_dry(model_id, settings)
        if self._memory.fit(model_id, settings=settings) is Fit.TOO_BIG:
            raise self._memory.refusal(model_id, settings)

    async def _roll_back(
        self, model_id: ModelId, wish: LoadWish, owner: str, cause: BaseException
    ) -> None:
        report = None if isinstance(cause, asyncio.CancelledError) else report_of(cause)
        assert wish.settings is not None, "it was loaded with settings"
        try:
            # A load of the new settings may be on its way out.
            await self._coordinator.end(model_id)
            spec = self._specs.get(model_id)
            with await self._coordinator.acquire(spec, wish.settings, owner, wish):
                self._events.publish(ReloadRolledBack(model_id=model_id, error=report))
        except AppError as error:
            log.warning("%s couldn't be loaded as it was: %s", model_id, error)
            self._events.publish(NoticeRaised(report=report_of(error)))
        finally:
            self._end(model_id)

    def _end(self, model_id: ModelId) -> None:
        self._given_up.discard(model_id)
        self._under_way.pop(model_id).set()
        self.ended()
