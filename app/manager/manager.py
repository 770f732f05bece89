"""The manager: the one thing that the faces know of everything below."""

from collections.abc import Mapping

from app.domain.events import ManagerInitialised, StateSaved
from app.domain.instances import ENDED, InstanceState
from app.domain.models import ModelId
from app.domain.statistics import Statistics, statistics_of
from app.manager.annotations import Annotations
from app.manager.capabilities import Capabilities
from app.manager.conversations import Conversations
from app.manager.conversions import Conversions
from app.manager.coordinator import Coordinator
from app.manager.counters import Counters
from app.manager.deletions import Deletions
from app.manager.events import EventBus, command
from app.manager.exchange import Exchange
from app.manager.inspection import Inspection
from app.manager.library import Library
from app.manager.load_settings import LoadSettingsKeeper
from app.manager.memory_plans import MemoryPlans
from app.manager.metrics import Metrics
from app.manager.models import Models
from app.manager.profiles import Profiles
from app.manager.registry import Registry
from app.manager.searches import Searches
from app.manager.settings import SettingsKeeper
from app.manager.trials import Trials
from app.ports import (
    ConversationStore,
    Devices,
    FileInspection,
    LibraryStore,
    ModelFiles,
    ModelStore,
    ProfileStore,
    Provider,
    Quantiser,
    SettingStore,
    TemplateProber,
)


class Manager:
    """Small services over one coordinator; each owns its noun.

    `start` reads what is kept and `aclose` ends every process; both are awaited once.
    """

    def __init__(  # noqa: PLR0913 - one argument a port, each named where the program is composed
        self,
        *,
        models: ModelStore,
        conversations: ConversationStore,
        profiles: ProfileStore,
        settings: SettingStore,
        library: LibraryStore,
        files: ModelFiles,
        inspection: FileInspection,
        quantiser: Quantiser,
        prober: TemplateProber,
        providers: Mapping[str, Provider],
        devices: Devices,
        environment: Mapping[str, str],
    ) -> None:
        self.events = EventBus()
        self.settings = SettingsKeeper(settings, self.events, environment)
        self._registry = Registry(models, self.events)
        self._metrics = Metrics(models, self.events)
        self._counters = Counters(models, self.events)
        self._load_settings = LoadSettingsKeeper(
            models, devices, self.events, self.settings.current
        )
        self._memory_plans = MemoryPlans(models, providers, self.events)
        self._coordinator = Coordinator(
            providers, devices, self.events, self._memory_plans, self.settings.current
        )
        self.settings.changed = lambda key: self._coordinator.stir()
        self.models = Models(
            registry=self._registry,
            coordinator=self._coordinator,
            metrics=self._metrics,
            store=models,
            devices=devices,
            events=self.events,
            load_settings=self._load_settings,
            memory_plans=self._memory_plans,
            settings=self.settings.current,
        )
        self.annotations = Annotations(library, self._registry, self.events)
        self.capabilities = Capabilities(prober, self._registry, library)
        self.library = Library(
            registry=self._registry,
            files=files,
            models=models,
            store=library,
            annotations=self.annotations,
            capabilities=self.capabilities,
            events=self.events,
            settings=self.settings.current,
        )
        self.searches = Searches(
            registry=self._registry,
            annotations=self.annotations,
            store=library,
            events=self.events,
            memory=self.models,
            instances=self.models.instances,
            in_force=self._load_settings.in_force,
        )
        self.conversations = Conversations(
            conversations, self.models, self._metrics, self.events, self.settings.current
        )
        self.inspection = Inspection(self._registry, inspection, prober)
        self.trials = Trials(self.models, self.annotations, self.events)
        self.deletions = Deletions(
            registry=self._registry,
            library=self.library,
            files=files,
            store=library,
            events=self.events,
            loaded=self._is_loaded,
        )
        self.conversions = Conversions(
            self.library, self.annotations, files, quantiser, self.events, self.models.loadable
        )
        self.exchange = Exchange(
            registry=self._registry,
            library=self.library,
            annotations=self.annotations,
            searches=self.searches,
            models=self.models,
            settings=self.settings,
            store=models,
        )
        self.profiles = Profiles(profiles, self.models, self.events, self.settings.current)

    async def start(self) -> None:
        """Read what is kept, and look at the folders in the background."""
        await self.settings.start()
        await self._registry.start()
        await self._metrics.start()
        await self._counters.start()
        await self._load_settings.start()
        await self._memory_plans.start()
        await self.models.start()
        await self.conversations.start()
        await self.profiles.start()
        await self.annotations.start()
        await self.searches.start()
        await self.library.start()
        self.events.publish(ManagerInitialised(models=len(self.models.search())))

    def _is_loaded(self, model_id: ModelId) -> bool:
        view = self.models.instance(model_id)
        return view is not None and view.state not in ENDED

    async def save_state(self) -> None:
        """Return when all that has changed is durable; it is kept by the change anyway."""
        with command("save state"):
            await self._registry.settled()
            await self.models.settled()
            self.events.publish(StateSaved())

    def statistics(self) -> Statistics:
        """Everything that is counted, as it stands now."""
        ready = (view.state is InstanceState.READY for view in self.models.instances())
        return statistics_of(
            self._registry.kinds(), sum(ready), self._metrics.all(), self._counters.counts()
        )

    def begin_close(self) -> None:
        """The program is about to end: what is loaded now is what the next start offers."""
        self.models.begin_close()

    async def aclose(self) -> None:
        """End scans and processes; what was acknowledged is kept."""
        await self.profiles.aclose()
        await self.conversions.aclose()
        await self.deletions.aclose()
        await self.library.aclose()
        await self.capabilities.aclose()
        await self.models.aclose()
        await self.conversations.aclose()
        await self._counters.aclose()
        await self._registry.aclose()
