"""Finds the state of a run and begins to open it, while the window is still being imported."""

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.bootstrap.instance import chosen
from app.storage.opening import Opening
from app.storage.unkept import is_kept
from app.system.crashes import start_crash_reports
from app.system.logs import start_logging
from app.system.paths import find_paths


@dataclass(frozen=True)
class State:
    """Where a run keeps what it knows."""

    database: Path
    begun: Opening | Exception
    """What is under way, or why it can't begin."""

    def opening(self) -> Opening:
        """What is under way.

        Raises:
            Exception: it couldn't begin.
        """
        if isinstance(self.begun, Exception):
            raise self.begun
        return self.begun


@contextmanager
def begin_state(environment: Mapping[str, str], *, kept: bool | None = None) -> Iterator[State]:
    """Begin to open this user's state, with the log and the crash reports beside it until the end.

    It raises nothing: who can tell a person what went wrong is yet to be imported.

    Args:
        environment: the process's variables.
        kept: whether anything is to be kept, where that has been asked already.
    """
    with contextlib.ExitStack() as stack:
        paths = find_paths(environment)
        begun: Opening | Exception
        try:
            if kept is None:
                kept = is_kept(paths.database, chosen(environment))
            if kept:
                paths.create()
                stack.callback(start_logging(paths.logs))
                stack.callback(start_crash_reports(paths.crashes))
            begun = Opening(paths.database, kept=kept)
        except Exception as error:  # noqa: BLE001 - the window tells it
            begun = error
        yield State(paths.database, begun)
