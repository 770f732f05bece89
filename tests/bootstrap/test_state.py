"""The state as a run finds it, and what its beginning costs."""

import asyncio
import logging
import subprocess
import sys

import pytest

from app.bootstrap.core import open_manager
from app.bootstrap.instance import PERSISTENCE
from app.bootstrap.state import begin_state
from app.domain.errors import StorageError
from app.domain.settings import variable
from app.storage.stores import open_storage, stores_of
from app.system.paths import PERSISTENCE_PATH
from tests.support.fakes import spec


def test_that_it_begins_before_anything_that_takes_long_is_imported():
    program = "import sys, app.bootstrap.state; print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    roots = {name.partition(".")[0] for name in ended.stdout.split()}
    assert "sqlite3" in roots
    assert not roots & {"pydantic", "pydantic_core", "PySide6", "psutil", "watchdog"}


def test_that_the_setting_which_it_looks_for_is_the_one_that_people_set():
    assert variable("persistence") == PERSISTENCE


async def test_that_a_manager_goes_on_with_what_was_begun(tmp_path):
    storage = await open_storage(tmp_path / "state.db")
    await storage.models.save_models([spec("a")])
    await storage.aclose()
    with begin_state({PERSISTENCE_PATH: str(tmp_path / "state.db")}) as state:
        async with open_manager(state.database, {}, state.opening()) as manager:
            assert manager.models.get(spec("a").id) == spec("a")


async def test_that_what_was_saved_since_the_beginning_is_read(tmp_path):
    with begin_state({PERSISTENCE_PATH: str(tmp_path / "state.db")}) as state:
        storage = await stores_of(state.opening())
        await storage.models.save_models([spec("a")])
        assert [*(await storage.models.models()).ids] == [spec("a").id]
        assert [*(await storage.models.models()).ids] == [spec("a").id]
        await storage.aclose()


def test_that_a_folder_which_cant_be_made_is_said_by_whoever_opens_it(tmp_path):
    (tmp_path / "file").write_text("no folder")
    beyond = tmp_path / "file" / "deeper" / "state.db"
    with begin_state({PERSISTENCE_PATH: str(beyond)}) as state:
        with pytest.raises(StorageError) as caught:
            state.opening()
        assert "can't be made" in caught.value.what


async def test_that_nothing_is_made_where_nothing_is_to_be_kept(tmp_path):
    place = tmp_path / "state" / "state.db"
    handlers = [*logging.getLogger().handlers]
    with begin_state({PERSISTENCE_PATH: str(place), PERSISTENCE: "off"}) as state:
        await (await stores_of(state.opening())).aclose()
        assert logging.getLogger().handlers == handlers
    assert not place.parent.exists()


async def test_that_a_reader_who_leaves_lets_the_opening_end(tmp_path):
    with begin_state({PERSISTENCE_PATH: str(tmp_path / "state.db")}) as state:
        waiting = asyncio.ensure_future(stores_of(state.opening()))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert not [name for name in tmp_path.iterdir() if name.name.endswith("-wal")]
