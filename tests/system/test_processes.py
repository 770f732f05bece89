"""Worker processes start clean, are watched, and never outlive the app."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import psutil
import pytest

from app.system import processes as module
from app.system.processes import LastLines, WorkerProcesses, command, worker_environment
from app.worker import protocol
from tests.support.fakes import eventually


@asynccontextmanager
async def processes():
    children = WorkerProcesses()
    try:
        yield children
    finally:
        await children.aclose()


async def first_message(child):
    reader = protocol.FrameReader()
    async for data in child.received():
        for frame in reader.feed(data):
            return protocol.decode(frame)
    return None


async def talk_and_end(children):
    child = await children.start("template")
    assert await first_message(child) == protocol.Ready()
    assert child.memory() > 1_000_000
    child.send(protocol.encode(protocol.Shutdown()))
    assert [ended.code for ended in await asyncio.gather(child.wait(), child.wait())] == [0, 0]
    assert child.memory() is None
    child.send(protocol.encode(protocol.Shutdown()))
    child.kill()
    assert not psutil.pid_exists(child.pid)


async def test_that_a_worker_talks_and_ends_on_asyncios_loop():
    async with processes() as children:
        await talk_and_end(children)


async def test_that_a_worker_talks_and_ends_on_the_windows_loop(qapp):
    async with processes() as children:
        await talk_and_end(children)


async def test_that_an_end_tells_whether_processes_were_ended_for_want_of_memory_meanwhile():
    counted = 3
    children = WorkerProcesses(starved=lambda: counted)
    before, after = await children.start("template"), await children.start("template")
    before.kill()
    assert not (await before.wait()).starved
    counted += 1
    after.kill()
    assert (await after.wait()).starved
    await children.aclose()


async def test_that_an_end_carries_its_signal_and_the_last_words():
    async with processes() as children:
        child = await children.start("template")
        await first_message(child)
        child.kill()
        assert (await child.wait()).code == -signal.SIGKILL
        unknown = await children.start("shell")
        ended = await unknown.wait()
        assert ended.code == 2
        assert "llama, template" in ended.stderr


async def test_that_closing_ends_and_reaps_every_worker():
    children = WorkerProcesses()
    started = [await children.start("template") for _ in range(2)]
    os.kill(started[0].pid, signal.SIGSTOP)
    await children.aclose()
    assert not any(psutil.pid_exists(child.pid) for child in started)


async def test_that_a_killed_worker_is_reaped_though_nobody_reads_what_it_wrote(monkeypatch):
    monkeypatch.setattr(module, "KILL_SECONDS", 0.2)
    # Its errors end first, so that only the full pipe stands between it and its reaping.
    spill = "import os; os.close(2); os.write(1, bytes(2_000_000))"
    monkeypatch.setattr(module, "command", lambda _: [sys.executable, "-c", spill])
    async with processes() as children:
        child = await children.start("llama")
        # Its pipe to us is full, and the reader that nobody reads from has stopped.
        await eventually(lambda: child._process.stdout._paused)
        child.kill()
        assert (await child.wait()).code == -signal.SIGKILL
        assert not psutil.pid_exists(child.pid)


async def test_that_closing_gives_up_a_worker_that_not_even_a_kill_ends(monkeypatch, caplog):
    monkeypatch.setattr(module, "KILL_SECONDS", 0.2)
    children = WorkerProcesses()
    child = await children.start("template")
    await first_message(child)
    # One that goes on would end itself when its pipes are closed, and perhaps before the last line.
    os.kill(child.pid, signal.SIGSTOP)
    with monkeypatch.context() as held:
        held.setattr(os, "kill", lambda pid, sent: None)
        await children.aclose()
    assert "doesn't end" in caplog.text
    assert child.memory() is None
    os.kill(child.pid, signal.SIGKILL)
    await eventually(lambda: not psutil.pid_exists(child.pid))
    await eventually(lambda: child._process.returncode is not None)


async def test_that_a_cancelled_start_leaves_nothing_running():
    async with processes() as children:
        starting = asyncio.ensure_future(children.start("template"))
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert not psutil.Process().children()


async def test_that_no_secret_of_ours_reaches_a_worker(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    monkeypatch.setenv("MODEL_MANAGER_SECRET", "sk-planted")
    async with processes() as children:
        child = await children.start("template")
        await first_message(child)
        given = psutil.Process(child.pid).environ()
        assert "sk-planted" not in given.values()
        assert given["GGML_NO_BACKTRACE"] == "1"
        assert "sk-planted" not in " ".join(psutil.Process(child.pid).cmdline())


def test_that_a_worker_keeps_what_it_needs_of_the_environment():
    own = {"PATH": "/bin", "LC_ALL": "C", "HF_TOKEN": "hf_x", "PYTHONPATH": "/mine"}
    given = worker_environment(own)
    assert given["PATH"] == "/bin"
    assert given["LC_ALL"] == "C"
    assert given["PYTHONPATH"].endswith(f"{os.pathsep}/mine")
    assert "HF_TOKEN" not in given


@pytest.mark.parametrize("kind", ["llama", "template"])
def test_that_a_worker_dies_with_the_app_even_when_that_is_killed(kind):
    code = (
        "import asyncio, sys\n"
        "from app.system.processes import WorkerProcesses\n"
        "async def main():\n"
        f"    child = await WorkerProcesses().start({kind!r})\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as app:
        worker = psutil.Process(int(app.stdout.readline()))
        app.kill()
    # Whoever inherits the orphan may reap it late: a zombie has ended, too.
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
        psutil.wait_procs([worker], timeout=0.05)


def test_that_a_bundle_starts_itself_and_a_checkout_its_interpreter(monkeypatch):
    assert command("llama") == [sys.executable, "-P", "-m", "app", "--worker", "llama"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert command("llama") == [sys.executable, "--worker", "llama"]
    assert "PYTHONPATH" not in worker_environment({})


def test_that_only_the_end_of_a_long_log_is_kept():
    lines = LastLines(count=3, length=10)
    for number in range(5):
        lines.feed(f"line {number}\npart".encode()[:-4])
    lines.feed(b"x" * 5000)
    lines.feed(b"y" * 5000)
    assert lines.text() == "line 2\nline 3\nline 4\n" + "x" * 10 + "…"


def test_that_lines_cut_into_pieces_are_joined():
    lines = LastLines()
    for piece in (b"one\ntw", b"o\xe2\x82", b"\xac\r\n"):
        lines.feed(piece)
    assert lines.text() == "one\ntwo€"


async def test_that_a_warm_worker_is_taken_by_the_next_start_and_only_by_that():
    workers = WorkerProcesses()
    workers.warm("template")
    workers.warm("template")
    await eventually(lambda: len(psutil.Process().children()) == 1)
    (spare,) = psutil.Process().children()
    first = await workers.start("template")
    second = await workers.start("template")
    assert first.pid == spare.pid != second.pid
    await workers.aclose()
    assert not psutil.Process().children()


async def test_that_a_warm_worker_that_died_is_not_handed_out():
    workers = WorkerProcesses()
    workers.warm("template")
    await eventually(psutil.Process().children)
    (spare,) = psutil.Process().children()
    spare.kill()
    await eventually(lambda: not spare.is_running())
    child = await workers.start("template")
    assert child.pid != spare.pid
    assert child.running
    await workers.aclose()


async def test_that_closing_ends_a_warm_worker_that_is_only_starting(monkeypatch):
    monkeypatch.setattr(module, "WARM_SECONDS", 0)
    workers = WorkerProcesses()
    workers.warm("llama")
    await asyncio.sleep(0)
    await workers.aclose()
    assert not psutil.Process().children()


async def test_that_a_start_does_not_wait_for_a_worker_that_is_to_be_warm_later(monkeypatch):
    monkeypatch.setattr(module, "WARM_SECONDS", 3600)
    workers = WorkerProcesses()
    workers.warm("template")
    assert (await workers.start("template")).running
    await workers.aclose()
