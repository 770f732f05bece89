"""The library over real files: another program's store, a folder that changes, a broken file."""

import os
from pathlib import Path

import pytest

from app.bootstrap.core import open_manager
from app.domain.models import Capability, ModelStatus, Store
from app.library import watching
from tests.support.fakes import eventually
from tests.support.models import write_broken, write_llama
from tests.support.templates import FAMILIES, cases


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "QUIET_SECONDS", 0.05)


async def test_that_what_lies_on_the_disk_is_known_and_followed(tmp_path: Path) -> None:
    case = next(case for case in cases() if case.name == "chatml_calls")
    store, own = tmp_path / ".lmstudio/models", tmp_path / "own"
    write_llama(store / "someone/tiny/a.gguf", name="Theirs", chat_template=case.template)
    write_llama(own / "b.gguf", name="Mine", seed=3)
    write_llama(own / "copy.gguf", name="Theirs", chat_template=case.template)
    environment = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    async with open_manager(tmp_path / "state.db", environment) as manager:
        await manager.library.add_folder(str(own))
        await eventually(lambda: len(manager.models.search()) == 2)
        await eventually(lambda: manager.library.scanning() is None)
        await manager.capabilities.settled()
        assert [folder.store for folder in manager.library.stores()] == [Store.LM_STUDIO]
        theirs = next(spec for spec in manager.models.search() if spec.name == "Theirs")
        assert theirs.can(Capability.TOOLS)
        assert theirs.can(Capability.PARALLEL_TOOLS)
        (duplicate,) = await manager.library.duplicates()
        assert duplicate.recoverable == theirs.size_bytes
        assert manager.deletions.deletable(theirs.id) == (str(own / "copy.gguf"),)

        write_llama(own / "deep/new.gguf", name="New", seed=9)
        await eventually(lambda: manager.models.search("new"))
        (own / "b.gguf").unlink()
        await eventually(lambda: manager.models.search("mine")[0].status is ModelStatus.MISSING)
        preview = await manager.inspection.preview(theirs.id, ())
        assert preview.endswith(FAMILIES["chatml"].answer)
    async with open_manager(tmp_path / "state.db", environment) as manager:
        assert manager.models.get(theirs.id).can(Capability.TOOLS)


async def test_that_no_file_however_odd_ends_a_scan(tmp_path: Path) -> None:
    own = tmp_path / "own"
    write_llama(own / "good.gguf", name="Good")
    write_llama(own / "two\nlines.gguf", name="Two lines", seed=2)
    write_broken(own / "broken")
    (own / "loop").symlink_to(own)
    if hasattr(os, "mkfifo"):
        os.mkfifo(own / "x.gguf")
    async with open_manager(tmp_path / "state.db", {}) as manager:
        await manager.library.add_folder(str(own))
        await eventually(lambda: manager.library.scanning() is None)
        specs = manager.models.search()
        able = {spec.name for spec in specs if spec.status is ModelStatus.AVAILABLE}
        assert able == {"Good", "Two lines"}
        assert all(spec.reason for spec in specs if spec.status is ModelStatus.INVALID)
