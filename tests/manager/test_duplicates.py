from pathlib import Path

import pytest

from app.domain.duplicates import Comparison
from app.domain.errors import FolderError
from app.domain.events import CopiesDeleted
from app.domain.models import Folder, ScannedFile, Store
from app.manager.duplicates import Duplicates
from tests.support.fakes import eventually, fake_ports, spec

A = spec("a")
COPY = A.model_copy(update={"path": "/more/a.gguf"})


async def compared(duplicates: Duplicates, model_id) -> tuple[list[float], Comparison]:
    *shares, comparison = [step async for step in duplicates.compare(model_id)]
    assert isinstance(comparison, Comparison)
    return [share for share in shares if isinstance(share, float)], comparison


async def test_that_files_alike_at_both_ends_are_told_apart_by_their_middle(tmp_path: Path) -> None:
    ports = fake_ports()
    contents = {"a": b"1", "b": b"1", "c": b"2"}
    files = []
    for name, middle in contents.items():
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(bytes(100) + middle + bytes(100))
        files.append(ScannedFile(str(path), "1", name, A.id, 201))
    link = tmp_path / "link.gguf"
    files.append(ScannedFile(str(link), "1", "a", A.id, 201))
    ports.store.kept_models[A.id] = A
    async with ports.manager() as manager:
        await ports.store.save_scanned(files)
        assert await manager.duplicates.known(A.id) is None
        shares, comparison = await compared(manager.duplicates, A.id)
        assert shares == sorted(shares)
        assert not comparison.same
        same = tuple(str(tmp_path / f"{name}.gguf") for name in ("a", "b", "link"))
        assert comparison.groups == (same, (str(tmp_path / "c.gguf"),))
        assert await manager.duplicates.known(A.id) == comparison
        await ports.store.forget_scanned([str(tmp_path / "c.gguf")])
        left = await manager.duplicates.known(A.id)
        assert left is not None
        assert left.same
        await ports.store.save_scanned([files[0]._replace(mark="2")])
        assert await manager.duplicates.known(A.id) is None


async def filled(manager, ports) -> None:
    ports.files.disk["/models"], ports.files.disk["/more"] = [A], [COPY]
    await manager.library.add_folder("/models")
    await manager.library.add_folder("/more")
    await eventually(lambda: manager.library.scanning() is None)
    assert manager.models.get(A.id).copies


async def test_that_a_copy_goes_to_the_trash_and_the_model_stays() -> None:
    ports = fake_ports()
    async with ports.manager() as manager:
        await filled(manager, ports)
        manager.deletions._reprieves.seconds = 0.05
        events = manager.events.subscribe(lambda: None)
        await manager.deletions.delete_copies(A.id, [COPY.path])
        assert manager.models.get(A.id).copies == ()
        (told,) = [i.event for i in events.take() if isinstance(i.event, CopiesDeleted)]
        assert (told.name, told.count) == ("a", 1)
        await eventually(lambda: ports.files.trashed == [COPY.path])
        assert manager.models.get(A.id).path == A.path


async def test_that_a_copy_can_be_called_back() -> None:
    ports = fake_ports()
    async with ports.manager() as manager:
        await filled(manager, ports)
        before = manager.models.get(A.id)
        await manager.deletions.delete_copies(A.id, [before.path])
        assert manager.models.get(A.id).path == before.copies[0]
        await manager.deletions.undo(A.id)
        assert manager.models.get(A.id) == before
        assert len(await ports.store.files_of([A.id])) == 2
    assert ports.files.trashed == []


async def test_that_a_second_choice_makes_the_first_one_stand() -> None:
    ports = fake_ports()
    third = A.model_copy(update={"path": "/more/b.gguf"})
    async with ports.manager() as manager:
        await filled(manager, ports)
        ports.files.disk["/more"].append(third)
        await manager.library.rescan()
        await eventually(lambda: manager.library.scanning() is None)
        await manager.deletions.delete_copies(A.id, [COPY.path])
        await manager.deletions.delete_copies(A.id, [third.path])
        assert ports.files.trashed == [COPY.path]
        await manager.deletions.undo(A.id)
        assert manager.models.get(A.id).copies == (third.path,)


async def test_that_the_last_file_and_what_is_another_program_s_stay() -> None:
    ports = fake_ports()
    async with ports.manager() as manager:
        await filled(manager, ports)
        with pytest.raises(FolderError, match="has to stay"):
            await manager.deletions.delete_copies(A.id, [A.path, COPY.path])
        with pytest.raises(FolderError, match="has to stay"):
            await manager.deletions.delete_copies(A.id, ["/nowhere.gguf"])
        manager.library._stores["/more"] = Folder(path="/more", store=Store.OLLAMA)
        with pytest.raises(FolderError, match="no folder of yours"):
            await manager.deletions.delete_copies(A.id, [COPY.path])
    assert ports.files.trashed == []
