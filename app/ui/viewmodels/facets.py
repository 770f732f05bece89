"""Facets: pieces of the query line that are put in and taken out with one press."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from app.domain.models import Capability
from app.domain.query_language import Flag, Term, parse
from app.ui.viewmodels.capability_lines import CAPABILITY_WORDS

_PIECE = re.compile(r'(?:[^\s"]|"[^"]*"?)+')


@dataclass(frozen=True)
class Facet:
    """What a chip says, and the piece that it stands for."""

    text: str
    piece: str
    hint: str = ""
    """What it asks for, in a sentence without its end."""


FLAGS = (
    Facet("Loaded", Flag.LOADED, "Models that are loaded"),
    Facet("Fits", Flag.FITS, "Models that fit into what is free or idle"),
    Facet("Favourites", Flag.FAVOURITE, "Models that you have marked"),
    Facet("Duplicates", Flag.DUPLICATE, "Models that several files hold"),
)
ABILITIES = (
    Capability.CHAT,
    Capability.TOOLS,
    Capability.VISION,
    Capability.THINKING,
    Capability.EMBEDDING,
)
"""The capabilities that people choose models by."""


def facets(providers: Collection[str]) -> tuple[Facet, ...]:
    """Every facet there is to choose.

    Args:
        providers: the accounts that models come from; of a single one there is nothing to choose.
    """
    able = (
        Facet(
            CAPABILITY_WORDS[ability],
            f"cap:{ability}",
            f"Models with the capability {CAPABILITY_WORDS[ability].lower()}",
        )
        for ability in ABILITIES
    )
    offered = sorted(providers) if len(providers) > 1 else ()
    accounts = (Facet(name, f"provider:{_quoted(name)}", f"Models of {name}") for name in offered)
    return (*FLAGS, *able, *accounts)


def holds(line: str, piece: str) -> bool:
    """Whether a line asks for a piece."""
    return _term(piece) in parse(line).terms


def toggled(line: str, piece: str) -> str:
    """The line with a piece where it had none, and without it where it had."""
    pieces = _PIECE.findall(line)
    wanted = _term(piece)
    kept = [other for other in pieces if _term(other) != wanted]
    return " ".join(kept if len(kept) < len(pieces) else [*pieces, piece])


def _term(piece: str) -> Term | None:
    terms = parse(piece).terms
    return terms[0] if len(terms) == 1 else None


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value
