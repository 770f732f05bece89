"""The owner of how each model is loaded."""

from collections.abc import Callable

from app.domain.events import LoadSettingsChanged
from app.domain.load_checks import check_settings
from app.domain.load_settings import LoadSettings, preferring
from app.domain.models import ModelId, ModelSpec
from app.domain.settings import Settings
from app.manager.events import EventBus
from app.ports import Devices, ModelStore


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

    async def start(self) -> None:
        """Read what is kept."""
        self._own = await self._store.load_settings()

    def own(self, model_id: ModelId) -> LoadSettings:
        """What the user chose for this model; all None where nothing was."""
        return self._own.get(model_id, LoadSettings())

    def in_force(self, model_id: ModelId) -> LoadSettings:
        """What the model's next load takes: its own settings, then the app's."""
        settings = self._settings()
        general = LoadSettings(context_length=settings.context_length, threads=settings.threads)
        return preferring(self.own(model_id), general)

    def check(self, spec: ModelSpec, settings: LoadSettings) -> None:
        """Check what the header tells about settings, before anything is started.

        Raises:
            SettingError: a value can't be taken.
        """
        check_settings(spec, settings, self._devices.cores())

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
        self._events.publish(LoadSettingsChanged(model_id=spec.id))
