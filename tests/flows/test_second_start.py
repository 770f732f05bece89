"""Starts over one state: the first has it, later ones hand over; nobody is ever locked out."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from app.bootstrap.instance import SILENT
from tests.support import models


async def started(state: Path, *arguments: str, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        *arguments,
        stderr=PIPE,
        env={
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "MODEL_MANAGER_PERSISTENCE_PATH": f"{state}/",
            **environment,
        },
    )


@asynccontextmanager
async def first_start(state: Path):
    """A start that has the state by now; its window may be yet to come."""
    # One that was killed has left its door behind.
    before = door(state)
    process = await started(state)
    try:
        async with asyncio.timeout(30):
            while door(state) in {before, ""}:
                await asyncio.sleep(0.02)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def door(state: Path) -> str:
    """What stands at the door: another word for each instance; nothing where there is none."""
    try:
        return (state / "modelyard.db.door").read_text()
    except FileNotFoundError:
        return ""


async def up(process: Process) -> None:
    """Wait for the window: the worker that is kept warm starts after it."""
    async with asyncio.timeout(30):
        while not psutil.Process(process.pid).children():
            await asyncio.sleep(0.02)


async def ended(process: Process) -> tuple[int, str]:
    try:
        async with asyncio.timeout(30):
            said = await process.stderr.read()
            return await process.wait(), said.decode()
    finally:
        # One that goes on must not stay for the tests that follow.
        if process.returncode is None:
            process.kill()
            await process.wait()


def log(state: Path) -> list[str]:
    lines = (state / "logs" / "modelyard.log").read_text().splitlines()
    return [json.loads(line)["message"] for line in lines]


async def logged(state: Path, words: str) -> None:
    async with asyncio.timeout(30):
        while not any(words in message for message in log(state)):
            await asyncio.sleep(0.02)


async def test_that_a_second_start_hands_over_its_files_and_ends(tmp_path: Path) -> None:
    models.write_llama(tmp_path / "llama.gguf")
    async with first_start(tmp_path / "state") as first:
        files = [str(tmp_path / "gone.gguf"), str(tmp_path / "llama.gguf")]
        second = await started(tmp_path / "state", *files)
        assert await ended(second) == (0, "")
        await logged(tmp_path / "state", f"{files[0]} can't be added")
        assert first.returncode is None
    assert "A later start hands over 2 paths" in log(tmp_path / "state")


async def test_that_starts_at_the_same_time_end_in_one_window(tmp_path: Path) -> None:
    starts = [await started(tmp_path / "state") for _ in range(3)]
    running = [asyncio.ensure_future(start.wait()) for start in starts]
    try:
        async with asyncio.timeout(40):
            while sum(wait.done() for wait in running) < 2:
                await asyncio.sleep(0.02)
        assert [wait.result() for wait in running if wait.done()] == [0, 0]
        await logged(tmp_path / "state", "A later start hands over 0 paths")
    finally:
        for start in starts:
            if start.returncode is None:
                start.kill()
        await asyncio.gather(*running)


async def test_that_one_that_was_killed_locks_nobody_out(tmp_path: Path) -> None:
    async with first_start(tmp_path / "state") as first:
        await up(first)
        first.kill()
        await first.wait()
        assert (tmp_path / "state" / "modelyard.db.door").exists()
    async with first_start(tmp_path / "state"):
        assert await ended(await started(tmp_path / "state")) == (0, "")


async def test_that_one_that_hangs_is_said_to(tmp_path: Path) -> None:
    async with first_start(tmp_path / "state") as first:
        first.send_signal(signal.SIGSTOP)
        assert await ended(await started(tmp_path / "state")) == (1, f"{SILENT}\n")
        first.send_signal(signal.SIGCONT)
        assert await ended(await started(tmp_path / "state")) == (0, "")


async def test_that_a_start_while_the_first_one_closes_opens_anew(tmp_path: Path) -> None:
    async with first_start(tmp_path / "state") as first:
        await up(first)
        first.terminate()
        second = await started(tmp_path / "state")
        assert await first.wait() == 0
        try:
            await up(second)
        finally:
            second.kill()
            await second.wait()


async def test_that_garbage_at_the_door_leaves_the_window_as_it_was(tmp_path: Path) -> None:
    async with first_start(tmp_path / "state"):
        place = str(tmp_path / "state" / "modelyard.db.socket")
        for garbage in (b"\0\xff\n", b"[" * 100_000 + b"\n", b'{"word": 1}\n', b""):
            reader, writer = await asyncio.open_unix_connection(place)
            writer.write(garbage)
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        assert await ended(await started(tmp_path / "state")) == (0, "")


async def test_that_other_states_and_runs_that_keep_nothing_are_instances_of_their_own(
    tmp_path: Path,
) -> None:
    async with first_start(tmp_path / "state"), first_start(tmp_path / "other"):
        unkept = await started(tmp_path / "state", MODEL_MANAGER_PERSISTENCE="off")
        try:
            await up(unkept)
        finally:
            unkept.kill()
            await unkept.wait()


async def test_that_a_link_leads_to_the_same_instance(tmp_path: Path) -> None:
    async with first_start(tmp_path / "state"):
        (tmp_path / "link").symlink_to(tmp_path / "state")
        assert await ended(await started(tmp_path / "link")) == (0, "")
