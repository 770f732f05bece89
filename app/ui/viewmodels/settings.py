"""The state of the Settings page: values in force, locks, and refusals in place."""

import re
from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from app.domain.error_reports import report_of
from app.domain.errors import SettingError
from app.domain.events import SettingChanged
from app.domain.models import ModelId
from app.domain.settings import Settings
from app.manager.manager import Manager
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.viewmodels.model_choices import Choice, answering

UNITS = {"%": 0.01, "mb": 1e6, "gb": 1e9, "tb": 1e12, "": 1e9}
SAVING = "save settings"
BUDGET = re.compile(r"(\d+(?:[.,]\d+)?)\s*(%|[mgt]b|)", re.IGNORECASE)


def read_budget(text: str) -> object:
    """The memory for models as it is typed: "75 %", "12 GB", or a number of gigabytes.

    What can't be read is returned as it is, to be refused where settings are checked.
    """
    found = BUDGET.fullmatch(text.strip())
    if found is None:
        return text.strip() or None
    value = float(found[1].replace(",", ".")) * UNITS[found[2].lower()]
    return min(1.0, value) if found[2] == "%" and value <= 1 else value


def written_budget(value: float | None) -> str:
    """A budget as `read_budget` takes it."""
    if value is None:
        return ""
    return f"{value * 100:.6g} %" if value <= 1 else f"{value / 1e9:.6g} GB"


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
        self._manager = manager
        self._keeper = manager.settings
        self._intents = intents
        self._waiting: dict[str, object] = {}
        intents.busy_changed.connect(self._busy)
        bridge.on(SettingChanged, self._announce)

    def current(self) -> Settings:
        """The settings in force."""
        return self._keeper.current()

    def lock(self, key: str) -> str:
        """Why a setting can't be changed here; empty when it can."""
        variable = self._keeper.locked(key)
        return f"Set by the environment variable {variable}." if variable is not None else ""

    def default_model(self) -> str:
        """The model that stands in where none is active, in words."""
        wanted = self.current().default_model
        if wanted is None:
            return "None"
        spec = self._manager.spec(ModelId(wanted))
        if spec is None:
            # By its name or an alias, as a variable may have it; or it has gone.
            return wanted
        account = self._manager.account(spec.provider)
        return f"{spec.name}, {account.name}" if account is not None else spec.name

    def default_candidates(self, typed: str) -> Sequence[Choice]:
        """The models that could stand in, by what is typed."""
        return answering(self._manager, typed)

    def set(self, key: str, value: object) -> None:
        """Change one setting."""
        self._waiting[key] = value
        self._intents.run(SAVING, self._save())

    def _busy(self, name: str, busy: bool) -> None:
        # What was set while the last save was ending hasn't been seen by it.
        if name == SAVING and not busy and self._waiting:
            self._intents.run(SAVING, self._save())

    async def _save(self) -> None:
        while self._waiting:
            key, value = next(iter(self._waiting.items()))
            del self._waiting[key]
            try:
                await self._keeper.set(key, value)
            except SettingError as error:
                self.refused.emit(key, report_of(error))
            else:
                self.accepted.emit(key)

    def _announce(self, events: list[SettingChanged]) -> None:
        for key in dict.fromkeys(event.key for event in events):
            self.changed.emit(key)
