import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.library.found import FoundFile, FoundModel
from app.library.reading import HeaderReader
from app.library.specs import read_or_gone
from app.system.processes import WorkerExit, WorkerProcess, WorkerProcesses
from app.worker import protocol
from tests.support import headers, models
from tests.support.fakes import eventually


class Kept(WorkerProcesses):
    """Remembers the processes that it started."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[WorkerProcess] = []

    async def start(self, kind: str) -> WorkerProcess:
        child = await super().start(kind)
        self.started.append(child)
        return child


class Nonsense:
    """A child that answers every question alike, and what starts it."""

    pid = 0

    def __init__(self, said: bytes) -> None:
        self._said = said
        self._asked, self._killed = asyncio.Event(), asyncio.Event()

    async def start(self, kind: str) -> "Nonsense":
        return self

    def warm(self, kind: str) -> None: ...

    def send(self, frame: bytes) -> None:
        self._asked.set()

    async def received(self) -> AsyncIterator[bytes]:
        if self._killed.is_set():
            return
        yield protocol.encode(protocol.Ready())
        await self._asked.wait()
        yield self._said
        await self._killed.wait()

    def memory(self) -> int | None:
        return None

    def kill(self) -> None:
        self._killed.set()

    async def wait(self) -> WorkerExit:
        return WorkerExit(-9, "")


@asynccontextmanager
async def running() -> AsyncIterator[tuple[HeaderReader, WorkerProcess]]:
    processes = Kept()
    reader = HeaderReader(processes)
    try:
        reader.start()
        await eventually(lambda: reader.ready)
        yield reader, processes.started[0]
    finally:
        await reader.aclose()
        await processes.aclose()


def found(path: Path) -> FoundModel:
    return FoundModel((FoundFile(str(path), 1, 1),))


def several(folder: Path) -> list[FoundModel]:
    paths = [
        models.write_llama(folder / "a.gguf"),
        *models.write_broken(folder / "broken").values(),
        folder / "gone.gguf",
    ]
    return [found(path) for path in paths]


async def test_that_a_process_reads_what_a_thread_would(tmp_path: Path) -> None:
    asked = several(tmp_path)
    async with running() as (reader, _):
        assert await reader.read(asked) == [read_or_gone(model) for model in asked]


async def test_that_a_thread_reads_where_no_process_is(tmp_path: Path) -> None:
    asked = several(tmp_path)
    reader = HeaderReader()
    reader.start()
    assert not reader.ready
    assert await reader.read(asked) == [read_or_gone(model) for model in asked]
    await reader.aclose()


async def test_that_a_thread_reads_on_when_the_process_is_killed(tmp_path: Path) -> None:
    asked = several(tmp_path)
    async with running() as (reader, child):
        waiting = [reader.read(asked) for _ in range(50)]
        await asyncio.sleep(0)
        child.kill()
        expected = [read_or_gone(model) for model in asked]
        assert [await answer for answer in waiting] == [expected] * 50
        await eventually(lambda: not reader.ready)
        assert await reader.read(asked) == expected


async def test_that_closing_ends_the_process_in_the_middle_of_its_work(tmp_path: Path) -> None:
    path = headers.write_large_vocabulary(tmp_path / "a.gguf", 100_000)
    async with running() as (reader, child):
        waiting = [reader.read([found(path)] * 200) for _ in range(5)]
        await asyncio.sleep(0.05)
        await reader.aclose()
        assert not child.running
        assert all(answer.done() for answer in waiting)


async def test_that_a_process_that_can_not_start_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = WorkerProcesses()

    async def refuse(kind: str) -> WorkerProcess:
        raise OSError(11, f"no more processes for {kind}")

    monkeypatch.setattr(processes, "start", refuse)
    reader = HeaderReader(processes)
    reader.start()
    asked = several(tmp_path)
    assert await reader.read(asked) == [read_or_gone(model) for model in asked]
    await reader.aclose()
    await processes.aclose()


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\xff" * 20,
        protocol.encode(protocol.FilesRead([], [], []), 1),
        protocol.encode(protocol.FilesRead(["{}"], [], [None] * 7), 1),
    ],
)
async def test_that_a_process_that_talks_nonsense_is_not_believed(
    tmp_path: Path, nonsense: bytes
) -> None:
    asked = several(tmp_path)
    reader = HeaderReader(Nonsense(nonsense))
    reader.start()
    await eventually(lambda: reader.ready)
    assert await reader.read(asked) == [read_or_gone(model) for model in asked]
    await reader.aclose()
