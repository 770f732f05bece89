import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from app.domain.errors import FolderError
from app.library import watching
from app.library.watching import is_remote, watch
from tests.support import headers


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "QUIET_SECONDS", 0.01)


async def first_change(folder: Path, change) -> None:
    async with aclosing(watch(str(folder))) as changes:
        waiting = asyncio.ensure_future(anext(changes))
        # The watch begins in a thread of its own.
        while not waiting.done():
            change()
            await asyncio.sleep(0.05)
        await waiting


async def test_that_a_new_file_deep_down_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    number = iter(range(1000))
    await first_change(
        tmp_path,
        lambda: headers.write(tmp_path / f"a/b/{next(number)}.gguf", headers.model_keys()),
    )


async def test_that_reading_and_other_programs_notes_are_no_change(tmp_path: Path) -> None:
    path = headers.write(tmp_path / "a.gguf", headers.model_keys())
    notes = tmp_path / "notes.txt"
    notes.write_text("a")
    async with aclosing(watch(str(tmp_path))) as changes:
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0.2)
        path.read_bytes()
        notes.write_text("b")
        await asyncio.sleep(0.2)
        assert not waiting.done()
        path.unlink()
        await waiting


async def test_that_a_folder_that_is_gone_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="go unnoticed"):
        async for _ in watch(str(tmp_path / "gone")):
            pass


def test_that_the_innermost_mount_says_whether_others_write_there() -> None:
    mounts = [("/", "ext4"), ("/mnt/nas", "nfs4"), ("/mnt/nas/local", "ext4")]
    assert is_remote("/mnt/nas/models", mounts)
    assert not is_remote("/mnt/nas/local/models", mounts)
    assert not is_remote("/home/someone", mounts)
    assert not is_remote("/home/someone", [])
