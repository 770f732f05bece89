"""Where Modelyard keeps its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from app.domain.errors import StorageError

NAME = "Modelyard"
DATABASE = "modelyard.db"
PERSISTENCE_PATH = "MODEL_MANAGER_PERSISTENCE_PATH"
"""The environment variable that moves the state to another file or directory."""


@dataclass(frozen=True)
class Paths:
    """The places of one run."""

    database: Path
    """The state; its backups lie beside it."""
    logs: Path
    crashes: Path

    def create(self) -> None:
        """Make the directories that are missing, for their owner's eyes only.

        Raises:
            StorageError: one of them can't be made.
        """
        for folder in (self.database.parent, self.logs, self.crashes):
            _create(folder)


def find_paths(environment: Mapping[str, str]) -> Paths:
    """The places for this user, as the environment asks; nothing is made yet."""
    chosen = environment.get(PERSISTENCE_PATH, "")
    if chosen:
        database = _database_at(chosen)
        logs = database.parent / "logs"
    else:
        database = platformdirs.user_data_path(NAME, appauthor=False) / DATABASE
        logs = platformdirs.user_log_path(NAME, appauthor=False)
    return Paths(database=database, logs=logs, crashes=logs / "crashes")


def _database_at(chosen: str) -> Path:
    path = Path(chosen).expanduser().absolute()
    if path.is_file():
        return path
    names_folder = path.is_dir() or chosen.endswith(("/", "\\")) or not path.suffix
    return path / DATABASE if names_folder else path


def _create(folder: Path) -> None:
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        # One by one: `parents=True` would open the ones in between to everybody.
        for place in reversed(missing):
            place.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_dir():
            raise NotADirectoryError(folder)
    except OSError as error:
        raise StorageError(
            f"The folder {folder} can't be made.",
            f"Allow writing there, or set {PERSISTENCE_PATH} to another place.",
            f"{type(error).__name__}: {error}",
        ) from error
