import pytest

from app.domain.errors import FolderError
from app.domain.events import DeletionUndone, ModelDeleted, NoticeRaised
from app.domain.models import Folder, Store
from tests.support.fakes import eventually, fake_ports, spec

A = spec("a")


async def filled(manager, ports, folder: str = "/models") -> None:
    await manager.library.add_folder(folder)
    await eventually(lambda: manager.library.scanning() is None and len(ports.files.reads) > 0)


async def test_that_a_deleted_model_leaves_at_once_and_its_file_when_that_stands() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    async with ports.manager() as manager:
        await filled(manager, ports)
        manager.deletions._reprieves.seconds = 0.05
        events = manager.events.subscribe(lambda: None)
        await manager.deletions.delete(A.id)
        assert manager.models.search() == ()
        assert ports.files.trashed == []
        assert [i.event.name for i in events.take() if isinstance(i.event, ModelDeleted)] == ["a"]
        await eventually(lambda: ports.files.trashed == [A.path])


async def test_that_a_model_can_be_called_back_and_no_scan_finds_it_before() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    async with ports.manager() as manager:
        await filled(manager, ports)
        await manager.deletions.delete(A.id)
        await manager.library.rescan()
        await eventually(lambda: manager.library.scanning() is None)
        assert manager.models.search() == ()
        assert manager.deletions.leaving() == (A.id,)
        events = manager.events.subscribe(lambda: None)
        await manager.deletions.undo(A.id)
        assert manager.models.search() == (A,)
        assert [i for i in events.take() if isinstance(i.event, DeletionUndone)]
    assert ports.files.trashed == []


async def test_that_what_was_asked_for_is_done_at_the_end() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    async with ports.manager() as manager:
        await filled(manager, ports)
        await manager.deletions.delete(A.id)
    assert ports.files.trashed == [A.path]


async def test_that_stores_loose_files_and_loaded_models_are_not_deleted() -> None:
    ports = fake_ports()
    store = "/models/store"
    inner = spec("inner", path=f"{store}/i.gguf")
    loose = spec("loose", path="/elsewhere/l.gguf")
    ports.files.other_programs = (Folder(path=store, store=Store.OLLAMA),)
    ports.files.disk.update({"/models": [A, inner], store: [inner], "/elsewhere": [loose]})
    async with ports.manager() as manager:
        await eventually(manager.library.stores)
        await filled(manager, ports)
        await eventually(lambda: manager.models.search("a"))
        await manager.library.add_file(loose.path)
        for model_id in (inner.id, loose.id):
            assert manager.deletions.deletable(model_id) == ()
            with pytest.raises(FolderError, match="no folder of yours"):
                await manager.deletions.delete(model_id)
        await manager.models.load(A.id)
        with pytest.raises(FolderError, match="is loaded"):
            await manager.deletions.delete(A.id)


async def test_that_a_model_whose_file_stays_is_back_and_that_is_told() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    ports.files.refuse = FolderError("There is no trash.", "Delete it yourself.")
    async with ports.manager() as manager:
        await filled(manager, ports)
        manager.deletions._reprieves.seconds = 0.01
        events = manager.events.subscribe(lambda: None)
        await manager.deletions.delete(A.id)
        await eventually(manager.models.search)
        assert [i for i in events.take() if isinstance(i.event, NoticeRaised)]
