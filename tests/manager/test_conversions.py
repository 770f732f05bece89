import asyncio

import pytest

from app.domain.errors import FolderError, InvalidFile
from app.domain.events import ConversionEnded, ConversionProgressed
from tests.support.fakes import eventually, fake_ports, spec

A = spec("a", path="/models/a-F16.gguf", quantisation="F16")
MADE = spec("made", path="/models/a-Q4_K_M.gguf")


async def with_a(manager) -> None:
    await manager.library.add_folder("/models")
    await eventually(lambda: manager.library.scanning() is None and manager.models.search())


async def test_that_the_result_is_listed_beside_its_parent() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    ports.quantiser.then = lambda _: ports.files.disk["/models"].append(MADE)
    async with ports.manager() as manager:
        await with_a(manager)
        events = manager.events.subscribe(lambda: None)
        assert await manager.conversions.quantise(A.id, "Q4_K_M") == MADE.id
        assert ports.quantiser.written == [MADE.path]
        assert manager.annotations.get(MADE.id).parent == A.id
        told = [item.event for item in events.take()]
        shares = [event.progress for event in told if isinstance(event, ConversionProgressed)]
        (end,) = [event for event in told if isinstance(event, ConversionEnded)]
        assert shares == [0.0, 0.5]
        assert (end.made, end.error) == (MADE.id, None)
        assert manager.conversions.running() == ()


async def test_that_a_conversion_can_be_cancelled() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    ports.quantiser.go.clear()
    async with ports.manager() as manager:
        await with_a(manager)
        work = asyncio.ensure_future(manager.conversions.quantise(A.id, "Q8_0"))
        await eventually(lambda: [run.progress for run in manager.conversions.running()] == [0.5])
        with pytest.raises(InvalidFile, match="already"):
            await manager.conversions.quantise(A.id, "Q8_0")
        await manager.conversions.cancel(A.id)
        with pytest.raises(asyncio.CancelledError):
            await work
        assert manager.conversions.running() == ()


async def test_that_too_little_space_no_folder_and_a_taken_name_are_refused() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A, MADE]
    async with ports.manager() as manager:
        await manager.library.add_file(A.path)
        with pytest.raises(FolderError, match="no folder of yours"):
            await manager.conversions.quantise(A.id, "Q8_0")
        await with_a(manager)
        with pytest.raises(FolderError, match="there already"):
            await manager.conversions.quantise(A.id, "Q4_K_M")
        ports.files.free = 1000
        with pytest.raises(FolderError, match=r"1\.\d GB"):
            await manager.conversions.quantise(A.id, "Q8_0")
