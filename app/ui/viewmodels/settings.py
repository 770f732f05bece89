"""The state of the Settings page: values in force, locks, and refusals in place."""

from PySide6.QtCore import QObject, Signal

from app.domain.errors import SettingError
from app.domain.events import SettingChanged
from app.domain.settings import Settings
from app.manager.manager import Manager
from app.ui.bridge import Bridge
from app.ui.intents import Intents


class SettingsViewModel(QObject):
    """Saves each change at once, the last one winning while an earlier one is being saved."""

    changed = Signal(str)
    """A key that has another value, whoever set it."""
    refused = Signal(str, object)
    """A key and the ErrorReport that says why its value wasn't taken."""
    accepted = Signal(str)
    """A key whose value was taken."""

    def __init__(
        self, manager: Manager, intents: Intents, bridge: Bridge, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._keeper = manager.settings
        self._intents = intents
        self._waiting: dict[str, object] = {}
        bridge.on(SettingChanged, self._announce)

    def current(self) -> Settings:
        """The settings in force."""
        return self._keeper.current()

    def lock(self, key: str) -> str:
        """Why a setting can't be changed here; empty when it can."""
        variable = self._keeper.locked(key)
        return f"Set by the environment variable {variable}." if variable is not None else ""

    def set(self, key: str, value: object) -> None:
        """Change one setting."""
        self._waiting[key] = value
        self._intents.run("save settings", self._save())

    async def _save(self) -> None:
        while self._waiting:
            key, value = next(iter(self._waiting.items()))
            del self._waiting[key]
            try:
                await self._keeper.set(key, value)
            except SettingError as error:
                self.refused.emit(key, error.report())
            else:
                self.accepted.emit(key)

    def _announce(self, events: list[SettingChanged]) -> None:
        for key in dict.fromkeys(event.key for event in events):
            self.changed.emit(key)
