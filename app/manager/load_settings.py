"""The owner of how each model is loaded."""

from collections.abc import Callable, Collection

from app.domain.errors import SettingError
from app.domain.events import LoadSettingsChanged
from app.domain.load_checks import check_settings, refusals
from app.domain.load_settings import CacheType, LoadSettings, preferring
from app.domain.memory import BATCH, DEFAULT_SLOTS, MICRO_BATCH, context_for
from app.domain.models import ModelId, ModelSpec
from app.domain.settings import Settings
from app.manager.events import EventBus
from app.ports.processes import Devices
from app.ports.stores import ModelStore


class LoadSettingsKeeper:
    """Holds the settings that the user gave single models, over the app's own for all."""

    def __init__(
        self,
        store: ModelStore,
        devices: Devices,
        events: EventBus,
        settings: Callable[[], Settings],
    ) -> None:
        self._store = store
        self._devices = devices
        self._events = events
        self._settings = settings
        self._own: dict[ModelId, LoadSettings] = {}
        self.changes = 0
        """Counts what was chosen for any model."""

    async def start(self) -> None:
        """Read what is kept."""
        self._own = await self._store.load_settings()

    def known(self) -> Collection[ModelId]:
        """Models that have settings of their own."""
        return self._own.keys()

    def own(self, model_id: ModelId) -> LoadSettings:
        """What the user chose for this model; all None where nothing was."""
        return self._own.get(model_id, LoadSettings())

    def in_force(self, model_id: ModelId) -> LoadSettings:
        """What the model's next load takes: its own settings, then the app's."""
        return self.merged(self.own(model_id))

    def merged(self, own: LoadSettings) -> LoadSettings:
        """What a load takes where a model's own settings are these."""
        return preferring(own, self.general())

    def general(self) -> LoadSettings:
        """What the user chose for all models."""
        settings = self._settings()
        return LoadSettings(context_length=settings.context_length, threads=settings.threads)

    def automatic(self, spec: ModelSpec) -> LoadSettings:
        """What the app chooses for a model where nobody else does, as far as that is known."""
        return LoadSettings(
            context_length=context_for(spec, LoadSettings()),
            slots=1 if spec.embeds_only else DEFAULT_SLOTS,
            batch=BATCH,
            micro_batch=MICRO_BATCH,
            cache_type_k=CacheType.F16,
            cache_type_v=CacheType.F16,
        )

    def check(self, spec: ModelSpec, settings: LoadSettings) -> None:
        """Check what the header tells about settings, before anything is started.

        Raises:
            SettingError: a value can't be taken.
        """
        if spec.remote is None:
            check_settings(spec, settings, self._devices.cores())

    def refusals(self, spec: ModelSpec, settings: LoadSettings) -> dict[str, SettingError]:
        """Why values can't be taken, by the setting's name; what `check` would raise."""
        found: dict[str, SettingError] = {}
        for name, error in refusals(spec, settings, self._devices.cores()):
            found.setdefault(name, error)
        return found

    async def save(self, spec: ModelSpec, settings: LoadSettings) -> None:
        """Keep a model's own settings, for its next load.

        Raises:
            SettingError: a value can't be taken.
        """
        self.check(spec, settings)
        if settings == self.own(spec.id):
            return
        await self._store.save_load_settings(spec.id, settings)
        self._own[spec.id] = settings
        self.changes += 1
        self._events.publish(LoadSettingsChanged(model_id=spec.id))
