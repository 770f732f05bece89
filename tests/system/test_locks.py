"""The lock on a file."""

import subprocess
import sys

import pytest

from app.system.locks import FileLock

HOLD = """
import sys
from pathlib import Path
from app.system.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.take(), flush=True)
sys.stdin.read()
"""


def test_that_one_has_it_at_a_time(tmp_path):
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.take()
    assert first.take()
    assert not second.take()
    first.release()
    first.release()
    assert second.take()
    second.release()


def test_that_it_is_free_once_its_owner_is_killed(tmp_path):
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    lock = FileLock(tmp_path / "lock")
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as owner:
        assert owner.stdout.readline() == b"True\n"
        assert not lock.take()
        owner.kill()
    assert lock.take()
    lock.release()


def test_that_a_file_is_made_only_when_wanted_and_for_its_owner_alone(tmp_path):
    lock = FileLock(tmp_path / "lock")
    with pytest.raises(FileNotFoundError):
        lock.take(make=False)
    assert lock.take()
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
    lock.release()
