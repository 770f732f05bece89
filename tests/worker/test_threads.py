"""How many threads compute beside others' work."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.worker.threads import (
    THREAD_LIMIT,
    Load,
    ThreadCount,
    allowed_cores,
    busy_seconds,
    others_between,
    smoothed,
    threads_beside,
)

STAT = """cpu  300 0 100 1000 50 0 0 0 0 0
cpu0 100 20 30 400 25 1 2 7 0 0
cpu1 200 0 70 600 25 0 0 0 0 0
intr 12345
"""


@pytest.mark.parametrize(
    ("cores", "others", "threads"),
    [(2, 0, 2), (2, 0.2, 2), (2, 0.25, 1), (2, 1, 1), (2, 5, 1), (8, 1, 7), (8, 1.3, 6)],
)
def test_that_others_keep_the_cores_they_use(cores, others, threads):
    assert threads_beside(cores, others) == threads


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


def test_that_a_fixed_number_stays():
    assert ThreadCount(3).now == 3


def test_that_the_automatic_number_starts_within_the_machine():
    assert 1 <= ThreadCount().now <= len(allowed_cores()) <= (os.cpu_count() or 1)
