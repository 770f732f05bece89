"""The columns of the model browser, and what their cells say."""

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.models import ModelOrder, ModelSpec
from app.ui import words
from app.ui.viewmodels.model_facts import ModelFacts


@dataclass(frozen=True)
class Column:
    """One column and its words."""

    id: str
    title: str
    text: Callable[[ModelFacts, ModelSpec], str]
    width: int
    order: ModelOrder | None = None
    """How the registry orders by it; None where only the window can."""
    figures: bool = False
    moves: bool = False
    """Whether its values change while the specs stay."""
    offered: bool = False
    """Whether it is shown only when somebody chose it."""
    name: str = ""
    """What menus call it, where that isn't the title."""


def _state(facts: ModelFacts, spec: ModelSpec) -> str:
    view = facts.instance(spec)
    return words.state(view) if view is not None else words.STATUS_WORDS[spec.status]


def _fit(facts: ModelFacts, spec: ModelSpec) -> str:
    fit = facts.fit(spec)
    return words.FIT_WORDS[fit] if fit is not None else ""


def _last_used(facts: ModelFacts, spec: ModelSpec) -> str:
    at = facts.last_used(spec)
    return words.moment(at) if at is not None else words.NOTHING


STAR = "\N{BLACK STAR}"
COLUMNS = (
    Column("name", "Name", lambda _, s: s.name, 180, ModelOrder.NAME),
    Column(
        "architecture",
        "Arch",
        lambda _, s: s.architecture or words.NOTHING,
        80,
        ModelOrder.ARCHITECTURE,
    ),
    Column("provider", "Provider", lambda f, s: f.provider(s), 72, ModelOrder.PROVIDER),
    Column(
        "parameters",
        "Params",
        lambda _, s: words.parameters(s.parameters),
        74,
        ModelOrder.PARAMETERS,
        figures=True,
    ),
    Column(
        "quantisation",
        "Quant",
        lambda _, s: s.quantisation or words.NOTHING,
        76,
        ModelOrder.QUANTISATION,
    ),
    Column(
        "size",
        "Size",
        lambda _, s: words.size(s.size_bytes or None),
        72,
        ModelOrder.SIZE,
        figures=True,
    ),
    Column(
        "context",
        "Ctx",
        lambda _, s: words.context(s.context_length),
        54,
        ModelOrder.CONTEXT,
        figures=True,
    ),
    Column("fit", "Fit", _fit, 94),
    Column("state", "State", _state, 146, moves=True),
    Column("speed", "Speed", lambda f, s: words.speed(f.speed(s)), 92, figures=True, moves=True),
    Column("tags", "Tags", lambda f, s: ", ".join(f.tags(s)), 110, offered=True),
    Column("aliases", "Aliases", lambda f, s: ", ".join(f.aliases(s)), 96, offered=True),
    Column("last_used", "Last used", _last_used, 128, moves=True, offered=True),
    Column(
        "favourite",
        STAR,
        lambda f, s: STAR if f.favourite(s) else "",
        30,
        moves=True,
        name="Favourite",
    ),
)
