"""Answers reach the request they belong to, and silence is told from a computer's sleep."""

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from app.providers import worker_link
from app.providers.worker_link import WorkerEnded, WorkerLink, WorkerSilent
from app.system import processes
from app.system.processes import WorkerProcesses
from app.worker import protocol
from app.worker.protocol import Cancel, Computed, Done, Finish, Probe, Progress
from tests.support.fakes import eventually


@dataclass
class Ended:
    code: int = -9
    stderr: str = ""


class ScriptedChild:
    """A child whose words the test puts into its mouth."""

    pid = 1

    def __init__(self):
        self.sent = []
        self._output = asyncio.Queue()
        self._ended = asyncio.Event()

    def says(self, message, request):
        self._output.put_nowait(protocol.encode(message, request))

    def spills(self, data):
        self._output.put_nowait(data)

    def send(self, frame):
        (decoded,) = protocol.FrameReader().feed(frame)
        self.sent.append((decoded.request, protocol.decode(decoded)))

    async def received(self):
        while data := await self._output.get():
            yield data

    def memory(self):
        return 1

    def kill(self):
        self._ended.set()
        self._output.put_nowait(b"")

    async def wait(self):
        await self._ended.wait()
        return Ended()


@asynccontextmanager
async def linked():
    child = ScriptedChild()
    link = WorkerLink(child)
    try:
        yield child, link
    finally:
        await link.close(grace=0)


async def test_that_answers_reach_the_request_they_belong_to():
    async with linked() as (child, link):
        with link.ask(Probe()) as first, link.ask(Probe()) as second:
            child.says(Progress(0.2), 2)
            child.says(Progress(0.1), 1)
            assert await first.next(10) == Progress(0.1)
            assert await second.next(10) == Progress(0.2)


async def test_that_a_request_left_early_is_cancelled_and_its_late_answers_dropped():
    async with linked() as (child, link):
        with link.ask(Probe()):
            pass
        assert child.sent == [(1, Probe()), (1, Cancel())]
        child.says(Done(Finish.CANCELLED, 0), 1)
        with link.ask(Probe()) as answers:
            child.says(Computed(), 2)
            assert await answers.next(10) == Computed()
        assert child.sent[2:] == [(2, Probe())]


async def test_that_words_said_before_an_end_are_heard_before_it():
    async with linked() as (child, link):
        with link.ask(Probe()) as answers:
            child.says(Progress(0.5), 1)
            child.kill()
            assert await answers.next(10) == Progress(0.5)
            with pytest.raises(WorkerEnded):
                await answers.next(10)
        assert (await link.ended()).code == -9
        with link.ask(Probe()) as answers, pytest.raises(WorkerEnded):
            await answers.next(10)


async def test_that_a_silent_worker_is_noticed():
    async with linked() as (_, link):
        with link.ask(Probe()) as answers, pytest.raises(WorkerSilent):
            await answers.next(0.04)


async def test_that_a_worker_that_speaks_to_others_is_not_silent():
    async with linked() as (child, link):
        with link.ask(Probe()) as answers:
            waiting = asyncio.ensure_future(answers.next(0.2))
            for _ in range(worker_link.SILENT_SLICES * 2):
                await asyncio.sleep(0.05)
                child.says(protocol.Alive(), 0)
            child.says(Computed(), 1)
            assert await waiting == Computed()


async def test_that_a_worker_that_speaks_no_frames_is_killed(caplog):
    async with linked() as (child, link):
        with link.ask(Probe()) as answers:
            child.spills(b"\xff" * 100)
            with pytest.raises(WorkerEnded):
                await answers.next(10)
        assert "spoke out of turn" in caplog.text


async def test_that_a_worker_with_much_nonsense_left_in_its_pipe_is_reaped(monkeypatch):
    spill = "import os, time; os.close(2); os.write(1, bytes([255]) * 2_000_000); time.sleep(60)"
    monkeypatch.setattr(processes, "command", lambda _: [sys.executable, "-c", spill])
    children = WorkerProcesses()
    child = await children.start("llama")
    # The reader has stopped for want of somebody who takes what it holds.
    await eventually(lambda: child._process.stdout._paused)
    link = WorkerLink(child)
    assert (await link.ended()).code == -9
    await link.close(grace=0)
    await children.aclose()
