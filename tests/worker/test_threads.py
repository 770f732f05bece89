"""How many threads compute beside others' work."""

import os
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.worker import threads
from app.worker.threads import (
    OVERDUE_SECONDS,
    THREAD_LIMIT,
    Load,
    ThreadCount,
    allowed_cores,
    busy_seconds,
    others_between,
    overdue_after,
    smoothed,
    threads_beside,
    usual_after,
)

STAT = """cpu  300 0 100 1000 50 0 0 0 0 0
cpu0 100 20 30 400 25 1 2 7 0 0
cpu1 200 0 70 600 25 0 0 0 0 0
intr 12345
"""


@pytest.mark.parametrize(
    ("cores", "others", "left"),
    [(2, 0, 2), (2, 0.2, 2), (2, 0.25, 1), (2, 1, 1), (2, 5, 1), (8, 1, 7), (8, 1.3, 6)],
)
def test_that_others_keep_the_cores_they_use(cores, others, left):
    assert threads_beside(cores, others) == left


@given(st.integers(1, 4096), st.floats(0, 1e6))
def test_that_there_is_always_a_thread_and_never_too_many(cores, others):
    assert 1 <= threads_beside(cores, others) <= min(cores, THREAD_LIMIT)


def test_that_a_rise_counts_at_once_and_a_fall_by_halves():
    assert smoothed(0.0, 1.0) == 1.0
    assert smoothed(1.0, 0.0) == 0.5


def test_that_own_work_is_not_others():
    assert others_between(Load(10, 100, 50), Load(12, 104, 53)) == 0.5
    assert others_between(Load(10, 100, 50), Load(12, 101, 53)) == 0
    assert others_between(Load(10, 100, 50), Load(10, 104, 50)) == 0


def test_that_waiting_cores_and_those_of_others_are_not_counted():
    assert busy_seconds(STAT, {0}, 100) == 1.6
    assert busy_seconds(STAT, {0, 1}, 100) == 4.3


def test_that_a_step_is_looked_into_when_it_takes_twice_its_time_but_never_at_once():
    assert overdue_after(0.1) == 0.2
    assert overdue_after(0.001) == OVERDUE_SECONDS


def test_that_the_usual_time_follows_the_last_few_steps():
    usual = 0.0
    for taken in [1.0, *[2.0] * 12]:
        usual = usual_after(usual, taken)
    assert usual_after(0.0, 1.0) == 1.0
    assert 1.9 < usual < 2.0


CROWD = """
import concurrent.futures, hashlib
from app.worker.threads import waited_seconds
before = waited_seconds()
with concurrent.futures.ThreadPoolExecutor() as pool:
    crowd = [pool.submit(hashlib.pbkdf2_hmac, "sha1", b"", b"", 200_000) for _ in range(8)]
    concurrent.futures.wait(crowd)
    assert waited_seconds() > before
"""


def test_that_the_time_threads_wait_for_a_core_is_counted():
    # In a process of its own: threads of other tests that end meanwhile take their time along.
    subprocess.run([sys.executable, "-c", CROWD], check=True)


def test_that_a_step_others_hold_up_is_begun_anew_with_fewer_threads(monkeypatch):
    monkeypatch.setattr(threads, "allowed_cores", lambda: frozenset({0, 1}))
    waited = iter(range(1000))
    monkeypatch.setattr(threads, "waited_seconds", lambda: float(next(waited)))
    anew = threading.Event()
    count = ThreadCount(begin_anew=anew.set)
    before = count.now
    while not anew.is_set():
        count.begin_step()
        anew.wait(1)
        count.end_step()
    assert count.now < before


def test_that_a_fixed_number_stays():
    assert ThreadCount(3).now == 3


def test_that_the_automatic_number_starts_within_the_machine():
    assert 1 <= ThreadCount().now <= len(allowed_cores()) <= (os.cpu_count() or 1)
