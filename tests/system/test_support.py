"""Bundles as files: what goes in, and that nothing else does."""

import asyncio
import getpass
import json
import threading
import zipfile
from pathlib import Path

import pytest

from app.domain.errors import StorageError
from app.system import logs, support
from app.system.support import SupportFiles

KEY = "plain-words-that-are-a-key-42"
SHAPED = "sk-ant-api03-abcdefghijklmnop"
PROMPT = "Write a farewell letter to my landlord Mr Brown"


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch):
    monkeypatch.setattr(logs, "_secrets", set())


@pytest.fixture
def files(tmp_path, monkeypatch):
    home = tmp_path / "homes" / "grace"
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(getpass, "getuser", lambda: "ghopper")
    folders = tmp_path / "logs", tmp_path / "logs" / "crashes"
    for folder in folders:
        folder.mkdir()
    return SupportFiles(*folders)


async def said(*texts):
    for text in texts:
        yield text


def contents(path):
    with zipfile.ZipFile(path) as bundle:
        assert bundle.testzip() is None
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


async def test_that_no_key_no_prompt_and_no_person_is_in_a_bundle(files, tmp_path) -> None:
    logs.redact(KEY)
    home = str(Path.home())
    line = {"message": f"{KEY} {SHAPED} {home}/models ghopper said {PROMPT}!"}
    (tmp_path / "logs/modelyard.log").write_text(json.dumps(line), "utf-8")
    (tmp_path / "logs/crashes/native.txt").write_text(f"Fatal in {home}/x.py {KEY}", "utf-8")
    documents = {"events.jsonl": json.dumps({"error": f"{SHAPED} {PROMPT} {home}"})}
    target = tmp_path / "bundle.zip"
    shares = []
    size = await files.write(str(target), documents, said(PROMPT, "other"), shares.append)
    found = contents(target)
    assert set(found) == {"events.jsonl", "logs/modelyard.log", "crashes/native.txt"}
    whole = "".join(found.values())
    for canary in (KEY, SHAPED, "landlord", "farewell", "grace", "ghopper", str(tmp_path)):
        assert canary not in whole
    assert "Fatal in ~/x.py" in whole
    assert size == target.stat().st_size
    await asyncio.sleep(0)
    assert shares == sorted(shares)
    assert target.stat().st_mode & 0o077 == 0


async def test_that_parts_are_listed_with_what_they_take(files, tmp_path) -> None:
    (tmp_path / "logs/modelyard.log").write_text("x" * 7)
    (tmp_path / "logs/modelyard.log.1").write_bytes(b"y" * (support.MOST + 5))
    (tmp_path / "logs/empty.txt").touch()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "logs/link").symlink_to(tmp_path / "secret.txt")
    parts = await files.parts()
    assert [(part.name, part.size_bytes) for part in parts] == [
        ("logs/modelyard.log", 7),
        ("logs/modelyard.log.1", support.MOST),
    ]


async def test_that_of_a_long_file_its_last_whole_lines_go_in(files, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(support, "MOST", 20)
    (tmp_path / "logs/modelyard.log").write_text(f"{SHAPED} first\nsecond line\nlast\n")
    await files.write(str(tmp_path / "b.zip"), {}, said(), lambda _: None)
    assert contents(tmp_path / "b.zip") == {"logs/modelyard.log": "second line\nlast\n"}


async def test_that_a_place_that_can_not_be_written_is_told_and_left_clean(files, tmp_path) -> None:
    with pytest.raises(StorageError, match=r"b\.zip can't be written"):
        await files.write(str(tmp_path / "nowhere/b.zip"), {}, said(), lambda _: None)
    (tmp_path / "taken.zip").mkdir()
    with pytest.raises(StorageError):
        await files.write(str(tmp_path / "taken.zip"), {"a": "b"}, said(), lambda _: None)
    assert not list(tmp_path.glob("*.part"))


async def test_that_one_that_is_given_up_leaves_nothing(files, tmp_path, monkeypatch) -> None:
    begun, on = threading.Event(), threading.Event()
    without = support.Echoes.without

    def slow(echoes, text):
        begun.set()
        on.wait(10)
        return without(echoes, text)

    monkeypatch.setattr(support.Echoes, "without", slow)
    target = tmp_path / "b.zip"
    target.write_text("an older one")
    task = asyncio.create_task(files.write(str(target), {"a": "b"}, said(), lambda _: None))
    while not begun.is_set():
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    on.set()
    while (tmp_path / "b.zip.part").exists():
        await asyncio.sleep(0.005)
    assert target.read_text() == "an older one"


def test_that_facts_name_the_system_and_the_versions(files) -> None:
    facts = files.facts()
    assert facts["python"].startswith("3.")
    assert facts["pydantic"][0].isdigit()
