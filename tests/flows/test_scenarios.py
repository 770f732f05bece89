"""The scenarios that every engine is judged by, on real files and real worker processes."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from app.bootstrap.core import open_manager
from app.domain import recovery
from app.domain.errors import (
    AlreadyLoaded,
    InvalidFile,
    LoadCancelled,
    LoadStalled,
    ModelError,
    WorkerCrashed,
    WorkerHung,
)
from app.domain.events import InstanceChanged, ModelEvicted, ModelRecovered, NoticeRaised
from app.domain.generation import (
    ChatMessage,
    FinishReason,
    GenerationEnd,
    GenerationRequest,
    Role,
    TextPiece,
)
from app.domain.instances import InstanceState
from app.domain.load_settings import LoadSettings
from app.domain.models import ModelId, ModelStatus
from app.domain.switching import SwitchMethod
from app.manager.manager import Manager
from app.providers import llama_cpp
from app.providers.llama_engine import Deadlines
from app.system.processes import WorkerProcess, WorkerProcesses
from tests.flows.running import workers
from tests.support.fakes import eventually
from tests.support.models import write_broken, write_llama, write_qwen2

LLAMA, QWEN, SLOW = "Tiny Llama", "Tiny Qwen2", "Slow Llama"
STREAMS = 8
LONG_ANSWER = 20
"""Tokens."""
WAIT = 30.0


class Started(list[WorkerProcess]):
    """Every engine process that was started, in order."""

    standing = False
    """Whether the next ones stand still from their first moment."""

    def running(self) -> list[WorkerProcess]:
        """Those that aren't gone yet."""
        return [child for child in self if psutil.pid_exists(child.pid) and child.running]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    children, start = Started(), WorkerProcesses.start

    async def noted(self: WorkerProcesses, kind: str) -> WorkerProcess:
        child = await start(self, kind)
        if kind == "llama":
            children.append(child)
            if children.standing:
                os.kill(child.pid, signal.SIGSTOP)
        return child

    monkeypatch.setattr(WorkerProcesses, "start", noted)
    return children


def write_models(folder: Path) -> Path:
    write_llama(folder / "llama.gguf", name=LLAMA)
    write_qwen2(folder / "qwen.gguf", name=QWEN)
    write_llama(folder / "slow.gguf", name=SLOW, layers=100, width=32)
    return folder


@asynccontextmanager
async def library(tmp_path: Path) -> AsyncIterator[Manager]:
    """A manager over three real models; nothing of it may live on when it is left."""
    folder = write_models(tmp_path / "models")
    async with open_manager(tmp_path / "state" / "modelyard.db", {}) as manager:
        await manager.library.add_folder(str(folder))
        await scanned(manager)
        yield manager
    assert not workers(), "a worker outlived the manager"


async def scanned(manager: Manager) -> None:
    await eventually(lambda: manager.library.scanning() is None, WAIT)


def model(manager: Manager, name: str) -> ModelId:
    return next(spec.id for spec in manager.models.search() if spec.name == name)


def state(manager: Manager, name: str) -> InstanceState | None:
    view = manager.models.instance(model(manager, name))
    return view.state if view is not None else None


async def until(manager: Manager, name: str, *states: InstanceState | None) -> None:
    await eventually(lambda: state(manager, name) in states, WAIT)


def process_of(manager: Manager, name: str) -> int:
    """The id of the process that computes a model."""
    instance = manager.models._coordinator._instances[model(manager, name)]
    return instance.engine._link._child.pid


def gone(pid: int) -> bool:
    """Whether a process has ended and is reaped."""
    return not psutil.pid_exists(pid)


class Stream:
    """Somebody who reads an answer to its end."""

    def __init__(self, manager: Manager, name: str, tokens: int = 8) -> None:
        self.writes = asyncio.Event()
        """Set at the first piece of the answer."""
        self.goes_on = asyncio.Event()
        """Cleared by a test that wants it to keep the model after the answer."""
        self.goes_on.set()
        self.served_by = ModelId("")
        self._work = self._read(manager, name, tokens)
        self.task = asyncio.ensure_future(self._work)

    async def _read(self, manager: Manager, name: str, tokens: int) -> GenerationEnd:
        end = None
        request = GenerationRequest(
            messages=(ChatMessage(role=Role.USER, text="Go on"),),
            max_tokens=tokens,
            ignore_end=True,
        )
        async with manager.models.lease(name, "chat") as lease:
            self.served_by = lease.spec.id
            async for update in lease.engine.generate(request):
                if isinstance(update, TextPiece):
                    self.writes.set()
                else:
                    end = update
            await self.goes_on.wait()
        assert isinstance(end, GenerationEnd)
        assert end.stats.finish is FinishReason.LENGTH
        assert end.stats.output_tokens == tokens
        return end


async def answers(manager: Manager, name: str) -> None:
    await Stream(manager, model(manager, name)).task


async def test_that_scenario_01_many_who_ask_for_a_cold_model_share_one_process(
    tmp_path, started
) -> None:
    async with library(tmp_path) as manager:
        llama = model(manager, LLAMA)
        await asyncio.gather(*(Stream(manager, llama).task for _ in range(STREAMS)))
        assert len(started) == 1
        assert manager.models.instance(llama).generation == 1


async def test_that_scenario_02_a_failure_reaches_all_who_wait_and_then_starts_no_process(
    tmp_path, started
) -> None:
    async with library(tmp_path) as manager:
        path = tmp_path / "models" / "llama.gguf"
        path.write_bytes(path.read_bytes().replace(b"llama", b"lemma"))
        for _ in range(2):
            asked = [Stream(manager, model(manager, LLAMA)).task for _ in range(3)]
            errors = await asyncio.gather(*asked, return_exceptions=True)
            assert len(set(map(id, errors))) == 1
            assert isinstance(errors[0], ModelError)
        count = len(started)
        with pytest.raises(ModelError, match="2 times in a row") as refused:
            await answers(manager, LLAMA)
        assert refused.value.retry_at is not None
        assert len(started) == count
        assert not started.running()


async def test_that_scenario_03_who_gives_up_costs_nobody_and_the_last_ends_the_process(
    tmp_path, started
) -> None:
    async with library(tmp_path) as manager:
        started.standing = True
        llama = model(manager, LLAMA)
        asked = [Stream(manager, llama).task for _ in range(STREAMS)]
        await until(manager, LLAMA, InstanceState.LOADING)
        await eventually(lambda: started, WAIT)
        for task in asked[1:]:
            task.cancel()
        await asyncio.wait(asked[1:])
        os.kill(started[0].pid, signal.SIGCONT)
        await asked[0]
        await manager.models.eject(llama)
        again = [Stream(manager, llama).task for _ in range(STREAMS)]
        await eventually(lambda: len(started) == 2, WAIT)
        for task in again:
            task.cancel()
        await asyncio.wait(again)
        await until(manager, LLAMA, None)
        assert gone(started[1].pid)


async def test_that_scenario_04_a_switch_under_streams_loses_none(tmp_path) -> None:
    async with library(tmp_path) as manager:
        slow, llama = model(manager, SLOW), model(manager, LLAMA)
        await manager.models.load(slow, LoadSettings(slots=STREAMS))
        old = [Stream(manager, "active", LONG_ANSWER) for _ in range(STREAMS)]
        await asyncio.gather(*(stream.writes.wait() for stream in old))
        for stream in old:
            stream.goes_on.clear()
        plan = await manager.models.switch(llama)
        assert plan.method is SwitchMethod.OVERLAP
        new = [Stream(manager, "active") for _ in range(STREAMS)]
        await asyncio.gather(*(stream.task for stream in new))
        assert {stream.served_by for stream in new} == {llama}
        assert len(manager.models.instance(slow).leases) == STREAMS
        for stream in old:
            stream.goes_on.set()
        await asyncio.gather(*(stream.task for stream in old))
        assert {stream.served_by for stream in old} == {slow}
        assert state(manager, SLOW) is InstanceState.READY


async def test_that_scenario_05_a_busy_model_stays_and_its_answer_is_whole(
    tmp_path, started
) -> None:
    async with library(tmp_path) as manager:
        await manager.settings.set("max_loaded", 1)
        stream = Stream(manager, model(manager, SLOW), LONG_ANSWER)
        stream.goes_on.clear()
        await stream.writes.wait()
        waits = asyncio.ensure_future(manager.models.load(model(manager, LLAMA)))
        await eventually(
            lambda: (
                (view := manager.models.instance(model(manager, LLAMA)))
                and view.reason == f"waits for room: {SLOW} is answering"
            ),
            WAIT,
        )
        waits.cancel()
        await asyncio.wait([waits])
        await until(manager, LLAMA, None)
        stream.goes_on.set()
        await stream.task
        assert state(manager, SLOW) is InstanceState.READY
        assert len(started) == 1


async def test_that_scenario_07_who_asks_for_a_model_on_its_way_out_gets_its_next_process(
    tmp_path, started
) -> None:
    async with library(tmp_path) as manager:
        await manager.settings.set("max_loaded", 1)
        await manager.models.load(model(manager, LLAMA))
        dying = process_of(manager, LLAMA)
        os.kill(dying, signal.SIGSTOP)
        loading = asyncio.ensure_future(manager.models.load(model(manager, QWEN)))
        await until(manager, LLAMA, InstanceState.STOPPING, None)
        stream = Stream(manager, model(manager, LLAMA))
        await asyncio.sleep(0)
        os.kill(dying, signal.SIGCONT)
        await asyncio.gather(loading, stream.task)
        assert gone(dying)
        assert len(started) == 3
        assert process_of(manager, LLAMA) == started[2].pid


async def test_that_scenario_10_evicted_bytes_stay_charged_until_the_process_is_gone(
    tmp_path,
) -> None:
    async with library(tmp_path) as manager:
        llama, qwen = model(manager, LLAMA), model(manager, QWEN)
        await manager.models.load(llama)
        coordinator = manager.models._coordinator
        charged = coordinator.charged()
        await manager.settings.set("memory_budget", max(1e8, charged * 1.2))
        leaving = process_of(manager, LLAMA)
        was_there: list[bool] = []

        def look() -> None:
            for item in events.take():
                event = item.event
                if isinstance(event, InstanceChanged) and event.instance.model_id == qwen:
                    reserves = event.instance.state is InstanceState.RESERVING
                    was_there.extend([not gone(leaving)] if reserves else [])

        events = manager.events.subscribe(look)
        os.kill(leaving, signal.SIGSTOP)
        loading = asyncio.ensure_future(manager.models.load(qwen))
        await until(manager, LLAMA, InstanceState.STOPPING, None)
        if state(manager, LLAMA) is InstanceState.STOPPING:
            assert coordinator.charged() == charged
            assert state(manager, QWEN) is InstanceState.QUEUED
        os.kill(leaving, signal.SIGCONT)
        await loading
        assert was_there == [False]


async def test_that_scenario_11_a_killed_worker_ends_its_streams_and_comes_back(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(recovery, "FIRST_RESTART", 0.2)
    async with library(tmp_path) as manager:
        slow = model(manager, SLOW)
        await manager.settings.set("recover_crashed", True)
        await manager.models.load(model(manager, LLAMA))
        await manager.models.switch(slow)
        events = manager.events.subscribe(lambda: None)
        streams = [Stream(manager, slow, 1000) for _ in range(2)]
        await asyncio.gather(*(stream.writes.wait() for stream in streams))
        killed = process_of(manager, SLOW)
        charged = manager.models._coordinator.charged()
        os.kill(killed, signal.SIGKILL)
        errors = await asyncio.gather(*(item.task for item in streams), return_exceptions=True)
        assert all(isinstance(error, WorkerCrashed) for error in errors)
        assert manager.models._coordinator.charged() < charged or state(manager, SLOW) is not None
        await answers(manager, LLAMA)
        heard = []
        await eventually(
            lambda: (
                heard.extend(type(item.event) for item in events.take()) or ModelRecovered in heard
            ),
            WAIT,
        )
        await answers(manager, SLOW)
        assert gone(killed)
        assert process_of(manager, SLOW) != killed


PROGRAM = """
import asyncio, sys
from pathlib import Path
from app.bootstrap.core import open_manager

async def main(state, folder):
    async with open_manager(Path(state), {}) as manager:
        await manager.library.add_folder(folder)
        while manager.library.scanning():
            await asyncio.sleep(0.01)
        for spec in manager.models.search():
            await manager.models.load(spec.id)
        await manager.save_state()
        loaded = manager.models._coordinator._instances.values()
        print(*(instance.engine._link._child.pid for instance in loaded), flush=True)
        await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_that_scenario_11_a_killed_app_leaves_no_worker_and_the_next_start_is_whole(
    tmp_path,
) -> None:
    folder, database = write_models(tmp_path / "models"), tmp_path / "state" / "modelyard.db"
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(database), str(folder), stdout=asyncio.subprocess.PIPE
    )
    pids = [int(word) for word in (await program.stdout.readline()).split()]
    assert len(pids) == 3
    # The one that can't hear of its parent's death is what the next start is for.
    os.kill(pids[0], signal.SIGSTOP)
    program.kill()
    await program.wait()
    await eventually(lambda: all(map(ended, pids[1:])), WAIT)
    async with open_manager(database, {}) as manager:
        await eventually(lambda: ended(pids[0]), WAIT)
        await scanned(manager)
        assert len(manager.models.restorable()) == 3
        await manager.models.restore()
        await answers(manager, LLAMA)


def ended(pid: int) -> bool:
    """Whether a process of another parent does nothing any more."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


async def test_that_scenario_12_a_load_that_hangs_is_ended_when_it_stalls(
    tmp_path, started, monkeypatch
) -> None:
    monkeypatch.setattr(llama_cpp, "Deadlines", partial(Deadlines, load=0.5))
    async with library(tmp_path) as manager:
        started.standing = True
        with pytest.raises(LoadStalled, match="made no progress"):
            await manager.models.load(model(manager, LLAMA))
        assert state(manager, LLAMA) is InstanceState.FAILED
        assert gone(started[0].pid)
        assert manager.models._coordinator.charged() == 0


async def test_that_scenario_12_a_load_that_hangs_can_be_cancelled(tmp_path, started) -> None:
    async with library(tmp_path) as manager:
        started.standing = True
        llama = model(manager, LLAMA)
        loading = asyncio.ensure_future(manager.models.load(llama))
        waiting = Stream(manager, llama).task
        await eventually(lambda: started, WAIT)
        await manager.models.cancel_load(llama)
        await loading
        with pytest.raises(LoadCancelled):
            await waiting
        assert gone(started[0].pid)
        started.standing = False
        await answers(manager, LLAMA)


async def test_that_scenario_13_a_worker_that_lives_and_says_nothing_is_replaced(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(llama_cpp, "Deadlines", partial(Deadlines, compute=2.0))
    async with library(tmp_path) as manager:
        await answers(manager, LLAMA)
        wedged = process_of(manager, LLAMA)
        os.kill(wedged, signal.SIGSTOP)
        with pytest.raises(WorkerHung):
            await answers(manager, LLAMA)
        await until(manager, LLAMA, InstanceState.CRASHED)
        assert gone(wedged)
        await answers(manager, LLAMA)
        assert process_of(manager, LLAMA) != wedged


async def test_that_scenario_14_files_that_move_and_go_orphan_nobody(tmp_path, started) -> None:
    async with library(tmp_path) as manager:
        llama, files = model(manager, LLAMA), tmp_path / "models"
        stream = Stream(manager, llama)
        stream.goes_on.clear()
        await stream.writes.wait()
        (files / "llama.gguf").rename(files / "elsewhere.gguf")
        await manager.library.rescan()
        await scanned(manager)
        assert manager.models.get(llama).path.endswith("elsewhere.gguf")
        await answers(manager, LLAMA)
        ejecting = asyncio.ensure_future(manager.models.eject(llama, drain=True))
        await until(manager, LLAMA, InstanceState.DRAINING)
        (files / "elsewhere.gguf").rename(tmp_path / "kept.gguf")
        await manager.library.rescan()
        await scanned(manager)
        assert manager.models.get(llama).status is ModelStatus.MISSING
        stream.goes_on.set()
        await asyncio.gather(stream.task, ejecting)
        assert gone(started[0].pid)
        (tmp_path / "kept.gguf").rename(files / "llama.gguf")
        await manager.library.rescan()
        await scanned(manager)
        started.standing = True
        loading = asyncio.ensure_future(manager.models.load(llama))
        await eventually(lambda: len(started) == 2, WAIT)
        await manager.library.remove_folder(str(files))
        os.kill(started[1].pid, signal.SIGCONT)
        await loading
        assert manager.models.get(llama).name == LLAMA
        await manager.models.eject(llama)
        assert gone(started[1].pid)


async def test_that_scenario_15_unloading_and_loading_at_once_leave_what_was_asked_last(
    tmp_path, started
) -> None:
    async with library(tmp_path) as manager:
        llama = model(manager, LLAMA)
        started.standing = True
        loading = asyncio.ensure_future(manager.models.load(llama))
        await eventually(lambda: started, WAIT)
        await manager.models.eject(llama)
        await loading
        assert state(manager, LLAMA) is None
        assert gone(started[0].pid)
        started.standing = False
        stream = Stream(manager, llama)
        stream.goes_on.clear()
        await stream.writes.wait()
        ejecting = asyncio.ensure_future(manager.models.eject(llama, drain=True))
        await until(manager, LLAMA, InstanceState.DRAINING)
        loading = asyncio.ensure_future(manager.models.load(llama))
        stream.goes_on.set()
        await asyncio.gather(stream.task, ejecting, loading)
        assert state(manager, LLAMA) is InstanceState.READY
        assert gone(started[1].pid)


async def test_that_scenario_15_the_end_finds_models_in_every_state(tmp_path, started) -> None:
    async with library(tmp_path) as manager:
        await manager.settings.set("max_loaded", 2)
        stream = Stream(manager, model(manager, SLOW), 1000)
        await stream.writes.wait()
        ejecting = asyncio.ensure_future(manager.models.eject(model(manager, SLOW), drain=True))
        started.standing = True
        loading = asyncio.ensure_future(manager.models.load(model(manager, LLAMA)))
        await eventually(lambda: len(started) == 2, WAIT)
        queued = Stream(manager, model(manager, QWEN)).task
        await until(manager, QWEN, InstanceState.QUEUED)
        assert state(manager, SLOW) is InstanceState.DRAINING
    await asyncio.gather(ejecting, loading)
    ends = await asyncio.gather(stream.task, queued, return_exceptions=True)
    assert isinstance(ends[0], ModelError)
    assert isinstance(ends[1], LoadCancelled)
    assert all(gone(child.pid) for child in started)


async def test_that_scenario_18_the_time_to_live_counts_from_the_last_release(tmp_path) -> None:
    async with library(tmp_path) as manager:
        llama = model(manager, LLAMA)
        events = manager.events.subscribe(lambda: None)
        stream = Stream(manager, llama)
        stream.goes_on.clear()
        await stream.writes.wait()
        stream.goes_on.set()
        await stream.task
        await manager.models.eject(llama)
        await manager.models.load(llama, time_to_live=0.3)
        process = process_of(manager, LLAMA)
        held = Stream(manager, llama)
        held.goes_on.clear()
        await held.writes.wait()
        await asyncio.sleep(0.6)
        assert not gone(process)
        assert state(manager, LLAMA) is InstanceState.READY
        held.goes_on.set()
        await held.task
        await until(manager, LLAMA, None)
        assert gone(process)
        told = [item.event for item in events.take() if isinstance(item.event, ModelEvicted)]
        assert [event.reason for event in told] == ["idle for 0.3 seconds"]
        for _ in range(5):
            # It may not have left yet since the last round.
            with suppress(AlreadyLoaded):
                await manager.models.load(llama, time_to_live=0.05)
            await asyncio.sleep(0.05)
            await answers(manager, LLAMA)


async def test_that_scenario_19_broken_state_rows_and_files_hide_no_others(tmp_path) -> None:
    write_broken(tmp_path / "models")
    database = tmp_path / "state" / "modelyard.db"
    async with library(tmp_path) as manager:
        llama = model(manager, LLAMA)
        broken = [s for s in manager.models.search() if s.status is ModelStatus.INVALID]
        assert broken
        for spec in broken:
            with pytest.raises(InvalidFile):
                await manager.models.load(spec.id)
        await answers(manager, LLAMA)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE models SET kind = 9999 WHERE id = ?", (llama,))
    async with open_manager(database, {}) as manager:
        assert {QWEN, SLOW} <= {spec.name for spec in manager.models.search()}
        await answers(manager, QWEN)
    with database.open("r+b") as file:
        file.write(b"\xff" * 4096)
    async with open_manager(database, {}) as manager:
        (notice,) = [
            item.event for item in manager.events.kept() if isinstance(item.event, NoticeRaised)
        ]
        assert notice.report.what
        await manager.library.add_folder(str(tmp_path / "models"))
        await scanned(manager)
        assert {LLAMA, QWEN, SLOW} <= {spec.name for spec in manager.models.search()}
        await answers(manager, LLAMA)
