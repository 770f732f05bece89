"""The manager: the one thing that the faces know of everything below."""

from collections.abc import Mapping

from app.domain.accounts import Account
from app.domain.events import ManagerInitialised, StateSaved
from app.domain.instances import ENDED, InstanceState
from app.domain.models import ModelId, ModelSpec
from app.domain.settings import Settings
from app.domain.statistics import Statistics, statistics_of
from app.manager.account_book import AccountBook, AccountPorts
from app.manager.accounts import Accounts
from app.manager.annotations import Annotations
from app.manager.capabilities import Capabilities
from app.manager.conversations import Conversations
from app.manager.conversions import Conversions
from app.manager.coordinator import Coordinator
from app.manager.counters import Counters
from app.manager.deletions import Deletions
from app.manager.duplicates import Duplicates
from app.manager.embeddings import Embeddings
from app.manager.events import EventBus, command
from app.manager.exchange import Exchange
from app.manager.inspection import Inspection
from app.manager.keys import Keys
from app.manager.library import Library
from app.manager.load_settings import LoadSettingsKeeper
from app.manager.memory import Memory
from app.manager.memory_plans import MemoryPlans
from app.manager.metrics import Metrics
from app.manager.models import Models
from app.manager.needs import Needs
from app.manager.profiles import Profiles
from app.manager.registry import Registry
from app.manager.searches import Searches
from app.manager.settings import SettingsKeeper
from app.manager.specs import Specs
from app.manager.spending import Spending, SpendingPorts
from app.manager.support import Support
from app.manager.trials import Trials
from app.ports.engines import Provider, Quantiser, TemplateProber
from app.ports.files import FileInspection, ModelFiles, SupportFiles
from app.ports.processes import Devices
from app.ports.stores import ConversationStore, LibraryStore, ModelStore, ProfileStore, SettingStore


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
        support: SupportFiles,
        environment: Mapping[str, str],
        kept: bool = True,
        accounts: AccountPorts | None = None,
        spending: SpendingPorts | None = None,
    ) -> None:
        """Join the parts.

        Args:
            models: keeps specs and what belongs to them.
            conversations: keeps conversations.
            profiles: keeps profiling runs.
            settings: keeps settings.
            library: keeps what scans have found and what people note about models.
            files: finds models on disk.
            inspection: looks into model files.
            quantiser: makes smaller models of others.
            prober: finds out what chat templates can.
            providers: load models, by the name of the account.
            devices: knows the machine.
            support: writes support bundles.
            environment: overrides settings.
            kept: whether what is done is written anywhere; the stores see to that.
            accounts: what accounts at providers need; None for local models only.
            spending: what the ledger of tokens and money needs; None where nobody counts.
        """
        # Each account adds its own.
        everybody = dict(providers)
        self.kept = kept
        self.events = EventBus()
        self.settings = SettingsKeeper(settings, self.events, environment)
        self._registry = Registry(models, self.events)
        self._metrics = Metrics(
            models, self.events, lambda: self.settings.current().performance_tracking
        )
        self._counters = Counters(models, self.events)
        self._load_settings = LoadSettingsKeeper(
            models, devices, self.events, self.settings.current
        )
        self._memory_plans = MemoryPlans(models, everybody, self.events)
        self._coordinator = Coordinator(
            everybody, devices, self.events, self._memory_plans, self.settings.current
        )
        specs = Specs(self._registry, self._coordinator)
        self.memory = Memory(
            specs, self._coordinator, self._memory_plans, devices, self._load_settings
        )
        self.models = Models(
            registry=self._registry,
            coordinator=self._coordinator,
            specs=specs,
            memory=self.memory,
            metrics=self._metrics,
            store=models,
            events=self.events,
            load_settings=self._load_settings,
            memory_plans=self._memory_plans,
            settings=self.settings.current,
        )
        self.spending = Spending(spending, self.events, self.settings.current, self)
        self._metrics.recorded = self.spending.recorded
        book = AccountBook(accounts, self.events)
        self.keys = Keys(book, self.events)
        self.accounts = Accounts(
            book=book,
            keys=self.keys,
            providers=everybody,
            registry=self._registry,
            coordinator=self._coordinator,
            events=self.events,
            permit=self.spending.permit,
        )
        self.settings.changed = self._settings_changed
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
            memory=self.memory,
            instances=self.models.instances,
            needs=Needs(
                self._registry, self._memory_plans, self._load_settings, self.settings.current
            ),
        )
        self.inspection = Inspection(self._registry, inspection, prober)
        self.duplicates = Duplicates(self._registry, library, inspection)
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
            self.library, self.annotations, files, quantiser, self.events, specs.loadable
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
        self.conversations = Conversations(
            conversations, self.models, self._metrics, self.events, self.settings.current
        )
        self.support = Support(
            files=support,
            models=self.models,
            conversations=self.conversations,
            accounts=self.accounts,
            devices=devices,
            events=self.events,
            settings=self.settings.current,
        )
        self.embeddings = Embeddings(self.models, self._metrics)
        self.profiles = Profiles(
            profiles, self.models, self._metrics, self.events, self.settings.current
        )

    async def start(self) -> None:
        """Read what is kept, and look at the folders in the background."""
        await self.settings.start()
        await self._registry.start()
        await self._metrics.start()
        await self._counters.start()
        await self._load_settings.start()
        await self._memory_plans.start()
        await self.accounts.start()
        await self.spending.start()
        await self.models.start()
        await self.conversations.start()
        await self.profiles.start()
        await self.annotations.start()
        await self.searches.start()
        await self.library.start()
        self.events.publish(ManagerInitialised(models=len(self._registry)))

    def _is_loaded(self, model_id: ModelId) -> bool:
        view = self.models.instance(model_id)
        return view is not None and view.state not in ENDED

    async def save_state(self) -> None:
        """Return when all that has changed is durable; it is kept by the change anyway."""
        with command("save state"):
            await self._registry.settled()
            await self.models.settled()
            self.events.publish(StateSaved())

    def spec(self, model_id: ModelId) -> ModelSpec | None:
        """What is known of a model, loaded or not."""
        return self._registry.find(model_id) or self._coordinator.spec(model_id)

    def account(self, provider: str) -> Account | None:
        """The account by the name that specs have of it; None for files on this machine."""
        return self.accounts.find(provider)

    def statistics(self) -> Statistics:
        """Everything that is counted, as it stands now."""
        ready = (view.state is InstanceState.READY for view in self.models.instances())
        return statistics_of(
            self._registry.kinds(), sum(ready), self._metrics.all(), self._counters.counts()
        )

    def _settings_changed(self, before: Settings) -> None:
        self._coordinator.settings_changed(before)
        self.models.follow_default()
        self.library.settings_changed(before)

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
        await self.accounts.aclose()
        await self.conversations.aclose()
        await self.spending.aclose()
        await self._counters.aclose()
        await self._registry.aclose()
