import asyncio
import gc
import threading
import weakref

import pytest

from app.bootstrap import garbage
from app.bootstrap.garbage import due, garbage_collected_here
from tests.support.fakes import eventually


class Node:
    def __init__(self) -> None:
        self.me = self


def make_garbage(count: int = 5_000) -> None:
    for _ in range(count):
        Node()


async def test_that_garbage_dies_on_the_loops_thread_and_in_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(garbage, "SECONDS", 0.01)
    died_in: set[str] = set()
    enabled = gc.isenabled()
    async with garbage_collected_here():
        await eventually(gc.get_freeze_count)
        for _ in range(50):
            weakref.finalize(Node(), lambda: died_in.add(threading.current_thread().name))
        await asyncio.to_thread(make_garbage)
        assert died_in == set()
        await eventually(lambda: died_in)
    assert died_in == {threading.current_thread().name}
    assert gc.isenabled() is enabled


@pytest.mark.parametrize(
    ("counts", "expected"),
    [((700, 10, 10), None), ((701, 3, 3), 0), ((701, 11, 3), 1), ((1, 0, 11), 2)],
)
def test_that_the_oldest_generation_that_is_due_is_chosen(
    counts: tuple[int, int, int], expected: int | None
) -> None:
    assert due(counts, (700, 10, 10)) == expected


def test_that_a_generation_that_is_switched_off_is_never_due() -> None:
    assert due((9999, 0, 0), (0, 0, 0)) is None


def test_that_what_took_long_to_look_through_is_left_out_from_then_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frozen = gc.get_freeze_count()
    try:
        monkeypatch.setattr(garbage, "LONG_SECONDS", 3600)
        garbage.collect(2)
        assert gc.get_freeze_count() == frozen
        monkeypatch.setattr(garbage, "LONG_SECONDS", 0)
        garbage.collect(2)
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
