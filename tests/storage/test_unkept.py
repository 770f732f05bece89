"""State that is read and not written."""

import os
from pathlib import Path

import pytest

from app.domain.errors import StorageError
from app.storage.connection import connect
from app.storage.stores import open_storage
from app.storage.unkept import is_kept


def traces(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        entry.name: (entry.stat().st_size, entry.stat().st_mtime_ns) for entry in os.scandir(folder)
    }


async def stored(path: Path, **settings: str) -> None:
    storage = await open_storage(path)
    for key, value in settings.items():
        await storage.settings.save_setting(key, value)
    await storage.aclose()


async def test_that_nothing_is_made_where_nothing_is_to_be_kept(tmp_path) -> None:
    path = tmp_path / "new" / "state.db"
    assert not is_kept(path, False)
    storage = await open_storage(path, kept=False)
    await storage.settings.save_setting("theme", '"dark"')
    assert await storage.settings.settings() == {"theme": '"dark"'}
    await storage.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_that_what_was_kept_is_read_and_stays_as_it_is(tmp_path) -> None:
    path = tmp_path / "state.db"
    await stored(path, theme='"dark"', persistence="false")
    before = traces(tmp_path)
    assert not is_kept(path, None)
    storage = await open_storage(path, kept=False)
    assert (await storage.settings.settings())["theme"] == '"dark"'
    await storage.settings.save_setting("theme", '"light"')
    await storage.aclose()
    assert traces(tmp_path) == before


async def test_that_turning_persistence_on_again_is_written_and_nothing_else(tmp_path) -> None:
    path = tmp_path / "state.db"
    await stored(path, persistence="false")
    storage = await open_storage(path, kept=False)
    await storage.settings.save_setting("theme", '"light"')
    await storage.settings.save_setting("persistence", "true")
    await storage.aclose()
    assert is_kept(path, None)
    storage = await open_storage(path)
    assert await storage.settings.settings() == {"persistence": "true"}
    await storage.aclose()


async def test_that_what_is_chosen_beside_the_setting_counts(tmp_path) -> None:
    path = tmp_path / "state.db"
    assert is_kept(path, None)
    await stored(path, persistence="false")
    assert is_kept(path, True)
    await stored(path, persistence="true")
    assert is_kept(path, None)
    assert not is_kept(path, False)


async def test_that_damaged_state_is_left_where_it_is(tmp_path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"SQLite format 3\0" + b"rubbish" * 1000)
    before = traces(tmp_path)
    assert is_kept(path, None)
    storage = await open_storage(path, kept=False)
    assert await storage.settings.settings() == {}
    await storage.aclose()
    assert traces(tmp_path) == before


async def test_that_state_of_a_later_version_is_refused(tmp_path) -> None:
    path = tmp_path / "state.db"
    await stored(path)
    connection = connect(path)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    with pytest.raises(StorageError, match="later version"):
        await open_storage(path, kept=False)
