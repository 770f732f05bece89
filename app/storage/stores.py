"""Everything that is kept, as the parts that the manager's services ask for."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.errors import StorageError
from app.storage.accounts import Accounts
from app.storage.conversations import Conversations
from app.storage.database import Database
from app.storage.library import StoredLibrary
from app.storage.models import Models
from app.storage.opening import Opening
from app.storage.profiles import Profiles
from app.storage.settings import StoredSettings
from app.storage.spending import Spending
from app.storage.unkept import PERSISTENCE


@dataclass(frozen=True)
class Storage:
    """Everything that is kept, open."""

    models: Models
    library: StoredLibrary
    conversations: Conversations
    profiles: Profiles
    settings: StoredSettings
    accounts: Accounts
    spending: Spending
    recovered: StorageError | None
    """What to tell the user when a backup had to take the place of damaged data."""
    database: Database = field(repr=False)

    async def aclose(self) -> None:
        """Finish every change under way and close the file. Safe to call twice."""
        await self.database.aclose()


class UnkeptSettings(StoredSettings):
    """Settings of which only the one is written that says whether anything is."""

    def __init__(self, database: Database, path: Path) -> None:
        super().__init__(database)
        self._path = path

    async def save_setting(self, key: str, value: str) -> None:
        """Store one key's JSON text."""
        if key == PERSISTENCE:
            storage = await open_storage(self._path)
            try:
                await storage.settings.save_setting(key, value)
            finally:
                await storage.aclose()
        await super().save_setting(key, value)


async def stores_of(opening: Opening) -> Storage:
    """What is being opened, once it is open; whoever asks closes it.

    A damaged file is set aside and its newest backup restored; `recovered` then says so.

    Raises:
        StorageError: the file can't be opened, or isn't for this version to use.
    """
    database, kept = opening.database, opening.kept
    try:
        recovered = await asyncio.wrap_future(opening.recovered)
    except BaseException:
        await database.aclose()
        raise
    return Storage(
        models=Models(database, opening.models),
        library=StoredLibrary(database),
        conversations=Conversations(database),
        profiles=Profiles(database),
        settings=StoredSettings(database) if kept else UnkeptSettings(database, opening.path),
        accounts=Accounts(database),
        spending=Spending(database),
        recovered=recovered,
        database=database,
    )


async def open_storage(path: Path, *, kept: bool = True) -> Storage:
    """Open the database at `path`, or make it.

    Raises:
        StorageError: the file can't be opened, or isn't for this version to use.
    """
    return await stores_of(Opening(path, kept=kept))
