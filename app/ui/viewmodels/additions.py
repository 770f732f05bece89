"""What became of files and folders that a person gave the library, in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from app.domain.error_reports import ErrorReport
from app.domain.models import ModelId
from app.ui import words


class Outcome(StrEnum):
    """What became of one of them."""

    MODEL_ADDED = "model added"
    MODEL_KNOWN = "model known"
    FOLDER_ADDED = "folder added"
    FOLDER_KNOWN = "folder known"
    REFUSED = "refused"


@dataclass(frozen=True)
class Addition:
    """One file or folder."""

    path: str
    outcome: Outcome
    model_id: ModelId | None = None
    """The model in the file, where it can be used."""
    error: ErrorReport | None = None
    """Why it was refused."""

    @property
    def name(self) -> str:
        """What the person calls it."""
        return PurePath(self.path).name or self.path


def said(additions: Sequence[Addition]) -> str:
    """What became of them; empty for nothing."""
    if not additions:
        return ""
    return f"{_of_one(additions[0]) if len(additions) == 1 else _of_many(additions)}."


def refusals(additions: Sequence[Addition]) -> str:
    """Why some were refused, a line each."""
    errors = (item.error for item in additions if item.outcome is Outcome.REFUSED)
    return "\n".join(f"{error.what} {error.remedy}" for error in errors if error is not None)


def _of_one(addition: Addition) -> str:
    match addition.outcome:
        case Outcome.MODEL_ADDED:
            return f"{addition.name} is added"
        case Outcome.FOLDER_ADDED:
            return f"The folder {addition.name} is added; its models appear as they are found"
        case Outcome.MODEL_KNOWN:
            return f"{addition.name} is in the library already"
        case Outcome.FOLDER_KNOWN:
            return f"The folder {addition.name} is in the library already; it is scanned again"
        case Outcome.REFUSED:
            return f"{addition.name} can't be added"


def _of_many(additions: Sequence[Addition]) -> str:
    models, folders, known, refused = (
        [item for item in additions if item.outcome in outcomes]
        for outcomes in (
            {Outcome.MODEL_ADDED},
            {Outcome.FOLDER_ADDED},
            {Outcome.MODEL_KNOWN, Outcome.FOLDER_KNOWN},
            {Outcome.REFUSED},
        )
    )
    kinds = ((models, "model"), (folders, "folder"))
    fresh = " and ".join(words.amount(len(items), kind) for items, kind in kinds if items)
    pieces = []
    if fresh:
        alone = len(models) + len(folders) == 1
        pieces.append(f"{fresh} {'is' if alone else 'are'} added")
    if known:
        verb = "was" if len(known) == 1 else "were"
        pieces.append(f"{len(known)} {verb} there already")
    if refused:
        names = refused[0].name if len(refused) == 1 else str(len(refused))
        pieces.append(f"{names} can't be added")
    return "; ".join(pieces)
