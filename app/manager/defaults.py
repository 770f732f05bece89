"""The model that stands in where none is active."""

from collections.abc import Callable

from app.domain.models import ModelId
from app.domain.settings import Settings
from app.manager.aliases import Aliases
from app.manager.registry import Registry


class Defaults:
    """Finds the model that the settings name, by its id, an alias or its name."""

    def __init__(
        self, registry: Registry, aliases: Aliases, settings: Callable[[], Settings]
    ) -> None:
        self._registry = registry
        self._aliases = aliases
        self._settings = settings

    def model(self) -> ModelId | None:
        """The default model; None where none is chosen, or it isn't in the library."""
        settings = self._settings()
        wanted = (settings.default_model or "").strip()
        if not wanted:
            return None
        ids = (
            self._aliases.target(wanted),
            ModelId(wanted),
            ModelId(f"{settings.default_provider}:{wanted}"),
        )
        for model_id in ids:
            if model_id is not None and self._registry.find(model_id) is not None:
                return model_id
        named = (
            spec.id
            for spec in self._registry.search(wanted)
            if spec.name.casefold() == wanted.casefold()
            and spec.provider == settings.default_provider
        )
        return next(named, None)
