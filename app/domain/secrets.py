"""Keys: text that shows itself to nobody but the call that needs it."""

import hmac
from enum import StrEnum
from typing import NoReturn

from app.domain.base import Frozen
from app.domain.errors import KeyUnusable

LONGEST_KEY = 1200
"""Characters; the keyring of Windows takes 1,280 and answers more with a riddle."""
HINT = 4
SHORTEST_WITH_HINT = 12
"""Of a shorter key the last characters would give too much away."""
_GRAPHIC = range(0x21, 0x7F)
HIDDEN = "Secret(hidden)"


class Secret:
    """A key. Neither printing, formatting, copying, pickling nor JSON gets at it; `reveal` does."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The key itself, for the call that sends it or the keyring that keeps it."""
        return self._text

    @property
    def hint(self) -> str:
        """Its last characters, by which a person knows it; empty for a short one."""
        return self._text[-HINT:] if len(self._text) >= SHORTEST_WITH_HINT else ""

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, form: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret can't be copied or pickled")


class KeyringState(Frozen):
    """Whether keys can be kept beyond this run."""

    lasting: bool
    reason: str = ""
    """Why not, in one sentence; what a banner says."""


class KeyPlace(StrEnum):
    """Where a key is."""

    KEYRING = "keyring"
    MEMORY = "memory"
    """Until the app quits."""
    ENVIRONMENT = "environment"
    """In a variable that the person named."""


class AuditFinding(Frozen):
    """A place in which a key lies openly."""

    place: str
    """A file, or a process and which part of it."""
    credential: str
    """Whose key it is, as the search was told."""


class AuditReport(Frozen):
    """What a search of the app's own files and processes for every known key came to."""

    keys: int
    """How many were looked for."""
    files: int
    """How many files were searched."""
    processes: int
    findings: tuple[AuditFinding, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Places that couldn't be searched."""


def read_key(text: str) -> Secret:
    """A key as somebody pasted it, without what surrounds it.

    Raises:
        KeyUnusable: it is empty or too long, or has characters that no key has and no header takes.
    """
    key = text.strip()
    if not key:
        raise KeyUnusable("There is no key.", "Paste the key that the provider gave you.")
    if len(key) > LONGEST_KEY:
        raise KeyUnusable(
            f"This key has {len(key):,} characters, and keyrings take {LONGEST_KEY:,} at most.",
            "Copy the key alone, without what stands around it.",
        )
    if any(ord(character) not in _GRAPHIC for character in key):
        raise KeyUnusable(
            "This key has a space, a line break or a character that isn't plain ASCII.",
            "Copy the key once more, without what stands around it.",
        )
    return Secret(key)
