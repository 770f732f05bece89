"""The loop calls everything in order, and Qt gets its turns in between."""

import asyncio

import pytest
from PySide6.QtCore import QTimer

from app.bootstrap import event_loop


async def test_that_callbacks_run_in_the_order_they_came(qapp):
    loop = asyncio.get_running_loop()
    called, last = [], loop.create_future()
    for number in range(100):
        loop.call_soon(called.append, number)
    loop.call_soon(last.set_result, None)
    await last
    assert called == list(range(100))


async def test_that_a_cancelled_callback_is_not_called(qapp):
    called = []
    asyncio.get_running_loop().call_soon(called.append, 1).cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert called == []


async def test_that_tasks_that_never_wait_leave_qt_its_turns(qapp):
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(1)
    while len(ticks) < 20:
        await asyncio.sleep(0)
    timer.stop()


async def test_that_a_callback_that_fails_keeps_no_other_from_its_turn(qapp):
    loop = asyncio.get_running_loop()
    told: list[dict] = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    done = loop.create_future()
    loop.call_soon(lambda: 1 / 0)
    loop.call_soon(done.set_result, None)
    await done
    loop.set_exception_handler(None)
    assert isinstance(told[0]["exception"], ZeroDivisionError)


async def test_that_many_callbacks_take_several_turns(qapp, monkeypatch):
    monkeypatch.setattr(event_loop, "TURN_SECONDS", 0.0)
    loop = asyncio.get_running_loop()
    called, last = [], loop.create_future()
    for number in range(10):
        loop.call_soon(called.append, number)
    loop.call_soon(last.set_result, None)
    await last
    assert len(called) == 10


@pytest.mark.parametrize("count", [1, 1000])
async def test_that_other_threads_are_heard(qapp, count):
    loop = asyncio.get_running_loop()
    heard = []

    def call() -> None:
        for number in range(count):
            loop.call_soon_threadsafe(heard.append, number)

    await asyncio.to_thread(call)
    while len(heard) < count:
        await asyncio.sleep(0)
    assert heard == list(range(count))
