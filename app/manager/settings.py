"""The owner of the settings: environment over stored over default, one row a key."""

import json
import logging
from collections.abc import Callable, Mapping

from pydantic import ValidationError

from app.domain.errors import SettingError
from app.domain.events import SettingChanged
from app.domain.settings import ENVIRONMENT_ONLY, Settings, parsed, variable
from app.manager.events import EventBus
from app.ports.stores import SettingStore

log = logging.getLogger(__name__)


class SettingsKeeper:
    """Holds the settings in force and keeps each change as one row."""

    def __init__(
        self, store: SettingStore, events: EventBus, environment: Mapping[str, str]
    ) -> None:
        self._store = store
        self._events = events
        self._environment = environment
        self._locked: dict[str, str] = {}
        self._current = Settings()
        self.changed: Callable[[Settings], None] = lambda before: None
        """Told at once when a setting has another value, with all of them as they were."""

    async def start(self) -> None:
        """Read what is kept and what the environment overrides; a bad value costs only itself."""
        for key, text in (await self._store.settings()).items():
            if key in ENVIRONMENT_ONLY:
                continue
            self._take(key, text, "the stored setting")
        for key in Settings.model_fields:
            name = variable(key)
            override = self._environment.get(name)
            if override is not None and self._take(key, override, name):
                self._locked[key] = name

    def current(self) -> Settings:
        """The settings in force."""
        return self._current

    def locked(self, key: str) -> str | None:
        """The environment variable that overrides this setting, or None."""
        return self._locked.get(key)

    async def set(self, key: str, value: object) -> None:
        """Change one setting and keep it.

        Raises:
            SettingError: the value can't be taken, or the environment overrides the setting.
        """
        locked = self._locked.get(key)
        if locked is not None:
            raise SettingError(
                f"The environment variable {locked} sets this.",
                "Remove the variable and start Modelyard again to change it here.",
            )
        if key in ENVIRONMENT_ONLY:
            raise SettingError(
                "This is chosen before Modelyard starts.",
                f"Set the environment variable {variable(key)} and start Modelyard again.",
            )
        changed = self._with(key, value)
        if changed == self._current:
            return
        text = json.dumps(changed.model_dump(mode="json")[key])
        await self._store.save_setting(key, text)
        before, self._current = self._current, self._with(key, value)
        self._events.publish(SettingChanged(key=key))
        self.changed(before)

    async def reset(self, key: str) -> None:
        """Return one setting to its default."""
        await self.set(key, Settings.model_fields[key].get_default(call_default_factory=True))
        await self._store.forget_setting(key)

    def _with(self, key: str, value: object) -> Settings:
        try:
            return Settings.model_validate({**self._current.model_dump(), key: value})
        except ValidationError as error:
            raise SettingError(
                _demand(key, value),
                _way_out(key),
                "; ".join(item["msg"] for item in error.errors()),
            ) from error

    def _take(self, key: str, text: str, source: str) -> bool:
        if key not in Settings.model_fields:
            log.warning("Ignoring %s, which this version doesn't know, from %s", key, source)
            return False
        try:
            self._current = self._with(key, parsed(text))
        except SettingError as error:
            log.warning("Ignoring %s from %s: %s", key, source, error.detail)
            return False
        return True


def _demand(key: str, value: object) -> str:
    """What the setting must be, in a sentence made of its title and its bounds."""
    field = Settings.model_fields[key]
    title = field.title or key.replace("_", " ").capitalize()
    least = next((bound.ge for bound in field.metadata if hasattr(bound, "ge")), None)
    most = next((bound.le for bound in field.metadata if hasattr(bound, "le")), None)
    if field.description:
        return f"{title} must be {field.description}."
    if least is None or most is None:
        return f"{title} can't be {value!r}."
    return f"{title} must be a whole number from {least:,} to {most:,}."


def _way_out(key: str) -> str:
    may_be_empty = Settings.model_fields[key].get_default(call_default_factory=True) is None
    return "Change it, or leave it empty." if may_be_empty else "Choose another value."
