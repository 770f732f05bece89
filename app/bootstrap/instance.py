"""One instance for each state: the first has it, a later start hands over what it was asked for.

It is settled before Qt, pydantic and the state itself are touched.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import StorageError
from app.system.handover import (
    ANSWER_SECONDS,
    LEAVING_SECONDS,
    Answer,
    Handover,
    Reception,
    hand_over,
)
from app.system.locks import FileLock
from app.system.paths import Paths, find_paths

log = logging.getLogger(__name__)

PERSISTENCE = "MODEL_MANAGER_PERSISTENCE"
ACTIVATIONS = ("XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID")
"""Where a desktop leaves its leave to come to the front: Wayland's, and X11's."""
SILENT = (
    "Modelyard is open already and doesn't answer. "
    "Wait until it does, or end it and start it again."
)
PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class Claim:
    """What became of a start."""

    first: bool
    """Whether it may go on; otherwise another instance has the state."""
    problem: str = ""
    """Why nothing could be handed over to that one, in words; empty when all is well."""
    kept: bool | None = None
    """Whether anything is to be kept; None where it wasn't asked."""
    reception: Reception | None = None
    """Where later starts come; None where they can't or needn't."""


@contextmanager
def claim_state(environment: Mapping[str, str], paths: Sequence[str]) -> Iterator[Claim]:
    """Claim this user's state until the block is left, or hand over to who has it.

    Blocks for as long as that one takes to answer. A run that keeps nothing claims nothing.

    Args:
        environment: the process's variables.
        paths: the files and folders that the start is for.
    """
    if chosen(environment) is False:
        yield Claim(first=True, kept=False)
        return
    activation = next(filter(None, map(environment.get, ACTIVATIONS)), "")
    handover = Handover(tuple(map(os.path.abspath, paths)), activation)
    with ExitStack() as stack:
        yield _claim(find_paths(environment), handover, stack)


def chosen(environment: Mapping[str, str]) -> bool | None:
    """What the environment says of keeping anything; None for nothing that can be understood."""
    if PERSISTENCE not in environment:
        return None
    # To read it takes the settings and with them pydantic, which is what a start can't wait for.
    from app.domain.settings import persistence_chosen  # noqa: PLC0415

    return persistence_chosen(environment)


def _claim(places: Paths, handover: Handover, stack: ExitStack) -> Claim:
    # By whichever links it is named, it is the same state.
    state = Path(os.path.realpath(places.database))
    lock_file, door = (state.with_name(f"{state.name}.{end}") for end in ("lock", "door"))
    kept: bool | None = None
    lock = FileLock(lock_file)
    try:
        if not lock_file.exists():
            # Nobody has it, and where nothing is kept no lock is to be left behind.
            kept = _is_kept(places)
            if not kept:
                return Claim(first=True, kept=False)
            places.create()
        elsewhere = _go_elsewhere(lock, door, handover)
        if elsewhere is not None:
            return elsewhere
        stack.callback(lock.release)
        if kept is None and not (kept := _is_kept(places)):
            lock.release()
            return Claim(first=True, kept=False)
        reception = Reception(door)
    except (OSError, StorageError) as error:
        # A drive without locks locks nobody out; what is wrong with the state, its opening tells.
        log.info("The state can't be claimed: %s", error)
        return Claim(first=True, kept=kept)
    stack.callback(reception.close)
    return Claim(first=True, kept=kept, reception=reception)


def _go_elsewhere(lock: FileLock, door: Path, handover: Handover) -> Claim | None:
    """Hand over to the instance that has the lock; None where the lock is now this one's."""
    begun = time.monotonic()
    end = begun + ANSWER_SECONDS
    while not lock.take():
        if time.monotonic() >= end:
            return Claim(first=False, problem=SILENT)
        answer = hand_over(door, handover)
        if answer is Answer.TAKEN:
            return Claim(first=False)
        if answer is Answer.CLOSING:
            end = begun + LEAVING_SECONDS
        # There is no window yet that this could hold up.
        time.sleep(PAUSE_SECONDS)  # noqa: TID251
    return None


def _is_kept(places: Paths) -> bool:
    # A start that hands over needs no SQLite.
    from app.storage.unkept import is_kept  # noqa: PLC0415

    return is_kept(places.database, chosen=None)
