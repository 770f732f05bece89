import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.errors import FolderError
from app.library import trash
from app.library.discovery import LocalModelFiles
from tests.support import models

MOVE = """
import asyncio, sys
from app.library.discovery import LocalModelFiles
asyncio.run(LocalModelFiles().trash(sys.argv[1], int(sys.argv[2])))
"""


def test_that_every_shard_is_in_the_trash(tmp_path: Path) -> None:
    """In a process of its own: the trash is found when its library is imported."""
    shards = models.write_sharded(tmp_path / "models")
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    subprocess.run(
        [sys.executable, "-c", MOVE, str(shards[0]), "3"],
        check=True,
        env={**os.environ, **home, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert list((tmp_path / "models").iterdir()) == []
    kept = {path.name for path in tmp_path.rglob("*.gguf")}
    assert kept == {path.name for path in shards}


async def test_that_a_file_that_stays_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = models.write_llama(tmp_path / "a.gguf")

    def refuse(path: str) -> None:
        raise OSError("no trash on this drive")

    monkeypatch.setattr(trash, "send2trash", refuse)
    with pytest.raises(FolderError, match="can't be moved"):
        await LocalModelFiles().trash(str(path), 1)
    await LocalModelFiles().trash(str(tmp_path / "gone.gguf"), 1)


async def test_that_free_space_is_told_and_a_folder_that_is_gone(tmp_path: Path) -> None:
    assert await LocalModelFiles().free_space(str(tmp_path)) > 0
    with pytest.raises(FolderError):
        await LocalModelFiles().free_space(str(tmp_path / "gone"))
