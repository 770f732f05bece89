"""The specs of what is known, and of what is loaded though it has left the registry since."""

from app.domain.errors import InvalidFile, MissingFile, UnknownModel
from app.domain.instances import InstanceState
from app.domain.models import ModelId, ModelSpec, ModelStatus
from app.manager.coordinator import Coordinator
from app.manager.registry import Registry


class Specs:
    """Finds the spec behind an id, and says whether it can be loaded."""

    def __init__(self, registry: Registry, coordinator: Coordinator) -> None:
        self._registry = registry
        self._coordinator = coordinator

    def get(self, model_id: ModelId) -> ModelSpec:
        """The spec of a model that is known or loaded.

        Raises:
            UnknownModel: the id names nothing.
        """
        loaded = self._coordinator.spec(model_id)
        return self._registry.find(model_id) or loaded or self._registry.get(model_id)

    def loadable(self, model_id: ModelId) -> ModelSpec:
        """The spec of a model that is loaded or can be.

        Raises:
            ModelError: it is unknown, missing or broken.
        """
        spec = self.get(model_id)
        if self.ready(model_id):
            # What is loaded answers, whatever became of its file.
            return spec
        if spec.remote is not None and spec.status is not ModelStatus.AVAILABLE:
            raise UnknownModel(
                f"{spec.name} isn't offered any more.", "Choose another model.", spec.reason
            )
        if spec.status is ModelStatus.ADAPTER:
            raise InvalidFile(
                f"{spec.name} is a LoRA adapter and can't be loaded alone.",
                "Add its file to the load settings of the model that it was made for.",
                spec.path,
            )
        if spec.status is ModelStatus.INVALID:
            raise InvalidFile(
                f"{spec.name} can't be loaded.",
                "Replace the file, for example download it again.",
                spec.reason,
            )
        if spec.status is ModelStatus.MISSING:
            raise MissingFile(
                f"The file of {spec.name} isn't there.",
                "Connect its drive or add its new folder.",
                spec.path,
            )
        return spec

    def ready(self, model_id: ModelId) -> bool:
        """Whether the model is loaded and answers."""
        view = self._coordinator.view(model_id)
        return view is not None and view.state is InstanceState.READY
