"""The writer thread, and what becomes of changes when something goes wrong."""

import asyncio
import sqlite3

import pytest

from app.domain.errors import StorageError
from app.storage.connection import connect, prepare
from app.storage.database import Database


async def opened(path) -> Database:
    def opener():
        connection = connect(path)
        prepare(connection)
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value TEXT UNIQUE)")
        return connection, None

    database = Database()
    await asyncio.wrap_future(database.begin(opener))
    return database


def adding(value):
    return lambda connection: connection.execute("INSERT INTO kept VALUES (?)", (value,))


def kept(connection):
    return [value for (value,) in connection.execute("SELECT value FROM kept ORDER BY rowid")]


async def test_that_an_awaited_change_is_seen_by_another_connection(tmp_path):
    database = await opened(tmp_path / "state.db")
    await database.write(adding("one"))
    other = sqlite3.connect(tmp_path / "state.db")
    assert kept(other) == ["one"]
    other.close()
    await database.aclose()


async def test_that_changes_are_made_in_the_order_they_were_asked_for(tmp_path):
    database = await opened(tmp_path / "state.db")
    await asyncio.gather(*(database.write(adding(str(number))) for number in range(50)))
    assert await database.read(kept) == [str(number) for number in range(50)]
    await database.aclose()


async def test_that_a_change_which_fails_halfway_leaves_nothing_behind(tmp_path):
    database = await opened(tmp_path / "state.db")

    def twice(connection):
        adding("same")(connection)
        adding("same")(connection)

    with pytest.raises(StorageError) as caught:
        await database.write(twice)
    assert caught.value.what.endswith(".")
    assert caught.value.remedy.endswith(".")
    assert "UNIQUE" in caught.value.detail
    assert await database.read(kept) == []
    await database.write(adding("after"))
    assert await database.read(kept) == ["after"]
    await database.aclose()


async def test_that_a_change_is_made_although_its_caller_was_cancelled(tmp_path):
    database = await opened(tmp_path / "state.db")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await database.write(adding("cancelled"))
    assert await database.read(kept) == ["cancelled"]
    await database.aclose()


async def test_that_a_full_disk_is_said_in_two_sentences_and_can_be_overcome(tmp_path):
    database = await opened(tmp_path / "state.db")
    await database.read(lambda connection: connection.execute("PRAGMA max_page_count = 4").close())
    with pytest.raises(StorageError) as caught:
        await database.write(adding("x" * 100_000))
    assert "no room left" in caught.value.what
    assert "Free some space" in caught.value.remedy
    await database.read(
        lambda connection: connection.execute("PRAGMA max_page_count = 999").close()
    )
    await database.write(adding("y"))
    assert await database.read(kept) == ["y"]
    await database.aclose()


async def test_that_read_only_data_is_said_in_two_sentences(tmp_path):
    database = await opened(tmp_path / "state.db")
    await database.read(lambda connection: connection.execute("PRAGMA query_only = ON").close())
    with pytest.raises(StorageError) as caught:
        await database.write(adding("x"))
    assert "read-only" in caught.value.what
    await database.aclose()


async def test_that_the_journal_is_written_back_when_the_writer_idles(tmp_path):
    database = await opened(tmp_path / "state.db")
    await database.write(adding("x" * 100_000))
    async with asyncio.timeout(20):
        while (tmp_path / "state.db").stat().st_size < 100_000:
            await asyncio.sleep(0.02)
    await database.aclose()


async def test_that_the_journal_is_written_back_without_a_pause_after_many_changes(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("app.storage.database.IDLE_SECONDS", 1000)
    monkeypatch.setattr("app.storage.database.BUSY_CHANGES", 3)
    database = await opened(tmp_path / "state.db")
    for number in range(3):
        await database.write(adding(str(number) * 50_000))
    # The thread takes this only after the checkpoint that the third change makes due.
    await database.read(kept)
    assert (tmp_path / "state.db").stat().st_size > 150_000
    await database.aclose()


async def test_that_closing_finishes_what_is_queued_and_leaves_one_file(tmp_path):
    database = await opened(tmp_path / "state.db")
    writes = [asyncio.ensure_future(database.write(adding(str(number)))) for number in range(20)]
    await asyncio.sleep(0)
    await database.aclose()
    await asyncio.gather(*writes)
    await database.aclose()
    assert [file.name for file in tmp_path.iterdir()] == ["state.db"]
    other = sqlite3.connect(tmp_path / "state.db")
    assert len(kept(other)) == 20
    other.close()


async def test_that_a_closed_database_refuses_instead_of_waiting_for_ever(tmp_path):
    database = await opened(tmp_path / "state.db")
    await database.aclose()
    with pytest.raises(StorageError, match="closing"):
        await database.write(adding("late"))


async def test_that_an_answer_arrives_on_the_loop_of_the_window(qapp, tmp_path):
    database = await opened(tmp_path / "state.db")
    await database.write(adding("qt"))
    assert await database.read(kept) == ["qt"]
    await database.aclose()
