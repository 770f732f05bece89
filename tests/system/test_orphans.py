import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import psutil

from app.system.orphans import Entry, Identity, WorkerJournal, identity_of


async def sleeper() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import time; print(flush=True); time.sleep(60)",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


def write(path: Path, *entries: Entry) -> None:
    path.write_text("".join(f"{json.dumps(asdict(entry))}\n" for entry in entries))


GONE = Identity(pid=2**22 + 1, started=1.0)


async def test_that_a_worker_whose_app_is_gone_is_ended(tmp_path: Path) -> None:
    process = await sleeper()
    write(tmp_path / "workers", Entry(identity_of(process.pid), GONE))
    assert WorkerJournal(tmp_path / "workers").sweep() == 1
    assert await process.wait() == -9
    assert (tmp_path / "workers").read_text() == ""


async def test_that_a_living_apps_worker_and_a_stranger_of_the_same_id_are_left_alone(
    tmp_path: Path,
) -> None:
    process = await sleeper()
    worker = identity_of(process.pid)
    stranger = Identity(worker.pid, worker.started - 1000)
    living = Entry(worker, identity_of(os.getpid()))
    write(tmp_path / "workers", living, Entry(stranger, GONE))
    journal = WorkerJournal(tmp_path / "workers")
    assert journal.sweep() == 0
    assert psutil.pid_exists(process.pid)
    assert (tmp_path / "workers").read_text() == f"{json.dumps(asdict(living))}\n"
    process.kill()
    await process.wait()


async def test_that_a_started_worker_is_written_down_for_its_owner_only(tmp_path: Path) -> None:
    process = await sleeper()
    journal = WorkerJournal(tmp_path / "workers")
    journal.add(process.pid)
    kept = json.loads((tmp_path / "workers").read_text())
    assert kept["worker"]["pid"] == process.pid
    assert kept["app"]["pid"] == os.getpid()
    assert (tmp_path / "workers").stat().st_mode & 0o777 == 0o600
    process.kill()
    await process.wait()
    assert journal.sweep() == 0


def test_that_a_damaged_journal_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "workers").write_bytes(b"\xff\x00{]\n")
    assert WorkerJournal(tmp_path / "workers").sweep() == 0
    (tmp_path / "workers").write_text('{"worker": 1}\n[]\n')
    assert WorkerJournal(tmp_path / "workers").sweep() == 0
    assert WorkerJournal(tmp_path / "nowhere" / "workers").sweep() == 0
