import asyncio

import pytest

from app.domain.duplicates import duplicates_of
from app.domain.errors import InvalidFile, MissingFile, StorageError
from app.domain.events import ModelsChanged, ScanFinished, ScanProgressed
from app.domain.models import Capability, Folder, ModelStatus, ModelType, ScannedFile, Store
from app.domain.template_probes import probes
from tests.support.fakes import eventually, fake_ports, spec

A, B = spec("a"), spec("b")


async def scanned(manager) -> None:
    await eventually(lambda: manager.library.scanning() is None)


async def test_that_models_appear_while_the_scan_still_runs() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A, B]
    async with ports.manager() as manager:
        subscription = manager.events.subscribe(lambda: None)
        ports.files.go.clear()
        await manager.library.add_folder("/models")
        await eventually(manager.models.search)
        assert [item.name for item in manager.models.search()] == ["a"]
        assert manager.library.scanning() == ScanProgressed(folder="/models", files=1, models=1)
        ports.files.go.set()
        await scanned(manager)
        assert [item.name for item in manager.models.search()] == ["a", "b"]
        finished = subscription.take()[-1].event
        assert finished == ScanFinished(folder="/models", models=2)


@pytest.mark.parametrize("turns", range(12))
async def test_that_a_folder_removed_as_the_program_ends_is_not_scanned_any_more(
    turns: int,
) -> None:
    ports = fake_ports()
    ports.files.disk.update({"/models": [A], "/others": [B]})
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await manager.library.add_folder("/others")
        await scanned(manager)
        removing = asyncio.ensure_future(manager.library.remove_folder("/others"))
        for _ in range(turns):
            await asyncio.sleep(0)
    await removing
    assert manager.library.scanning() is None
    assert [folder.path for folder in manager.library.folders()] == ["/models"]


async def test_that_folders_and_models_are_there_after_a_restart_and_looked_at_again() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await scanned(manager)
    ports.files.disk["/models"].append(B)
    async with ports.manager() as manager:
        assert [folder.path for folder in manager.library.folders()] == ["/models"]
        assert [item.name for item in manager.models.search()] == ["a"]
        await scanned(manager)
        assert [item.name for item in manager.models.search()] == ["a", "b"]


async def test_that_a_folder_that_is_gone_is_marked_and_so_are_its_models() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await scanned(manager)
    del ports.files.disk["/models"]
    async with ports.manager() as manager:
        await eventually(lambda: not manager.library.folders()[0].present)
        assert manager.models.get(A.id).status is ModelStatus.MISSING
        ports.files.disk["/models"] = [A]
        await manager.library.rescan()
        await eventually(lambda: manager.library.folders()[0].present)
        assert manager.models.get(A.id).status is ModelStatus.AVAILABLE


async def test_that_a_moved_file_keeps_its_record_and_a_copy_does_not_take_its_place() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await scanned(manager)
        copy = A.model_copy(update={"path": "/other/a.gguf"})
        ports.files.disk["/other"] = [copy]
        await manager.library.add_folder("/other")
        await scanned(manager)
        assert manager.models.get(A.id).path == A.path
        assert manager.models.get(A.id).copies == ("/other/a.gguf",)
        ports.files.disk["/models"] = []
        await manager.library.rescan()
        await scanned(manager)
        assert manager.models.get(A.id).status is ModelStatus.AVAILABLE
        assert manager.models.get(A.id).path == "/other/a.gguf"


async def test_that_a_file_replaced_by_another_model_is_forgotten() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await scanned(manager)
        ports.files.disk["/models"] = [spec("new", path=A.path)]
        await manager.library.rescan()
        await scanned(manager)
        assert [item.name for item in manager.models.search()] == ["new"]


async def test_that_a_cancelled_scan_keeps_what_it_found_and_marks_nothing_missing() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A, B]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await scanned(manager)
        subscription = manager.events.subscribe(lambda: None)
        ports.files.go.clear()
        await manager.library.rescan()
        await eventually(lambda: manager.library.scanning().files == 1)
        await manager.library.cancel_scan()
        assert manager.library.scanning() is None
        assert subscription.take()[-1].event.cancelled
        assert all(m.status is ModelStatus.AVAILABLE for m in manager.models.search())


async def test_that_a_removed_folder_takes_its_models_along_but_not_those_of_another() -> None:
    ports = fake_ports()
    inner = spec("inner", path="/models/inner/i.gguf")
    ports.files.disk["/models"] = [A, inner]
    ports.files.disk["/models/inner"] = [inner]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await manager.library.add_folder("/models/inner")
        await scanned(manager)
        await manager.library.remove_folder("/models")
        await scanned(manager)
        assert [item.name for item in manager.models.search()] == ["inner"]


async def test_that_a_rescan_leaves_a_loaded_model_alone() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await scanned(manager)
        async with manager.models.lease(A.id, "chat") as lease:
            await manager.library.remove_folder("/models")
            assert manager.models.get(A.id).name == "a"
            assert not lease.engine.closed


async def test_that_a_single_file_is_registered_where_it_lies_and_missed_when_gone() -> None:
    ports = fake_ports()
    ports.files.disk["/downloads"] = [A]
    async with ports.manager() as manager:
        assert await manager.library.add_file(A.path) == (A.id, True)
        assert await manager.library.add_file(A.path) == (A.id, False)
        with pytest.raises(MissingFile):
            await manager.library.add_file("/nowhere.gguf")
    ports.files.disk["/downloads"] = []
    async with ports.manager() as manager:
        await eventually(lambda: manager.models.get(A.id).status is ModelStatus.MISSING)
    ports.files.disk["/downloads"] = [A]
    async with ports.manager() as manager:
        await eventually(lambda: manager.models.get(A.id).status is ModelStatus.AVAILABLE)


async def test_that_a_broken_single_file_is_listed_and_told() -> None:
    ports = fake_ports()
    bad = spec("bad", status=ModelStatus.INVALID, reason="This isn't a GGUF file.")
    ports.files.disk["/downloads"] = [bad]
    async with ports.manager() as manager:
        with pytest.raises(InvalidFile) as caught:
            await manager.library.add_file(bad.path)
        assert caught.value.detail == "This isn't a GGUF file."
        assert manager.models.get(bad.id).status is ModelStatus.INVALID


async def test_that_a_finished_download_takes_the_place_of_its_broken_half() -> None:
    ports = fake_ports()
    half = spec("half", status=ModelStatus.INVALID, reason="It ends early.", path="/d/a.gguf")
    ports.files.disk["/d"] = [half]
    async with ports.manager() as manager:
        with pytest.raises(InvalidFile):
            await manager.library.add_file("/d/a.gguf")
        ports.files.disk["/d"] = [spec("whole", path="/d/a.gguf")]
        await manager.library.add_file("/d/a.gguf")
        assert [item.name for item in manager.models.search()] == ["whole"]


async def test_that_an_unchanged_rescan_announces_no_model() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A, B]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await scanned(manager)
        subscription = manager.events.subscribe(lambda: None)
        await manager.library.rescan()
        await manager.library.rescan()
        await scanned(manager)
        await asyncio.sleep(0)
        assert not [i for i in subscription.take() if isinstance(i.event, ModelsChanged)]


async def test_that_a_finding_that_cannot_be_kept_marks_nothing_missing() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await scanned(manager)
        ports.files.disk["/models"] = [A, B]

        async def refuse(specs: object) -> None:
            raise StorageError("The disk is full.", "Make room.")

        ports.store.save_models = refuse
        subscription = manager.events.subscribe(lambda: None)
        await manager.library.rescan()
        await scanned(manager)
        assert subscription.take()[-1].event.error.what == "The disk is full."
        assert manager.library.folders()[0].present
        assert manager.models.get(A.id).status is ModelStatus.AVAILABLE


async def test_that_a_folder_removed_while_its_models_are_being_kept_leaves_none_behind() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    saving, go = asyncio.Event(), asyncio.Event()
    save = ports.store.save_models

    async def slowly(specs) -> None:
        saving.set()
        await go.wait()
        await save(specs)

    ports.store.save_models = slowly
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await saving.wait()
        removing = asyncio.ensure_future(manager.library.remove_folder("/models"))
        await asyncio.sleep(0.01)
        go.set()
        await removing
        assert ports.store.kept_models == {}
        assert manager.models.search() == ()


async def test_that_a_folder_added_while_a_scan_is_being_cancelled_is_scanned() -> None:
    ports = fake_ports()
    ports.files.disk.update({"/models": [A, B], "/other": [spec("c", path="/other/c.gguf")]})
    async with ports.manager() as manager:
        ports.files.go.clear()
        await manager.library.add_folder("/models")
        await eventually(lambda: manager.library.scanning().files == 1)
        cancelling = asyncio.ensure_future(manager.library.cancel_scan())
        await asyncio.sleep(0)
        await manager.library.add_folder("/other")
        ports.files.go.set()
        await cancelling
        await eventually(lambda: "c" in [item.name for item in manager.models.search()])
        await scanned(manager)


async def test_that_a_change_on_the_disk_is_scanned_by_itself() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await scanned(manager)
        ports.files.disk["/models"].append(B)
        ports.files.changed.set()
        await eventually(lambda: len(manager.models.search()) == 2)
        assert ports.files.reads == [A.id, B.id]


async def test_that_only_folders_that_tell_of_no_changes_are_scanned_on_focus() -> None:
    ports = fake_ports()
    ports.files.disk.update({"/models": [A], "/nas": [B]})
    ports.files.unwatched.add("/nas")
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await manager.library.add_folder("/nas")
        await scanned(manager)
        subscription, scans = manager.events.subscribe(lambda: None), ports.files.scans
        await manager.library.rescan_unwatched()
        await scanned(manager)
        assert ports.files.scans == scans + 1
        assert subscription.take()[-1].event.folder == "/nas"


async def test_that_stores_are_listed_read_only_and_leave_with_the_setting() -> None:
    ports = fake_ports()
    store = Folder(path="/stores/ollama", store=Store.OLLAMA)
    ports.files.other_programs = (store,)
    ports.files.disk.update({"/stores/ollama": [spec("o", path="/stores/ollama/o.gguf")]})
    async with ports.manager() as manager:
        await eventually(manager.models.search)
        await scanned(manager)
        assert manager.library.stores() == (store,)
        assert manager.library.folders() == ()
        assert not manager.library.owned("/stores/ollama/o.gguf")
        assert manager.library.place_of("/stores/ollama/o.gguf") == store
        await manager.settings.set("look_in_stores", False)
        await eventually(lambda: manager.library.stores() == ())
        await eventually(lambda: manager.models.search() == ())
        await manager.settings.set("look_in_stores", True)
        await eventually(manager.models.search)


async def test_that_a_models_drive_goes_and_comes_back_without_a_file_being_read() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await scanned(manager)
        away = ports.files.disk.pop("/models")
        await manager.library.rescan()
        await scanned(manager)
        assert "drive" in manager.models.get(A.id).reason
        ports.files.disk["/models"] = away
        await manager.library.rescan()
        await scanned(manager)
        assert manager.models.get(A.id) == A
        assert ports.files.reads == [A.id]


async def test_that_an_adapter_comes_back_as_one_and_is_loaded_with_a_model_only() -> None:
    ports = fake_ports()
    lora = spec("lora", type=ModelType.ADAPTER, status=ModelStatus.ADAPTER, capabilities=())
    ports.files.disk["/models"] = [A, lora]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await scanned(manager)
        ports.files.disk.pop("/models")
        await manager.library.rescan()
        await scanned(manager)
        assert manager.models.get(lora.id).status is ModelStatus.MISSING
        ports.files.disk["/models"] = [A, lora]
        await manager.library.rescan()
        await scanned(manager)
        assert manager.models.get(lora.id).status is ModelStatus.ADAPTER
        with pytest.raises(InvalidFile, match="LoRA adapter"):
            await manager.models.load(lora.id)
        assert manager.searches.smallest() == A.id


async def test_that_copies_say_what_they_waste() -> None:
    ports = fake_ports()
    copies = [A, A.model_copy(update={"path": "/models/b.gguf"})]
    ports.files.disk["/models"] = copies
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await scanned(manager)
        (duplicate,) = await manager.library.duplicates()
        assert (duplicate.paths, duplicate.places) == (("/models/a.gguf", "/models/b.gguf"), 2)
        assert duplicate.recoverable == A.size_bytes


async def test_that_a_template_is_tried_out_once_for_all_its_models() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A, B]
    ports.files.templates = {A.id: "one", B.id: "one"}
    ports.prober.rendered["one"] = {probe.name: repr(probe.tools) for probe in probes()}
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await scanned(manager)
        await manager.capabilities.settled()
        assert manager.models.get(A.id).can(Capability.TOOLS)
        assert manager.models.get(B.id).can(Capability.TOOLS)
        assert ports.prober.probed == ["one"]
        assert all(file.mark for file in ports.store.kept_files.values())


def test_that_two_names_of_one_file_waste_nothing() -> None:
    files = [ScannedFile(f"/{n}", "", "1:1", A.id, 10) for n in range(2)]
    (duplicate,) = duplicates_of(files)
    assert (duplicate.places, duplicate.recoverable) == (1, 0)
