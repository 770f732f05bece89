"""Models of the library to choose one of, found by words."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from app.domain.models import ModelId, ModelQuery, ModelSpec, ModelStatus
from app.manager.manager import Manager
from app.ui import words
from app.ui.viewmodels.row_table import Column

MOST = 200
"""Models that are listed at once; more words find the others."""


@dataclass(frozen=True)
class Choice:
    """One model that can be chosen."""

    id: ModelId
    name: str
    path: str
    about: str
    """What tells it from others of its name."""


COLUMNS: tuple[Column[Choice], ...] = (
    Column("Name", lambda choice: choice.name, tip=lambda choice: choice.path or choice.id),
    Column("About", lambda choice: choice.about),
)


def adapters_for(manager: Manager, spec: ModelSpec, typed: str = "") -> Sequence[Choice]:
    """The LoRA adapters in the library, those made for the model's architecture first.

    Args:
        manager: has the library.
        spec: the model that one is to be laid over.
        typed: words that they contain.
    """
    query = ModelQuery(words=typed, status=ModelStatus.ADAPTER, limit=None)
    found = list(map(manager.models.get, manager.models.query(query).ids))
    own = spec.architecture.casefold()
    found.sort(key=lambda adapter: adapter.architecture.casefold() != own)
    return [_choice(adapter, _made_for(adapter, own)) for adapter in islice(found, MOST)]


def _made_for(adapter: ModelSpec, own: str) -> str:
    if not adapter.architecture:
        return ""
    fits = adapter.architecture.casefold() == own
    return f"{'for' if fits else 'for another architecture:'} {adapter.architecture}"


def answering(manager: Manager, typed: str = "") -> Sequence[Choice]:
    """The models that can be talked to, local ones and others, by name.

    Args:
        manager: has the library.
        typed: words that they contain.
    """
    query = ModelQuery(words=typed, status=ModelStatus.AVAILABLE, limit=2 * MOST)
    specs = map(manager.models.get, manager.models.query(query).ids)
    talking = (spec for spec in specs if not spec.embeds_only)
    return [_choice(spec, _whose(manager, spec)) for spec in islice(talking, MOST)]


def _whose(manager: Manager, spec: ModelSpec) -> str:
    account = manager.account(spec.provider)
    return account.name if account is not None else spec.quantisation


def _choice(spec: ModelSpec, about: str) -> Choice:
    size = words.size(spec.size_bytes) if spec.size_bytes else ""
    told = ", ".join(filter(None, (about, size)))
    return Choice(spec.id, spec.name, spec.path, told)
