import asyncio
import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import FolderError, MissingFile
from app.domain.models import Capability, Folder, ModelSpec, ModelStatus
from app.library import discovery, scanning, walking
from app.library.discovery import LocalModelFiles
from app.library.findings import ScanBatch
from app.library.found import FoundModel
from app.library.reading import HeaderReader
from app.library.specs import Reading
from app.system.processes import WorkerProcesses
from tests.support import headers, models
from tests.support.fakes import eventually

NOTHING: Mapping[str, str] = {}


async def scan(folder: Path, known: Mapping[str, str] = NOTHING) -> list[ScanBatch]:
    place = Folder(path=str(folder))
    return [batch async for batch in LocalModelFiles().scan(place, known)]


async def marks_in(folder: Path) -> dict[str, str]:
    return {file.path: file.mark for batch in await scan(folder) for file in batch.read}


async def specs_in(folder: Path, known: Mapping[str, str] = NOTHING) -> dict[str, ModelSpec]:
    batches = await scan(folder, known)
    return {Path(spec.path).name: spec for batch in batches for spec in batch.specs}


async def one(path: Path) -> ModelSpec:
    (spec,) = (await LocalModelFiles().read(str(path))).specs
    return spec


async def test_that_a_scan_finds_every_model_below_a_folder(tmp_path: Path) -> None:
    models.write_llama(tmp_path / "a.gguf")
    models.write_qwen2(tmp_path / "deep/er/b.GGUF")
    models.write_gemma(tmp_path / ".hidden/c.gguf")
    models.write_sharded(tmp_path / "shards")
    models.write_projector(tmp_path / "mmproj-a.gguf")
    models.write_projector(tmp_path / "vision.gguf")
    models.write_broken(tmp_path / "broken")
    (tmp_path / "notes.txt").write_text("no model")
    found = await specs_in(tmp_path)
    valid = {name for name, spec in found.items() if spec.status is ModelStatus.AVAILABLE}
    assert valid == {"a.gguf", "b.GGUF", "c.gguf", "tiny-00001-of-00003.gguf"}
    assert len(found) - len(valid) == 5


async def test_that_the_last_batch_counts_every_file(tmp_path: Path) -> None:
    models.write_sharded(tmp_path)
    (tmp_path / "notes.txt").write_text("no model")
    assert (await scan(tmp_path))[-1].files == 4


async def test_that_the_first_model_does_not_wait_for_the_others(tmp_path: Path) -> None:
    for number in range(5):
        headers.write(tmp_path / f"{number}.gguf", headers.model_keys())
    batches = [batch for batch in await scan(tmp_path) if batch.specs]
    assert len(batches[0].specs) == 1


async def test_that_a_thousand_models_come_in_batches(tmp_path: Path) -> None:
    for number in range(1000):
        headers.write(tmp_path / f"{number}.gguf", headers.model_keys())
    batches = await scan(tmp_path)
    assert sum(len(batch.specs) for batch in batches) == 1000
    assert max(len(batch.specs) for batch in batches) <= scanning.BATCH_MODELS
    assert len(batches) < 200
    assert [batch.files for batch in batches] == sorted(batch.files for batch in batches)


async def test_that_known_files_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.write_sharded(tmp_path / "shards")
    models.write_llama(tmp_path / "a.gguf")
    models.write_projector(tmp_path / "vision.gguf")
    marks = await marks_in(tmp_path)
    read: list[FoundModel] = []
    monkeypatch.setattr(scanning, "read_or_gone", read.append)
    (batch,) = await scan(tmp_path, marks)
    assert (batch.specs, batch.models, batch.gone) == ((), 3, ())
    assert not read


async def test_that_what_was_known_and_is_not_there_is_gone(tmp_path: Path) -> None:
    models.write_llama(tmp_path / "a.gguf")
    gone = models.write_llama(tmp_path / "b.gguf")
    marks = await marks_in(tmp_path)
    gone.unlink()
    assert (await scan(tmp_path, marks))[-1].gone == (str(gone),)


async def test_that_a_projector_belongs_to_the_model_beside_it(tmp_path: Path) -> None:
    models.write_llama(tmp_path / "a.gguf")
    marks = await marks_in(tmp_path)
    assert not (await specs_in(tmp_path))["a.gguf"].can(Capability.VISION)
    projector = models.write_projector(tmp_path / "mmproj-model-f16.gguf")
    spec = (await specs_in(tmp_path, marks))["a.gguf"]
    assert spec.projector == str(projector)
    assert spec.can(Capability.VISION)
    assert (await LocalModelFiles().read(spec.path)).specs == (spec,)


async def test_that_of_several_models_the_one_named_like_the_projector_sees(tmp_path: Path) -> None:
    models.write_llama(tmp_path / "Gemma-3-4b-Q4_K_M.gguf")
    models.write_llama(tmp_path / "Qwen2-7b-Q8_0.gguf")
    models.write_projector(tmp_path / "mmproj-gemma-3-4b-F16.gguf")
    found = await specs_in(tmp_path)
    assert {name for name, spec in found.items() if spec.projector} == {"Gemma-3-4b-Q4_K_M.gguf"}


async def test_that_two_names_of_one_file_have_one_place(tmp_path: Path) -> None:
    path = models.write_llama(tmp_path / "a.gguf")
    (tmp_path / "b.gguf").hardlink_to(path)
    models.write_llama(tmp_path / "c.gguf")
    read = {Path(f.path).name: f for batch in await scan(tmp_path) for f in batch.read}
    assert read["a.gguf"].place == read["b.gguf"].place != read["c.gguf"].place
    assert len({file.model_id for file in read.values()}) == 1


async def test_that_templates_come_along(tmp_path: Path) -> None:
    path = models.write_llama(tmp_path / "a.gguf")
    spec = (await specs_in(tmp_path))["a.gguf"]
    (batch,) = [batch for batch in await scan(tmp_path) if batch.specs]
    assert batch.templates == {spec.id: models.CHAT_TEMPLATE}
    assert (await LocalModelFiles().read(str(path))).templates == batch.templates


async def test_that_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = models.write_llama(tmp_path / "a.gguf", name="Before")
    before, marks = path.stat(), await marks_in(tmp_path)
    models.write_llama(path, name="Behind")
    os.utime(path, ns=(1, before.st_mtime_ns + 1))
    after = await specs_in(tmp_path, marks)
    assert after["a.gguf"].name == "Behind"


async def test_that_a_model_is_available_again_when_its_shard_is_back(tmp_path: Path) -> None:
    shard = models.write_sharded(tmp_path)[2]
    aside = shard.rename(tmp_path / "aside")
    broken, marks = await specs_in(tmp_path), await marks_in(tmp_path)
    aside.rename(shard)
    mended = await specs_in(tmp_path, marks)
    assert [spec.status for spec in broken.values()] == [ModelStatus.INVALID]
    assert [spec.status for spec in mended.values()] == [ModelStatus.AVAILABLE]


async def test_that_a_missing_folder_is_said_in_two_sentences(tmp_path: Path) -> None:
    with pytest.raises(FolderError) as caught:
        await scan(tmp_path / "gone")
    assert str(tmp_path / "gone") in caught.value.what
    assert caught.value.remedy.endswith(".")


async def test_that_a_file_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="isn't a folder"):
        await scan(models.write_llama(tmp_path / "a.gguf"))


async def test_that_loops_of_links_end(tmp_path: Path) -> None:
    models.write_llama(tmp_path / "models/a.gguf")
    (tmp_path / "models/up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "gone.gguf").symlink_to(tmp_path / "nowhere")
    found = [spec.path for batch in await scan(tmp_path) for spec in batch.specs]
    assert found == [str(tmp_path / "models/a.gguf")]


async def test_that_links_to_models_are_followed(tmp_path: Path) -> None:
    blob = models.write_llama(tmp_path / "blobs/0123abc")
    (tmp_path / "link.gguf").symlink_to(blob)
    (spec,) = (await specs_in(tmp_path)).values()
    assert spec.path == str(tmp_path / "link.gguf")
    assert spec.size_bytes == blob.stat().st_size


async def test_that_a_pipe_does_not_hold_the_scan(tmp_path: Path) -> None:
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.gguf")
    models.write_llama(tmp_path / "a.gguf")
    assert list(await specs_in(tmp_path)) == ["a.gguf"]


async def test_that_an_unreadable_folder_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listing is refused here and not by chmod, which doesn't bind root."""
    models.write_llama(tmp_path / "a.gguf")
    models.write_llama(tmp_path / "locked/b.gguf")
    listed = walking.list_folder

    def refuse(folder: str) -> object:
        if folder.endswith("locked"):
            raise PermissionError(13, "Permission denied", folder)
        return listed(folder)

    monkeypatch.setattr(walking, "list_folder", refuse)
    assert list(await specs_in(tmp_path)) == ["a.gguf"]
    monkeypatch.setattr(walking, "list_folder", lambda folder: refuse(f"{folder}/locked"))
    with pytest.raises(FolderError, match="can't be read"):
        await scan(tmp_path)


async def test_that_an_unreadable_file_is_listed_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.write_llama(tmp_path / "a.gguf")

    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        locked, marks = await specs_in(tmp_path), await marks_in(tmp_path)
    assert locked["a.gguf"].status is ModelStatus.INVALID
    assert locked["a.gguf"].reason == "This file can't be read (Permission denied)."
    mended = await specs_in(tmp_path, marks)
    assert mended["a.gguf"].status is ModelStatus.AVAILABLE


async def test_that_a_file_that_vanishes_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.write_llama(tmp_path / "a.gguf")
    gone = models.write_llama(tmp_path / "b.gguf")
    listed = walking.list_folder

    def list_then_remove(folder: str) -> object:
        listing = listed(folder)
        gone.unlink()
        return listing

    monkeypatch.setattr(walking, "list_folder", list_then_remove)
    assert list(await specs_in(tmp_path)) == ["a.gguf"]


async def test_that_a_name_that_is_no_text_is_listed_in_printable_form(tmp_path: Path) -> None:
    models.write_llama(tmp_path / "a.gguf").rename(tmp_path / "b\udcff.gguf")
    (spec,) = (await specs_in(tmp_path)).values()
    assert spec.status is ModelStatus.INVALID
    assert spec.path == str(tmp_path / "b?.gguf")
    assert "rename it" in spec.reason


async def test_that_closing_ends_the_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(200):
        headers.write(tmp_path / f"{number}.gguf", headers.model_keys())
    read: list[FoundModel] = []
    reading = scanning.read_or_gone

    def count(found: FoundModel) -> Reading | None:
        read.append(found)
        return reading(found)

    monkeypatch.setattr(scanning, "read_or_gone", count)
    async with aclosing(LocalModelFiles().scan(Folder(path=str(tmp_path)), {})) as batches:
        async for _ in batches:
            break
    assert len(read) < 200


async def test_that_cancelling_a_reader_ends_the_thread_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        headers.write(tmp_path / f"{number}.gguf", headers.model_keys())
    loop = asyncio.get_running_loop()
    threads = threading.active_count()
    started, release = asyncio.Event(), threading.Event()
    read: list[FoundModel] = []

    def wait(found: FoundModel) -> Reading:
        read.append(found)
        loop.call_soon_threadsafe(started.set)
        release.wait(10)
        return Reading(None)

    monkeypatch.setattr(scanning, "read_or_gone", wait)
    scan_task = loop.create_task(scan(tmp_path))
    await started.wait()
    scan_task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scan_task
    release.set()
    await eventually(lambda: threading.active_count() == threads)
    assert len(read) == 1


@pytest.mark.parametrize("hanging", ["list_folder", "_read", "_present"])
def test_that_a_drive_that_hangs_does_not_hold_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hanging: str
) -> None:
    answers, answered, asked = threading.Event(), [], threading.Event()

    def hang(_: object) -> None:
        asked.set()
        answered.append(answers.wait(5))

    module = walking if hanging == "list_folder" else discovery
    monkeypatch.setattr(module, hanging, hang)
    files = LocalModelFiles()
    work = {
        "list_folder": lambda: scan(tmp_path),
        "_read": lambda: files.read(str(tmp_path)),
        "_present": lambda: files.present([str(tmp_path)]),
    }[hanging]

    async def quit_meanwhile() -> None:
        waiting = asyncio.ensure_future(work())
        await eventually(asked.is_set)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(quit_meanwhile())
    assert answered == []
    answers.set()


async def test_that_one_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = models.write_llama(tmp_path / "a.gguf")
    assert await one(path) == (await specs_in(tmp_path))["a.gguf"]


async def test_that_any_shard_leads_to_its_model(tmp_path: Path) -> None:
    paths = models.write_sharded(tmp_path)
    specs = [await one(path) for path in paths]
    assert {(spec.path, spec.shards, spec.status) for spec in specs} == {
        (str(paths[0]), 3, ModelStatus.AVAILABLE)
    }


async def test_that_a_projector_can_not_be_read_as_a_model(tmp_path: Path) -> None:
    spec = await one(models.write_projector(tmp_path / "mmproj-a.gguf"))
    assert spec.status is ModelStatus.INVALID
    assert "projector" in spec.reason


async def test_that_reading_a_folder_is_refused_in_words(tmp_path: Path) -> None:
    spec = await one(tmp_path)
    assert (spec.status, spec.reason) == (ModelStatus.INVALID, "This isn't a regular file.")


async def test_that_reading_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="isn't there"):
        await LocalModelFiles().read(str(tmp_path / "gone.gguf"))


async def test_that_present_names_what_exists(tmp_path: Path) -> None:
    path = models.write_llama(tmp_path / "a.gguf")
    asked = [str(path), str(tmp_path), str(tmp_path / "gone"), "with\0nul"]
    assert await LocalModelFiles().present(asked) == {str(path), str(tmp_path)}


async def test_that_a_process_reads_where_there_is_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        models.write_llama(tmp_path / f"{number % 7}/{number}.gguf", name=f"Model {number}")
    models.write_broken(tmp_path / "broken")
    (expected, *more) = [spec for batch in await scan(tmp_path) for spec in batch.specs]
    asked: list[int] = []
    ask = HeaderReader.read

    def read(reader: HeaderReader, found: Sequence[FoundModel]) -> Any:
        asked.append(len(found))
        return ask(reader, found)

    monkeypatch.setattr(HeaderReader, "read", read)
    monkeypatch.setattr(scanning, "HELP_SECONDS", 0)
    monkeypatch.setattr(scanning, "STEP_SECONDS", 0)
    processes = WorkerProcesses()
    files = LocalModelFiles({}, processes)
    reading = scanning.read_or_gone

    def slowly(found: FoundModel) -> Reading | None:
        time.sleep(0.02)
        return reading(found)

    monkeypatch.setattr(scanning, "read_or_gone", slowly)
    batches = [batch async for batch in files.scan(Folder(path=str(tmp_path)), {})]
    specs = [spec for batch in batches for spec in batch.specs]
    assert sorted(specs, key=lambda spec: spec.path) == sorted(
        [expected, *more], key=lambda spec: spec.path
    )
    assert sum(asked) > 100
    assert (batches[-1].models, batches[-1].gone) == (len(specs), ())
    assert {file.path for batch in batches for file in batch.read} == {s.path for s in specs}
    marks = {file.path: file.mark for batch in batches for file in batch.read}
    again = [batch async for batch in files.scan(Folder(path=str(tmp_path)), marks)]
    assert (again[-1].models, again[-1].gone) == (len(specs), ())
    assert not any(batch.read for batch in again)
    await processes.aclose()
