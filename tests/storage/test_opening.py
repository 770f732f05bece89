"""Opening the state: new, known, later, damaged, foreign and out of reach."""

import os
import sqlite3
import stat
from contextlib import closing

import pytest

from app.domain.conversations import Conversation, ConversationId, Message, MessageId
from app.domain.errors import ErrorKind, StorageError
from app.domain.generation import Role
from app.domain.models import Capability, ModelStatus
from app.storage import schema
from app.storage.backups import DAY_SECONDS, back_up, backups_of
from app.storage.connection import connect, prepare
from app.storage.opening import open_file
from app.storage.stores import open_storage

NOW = 1_900_000_000.0
LONG = "a sentence that fills pages " * 400


async def filled(path, settings=("theme",)):
    storage = await open_storage(path)
    for key in settings:
        await storage.settings.save_setting(key, '"dark"')
    await storage.aclose()


async def with_backup(path):
    """State with enough pages to damage, and one backup of it."""
    storage = await open_storage(path)
    talk = Conversation(id=ConversationId("c"), title="Talk", created_at=1, updated_at=1)
    await storage.conversations.save_conversation(talk)
    await storage.conversations.save_messages(
        [
            Message(
                id=MessageId(f"m{number}"),
                conversation_id=talk.id,
                role=Role.USER,
                text=LONG,
                created_at=number,
            )
            for number in range(10)
        ]
    )
    await storage.aclose()
    await (await open_storage(path)).aclose()
    assert len(backups_of(path)) == 1


def damage_header(path):
    with path.open("r+b") as file:
        file.write(b"\0" * 200)


def damage_pages(path):
    with path.open("r+b") as file:
        for offset in range(4096, path.stat().st_size, 4096):
            file.seek(offset)
            file.write(b"\xff" * 64)


def truncate(path):
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def empty(path):
    path.write_bytes(b"")


def fill_with_nulls(path):
    path.write_bytes(b"\0" * 64_560)


def rename_a_column(path):
    path.write_bytes(path.read_bytes().replace(b"title TEXT", b"tit\xffe TEXT"))


@pytest.mark.parametrize(
    "harm", [damage_header, damage_pages, truncate, empty, fill_with_nulls, rename_a_column]
)
async def test_that_damaged_state_is_kept_aside_and_the_newest_backup_restored(tmp_path, harm):
    path = tmp_path / "state.db"
    await with_backup(path)
    harm(path)
    broken = path.read_bytes()

    storage = await open_storage(path)
    assert storage.recovered is not None
    assert storage.recovered.kind is ErrorKind.STORAGE
    assert "restored from the backup of" in storage.recovered.what
    assert "quarantine" in storage.recovered.remedy
    assert len(await storage.conversations.messages(ConversationId("c"))) == 10
    await storage.settings.save_setting("theme", '"light"')
    await storage.aclose()

    (folder,) = (tmp_path / "quarantine").iterdir()
    assert (folder / "state.db").read_bytes() == broken
    again = await open_storage(path)
    assert again.recovered is None
    assert await again.settings.settings() == {"theme": '"light"'}
    await again.aclose()


async def test_that_the_journal_goes_into_quarantine_with_its_database(tmp_path):
    path = tmp_path / "state.db"
    await with_backup(path)
    empty(path)
    (tmp_path / "state.db-wal").write_bytes(b"journal")
    (tmp_path / "state.db-shm").write_bytes(b"index")
    await (await open_storage(path)).aclose()
    (folder,) = (tmp_path / "quarantine").iterdir()
    assert {file.name for file in folder.iterdir()} == {
        "state.db",
        "state.db-wal",
        "state.db-shm",
    }


async def test_that_a_damaged_backup_is_passed_over_for_an_older_one(tmp_path):
    path = tmp_path / "state.db"
    await with_backup(path)
    with closing(sqlite3.connect(path)) as connection:
        back_up(connection, path, backups_of(path)[0].at + 60)
    newest, oldest = backups_of(path)
    damage_pages(newest.path)
    damage_header(path)
    storage = await open_storage(path)
    assert len(await storage.conversations.messages(ConversationId("c"))) == 10
    await storage.aclose()
    assert oldest.path.exists()


async def test_that_damaged_state_without_a_backup_starts_empty_and_says_so(tmp_path):
    path = tmp_path / "state.db"
    await filled(path)
    damage_header(path)
    storage = await open_storage(path)
    assert storage.recovered is not None
    assert "no backup" in storage.recovered.what
    assert await storage.settings.settings() == {}
    await storage.aclose()
    assert len(list((tmp_path / "quarantine").rglob("state.db"))) == 1


async def test_that_state_which_vanished_comes_back_from_its_backup(tmp_path):
    path = tmp_path / "state.db"
    await with_backup(path)
    path.unlink()
    storage = await open_storage(path)
    assert storage.recovered is not None
    assert len(await storage.conversations.messages(ConversationId("c"))) == 10
    await storage.aclose()
    assert not (tmp_path / "quarantine").exists()


async def test_that_state_of_a_later_version_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "state.db"
    await filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(StorageError) as caught:
        await open_storage(path)
    assert "later version" in caught.value.what
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["state.db"]


async def test_that_the_database_of_another_program_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "places.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (address TEXT)")
    before = path.read_bytes()
    with pytest.raises(StorageError, match="another program"):
        await open_storage(path)
    assert path.read_bytes() == before


async def test_that_a_place_which_cannot_be_made_is_said_in_two_sentences(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        await open_storage(tmp_path / "file" / "state.db")
    assert caught.value.what.endswith(".")
    assert caught.value.remedy.endswith(".")
    assert "file" in caught.value.detail


async def test_that_a_database_locked_by_another_program_is_not_taken_for_damaged(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("app.storage.connection.BUSY_SECONDS", 0.05)
    path = tmp_path / "state.db"
    await filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="Another program is using"):
            await open_storage(path)
        other.execute("ROLLBACK")
    assert not (tmp_path / "quarantine").exists()


async def test_that_everything_kept_is_for_its_owner_only(tmp_path):
    before = os.umask(0)
    try:
        path = tmp_path / "new" / "state.db"
        await with_backup(path)
        damage_header(path)
        storage = await open_storage(path)
        await storage.settings.save_setting("theme", '"dark"')
        found = {place: stat.S_IMODE(place.stat().st_mode) for place in tmp_path.rglob("*")}
        await storage.aclose()
    finally:
        os.umask(before)
    names = {place.name for place in found}
    assert {"state.db", "state.db-wal", "state.db-shm", "backups", "quarantine"} <= names
    for place, mode in found.items():
        assert mode == (0o700 if place.is_dir() else 0o600), place


async def test_that_a_file_left_open_to_others_is_closed_to_them(tmp_path):
    path = tmp_path / "state.db"
    await filled(path)
    path.chmod(0o644)
    await filled(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


STEPS: tuple[schema.Step, ...] = (
    ("CREATE TABLE notes (text TEXT)",),
    ("ALTER TABLE notes ADD COLUMN length INTEGER", "UPDATE notes SET length = length(text)"),
)


def version_one(path, text):
    connection, _ = open_file(path, STEPS[:1], NOW)
    connection.execute("INSERT INTO notes VALUES (?)", (text,))
    connection.close()


def test_that_older_state_is_brought_up_to_date_after_a_backup(tmp_path):
    path = tmp_path / "state.db"
    version_one(path, "hell")
    open_file(path, STEPS[:1], NOW)[0].close()
    with closing(sqlite3.connect(path)) as older, older:
        older.execute("UPDATE notes SET text = 'hello'")
    # Today's backup is there already, and another one is made.
    connection, recovered = open_file(path, STEPS, NOW + 60)
    assert recovered is None
    assert schema.version_of(connection) == 2
    assert connection.execute("SELECT * FROM notes").fetchall() == [("hello", 5)]
    connection.close()
    newest, _ = backups_of(path)
    with closing(sqlite3.connect(newest.path)) as copy:
        assert schema.version_of(copy) == 1
        assert copy.execute("SELECT * FROM notes").fetchall() == [("hello",)]


def test_that_a_migration_which_fails_leaves_the_version_before_it(tmp_path):
    path = tmp_path / "state.db"
    version_one(path, "hello")
    broken = (*STEPS, ("CREATE TABLE more (text TEXT)", "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        open_file(path, broken, NOW)
    connection, recovered = open_file(path, STEPS, NOW)
    assert recovered is None
    assert schema.version_of(connection) == 2
    tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    assert tables == [("notes",)]
    connection.close()


def test_that_damaged_older_state_is_restored_and_then_brought_up_to_date(tmp_path):
    path = tmp_path / "state.db"
    version_one(path, "hello")
    open_file(path, STEPS[:1], NOW)[0].close()
    damage_header(path)
    connection, recovered = open_file(path, STEPS, NOW + 60)
    assert recovered is not None
    assert connection.execute("SELECT * FROM notes").fetchall() == [("hello", 5)]
    connection.close()


def test_that_a_backup_is_made_once_a_day_and_five_are_kept(tmp_path):
    path = tmp_path / "state.db"
    version_one(path, "hello")
    for day in range(8):
        for hour in (0, 1):
            open_file(path, STEPS[:1], NOW + day * DAY_SECONDS + hour * 3600)[0].close()
    taken = [backup.at for backup in backups_of(path)]
    assert taken == [NOW + day * DAY_SECONDS for day in (7, 6, 5, 4, 3)]
    assert len(list((tmp_path / "backups").iterdir())) == 5


def test_that_a_backup_which_cannot_be_made_does_not_keep_the_app_from_starting(tmp_path, caplog):
    path = tmp_path / "state.db"
    version_one(path, "hello")
    (tmp_path / "backups").write_text("in the way")
    open_file(path, STEPS[:1], NOW)[0].close()
    assert "backup couldn't be made" in caplog.text


def test_that_databases_side_by_side_keep_their_own_backups(tmp_path):
    for name in ("one", "one-more"):
        version_one(tmp_path / f"{name}.db", name)
        open_file(tmp_path / f"{name}.db", STEPS[:1], NOW)[0].close()
    (backup,) = backups_of(tmp_path / "one.db")
    assert backup.path.name.startswith("one-2")


@pytest.mark.parametrize("read", ["is_ours", "version_of"])
def test_that_two_first_starts_at_once_share_one_database(tmp_path, monkeypatch, read):
    """The second start makes the tables right after the first one has read a mark or a version."""
    path = tmp_path / "state.db"
    # The second start is past its own check and has set the journal up.
    second = connect(path)
    prepare(second)
    reading = getattr(schema, read)

    def read_and_let_the_second_go_on(connection):
        before = reading(connection)
        monkeypatch.setattr(schema, read, reading)
        schema.migrate(second, STEPS)
        return before

    monkeypatch.setattr(schema, read, read_and_let_the_second_go_on)
    first, recovered = open_file(path, STEPS, NOW)
    assert recovered is None
    first.execute("INSERT INTO notes VALUES ('hello', 5)")
    assert second.execute("SELECT * FROM notes").fetchall() == [("hello", 5)]
    first.close()
    second.close()


def test_that_a_step_is_not_taken_twice(tmp_path, monkeypatch):
    first, second = (connect(tmp_path / "state.db") for _ in range(2))
    version_of = schema.version_of

    def read_and_let_the_second_go_on(connection):
        before = version_of(connection)
        monkeypatch.setattr(schema, "version_of", version_of)
        schema.migrate(second, STEPS)
        return before

    monkeypatch.setattr(schema, "version_of", read_and_let_the_second_go_on)
    schema.migrate(first, STEPS)
    assert version_of(first) == 2
    first.close()
    second.close()


FIRST_VERSION = (
    (
        "INSERT INTO models VALUES ('local:1', 'local', 'Llama', 'available', '', '/models/llama.gguf', "
        "7, 8, 'llama', 9, 'F16', 2048, "
        '\'{"capabilities": [{"capability": "chat", "value": true, "source": "its template"}]}\')'
    ),
    (
        "INSERT INTO models VALUES ('local:2', 'local', 'Qwen', 'missing', 'Gone.', '/models/qwen.gguf', "
        "5, 6, 'qwen2', NULL, 'Q8_0', NULL, '{}')"
    ),
    "INSERT INTO folders VALUES (0, '/models', 1)",
    "INSERT INTO aliases VALUES ('active', 'local:1')",
    "INSERT INTO metrics VALUES ('local:1', 12, 3, 100.5, 0.25, 42.0, 1.5)",
    "INSERT INTO session VALUES (0, 'local:1')",
    "INSERT INTO conversations VALUES ('c', 'Talk', 1.0, 2.0)",
    "INSERT INTO messages VALUES ('m', 'c', 0, 'user', 'Hello', 1.0, 'complete', '{}')",
    "INSERT INTO settings VALUES ('theme', '\"dark\"')",
    "INSERT INTO settings VALUES ('idle_minutes', '5')",
)
"""What a user of the first version has, table by table."""


async def test_that_what_the_first_version_kept_is_all_there(tmp_path):
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema.migrate(connection, schema.MIGRATIONS[:1])
        for statement in FIRST_VERSION:
            connection.execute(statement)
    storage = await open_storage(path)
    assert storage.recovered is None
    llama, qwen = (await storage.models.models()).specs()
    assert (llama.name, llama.context_length, llama.parameters) == ("Llama", 2048, 9)
    assert llama.can(Capability.CHAT)
    assert (qwen.status, qwen.reason, qwen.parameters) == (ModelStatus.MISSING, "Gone.", None)
    assert [alias.model_id for alias in await storage.models.aliases()] == ["local:1"]
    (metrics,) = await storage.models.metrics()
    assert (metrics.requests, metrics.failures) == (12, 3)
    assert metrics.tokens_per_second == 42.0
    assert await storage.models.session() == ("local:1",)
    assert [talk.title for talk in await storage.conversations.conversations()] == ["Talk"]
    (message,) = await storage.conversations.messages(ConversationId("c"))
    assert message.text == "Hello"
    assert await storage.settings.settings() == {
        "theme": '"dark"',
        "time_to_live_minutes": "5",
    }
    await storage.aclose()
