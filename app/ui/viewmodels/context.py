"""What the actions depend on, read from the manager."""

from app.domain.errors import UnknownModel
from app.domain.models import ModelId, ModelSpec
from app.manager.manager import Manager
from app.ui.actions import Context


def context_of(manager: Manager, page: str, model_id: ModelId | None) -> Context:
    """The context in which actions are for `model_id`; an unknown id counts as none."""
    models = manager.models
    spec = _known(manager, model_id)
    return Context(
        page=page,
        model=spec,
        instance=models.instance(spec.id) if spec is not None else None,
        active=models.active(),
        scanning=manager.library.scanning() is not None,
        folders=len(manager.library.folders()),
        restorable=len(models.restorable()),
        earlier=len(models.earlier()),
        safer=spec is not None and models.safer(spec.id) is not None,
        favourite=spec is not None and manager.annotations.get(spec.id).favourite,
        deletable=spec is not None and bool(manager.deletions.deletable(spec.id)),
        refused=spec is not None and models.refused(spec.id),
    )


def _known(manager: Manager, model_id: ModelId | None) -> ModelSpec | None:
    if model_id is None:
        return None
    try:
        return manager.models.get(model_id)
    except UnknownModel:
        return None
