import asyncio
import logging

import pytest

from app.tasks import TaskScope, in_daemon_thread, sliced


async def test_that_closing_cancels_and_awaits_every_task() -> None:
    scope, ended = TaskScope("test"), []

    async def work(name: str) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    tasks = [scope.start(name, work(name)) for name in ("a", "b")]
    await asyncio.sleep(0)
    await scope.aclose()
    assert sorted(ended) == ["a", "b"]
    assert all(task.cancelled() for task in tasks)
    assert tasks[0].get_name() == "test: a"


async def test_that_joining_lets_tasks_finish_also_those_started_meanwhile() -> None:
    scope, done = TaskScope("test"), []

    async def second() -> None:
        await asyncio.sleep(0)
        done.append("second")

    async def first() -> None:
        await asyncio.sleep(0)
        scope.start("second", second())
        done.append("first")

    scope.start("first", first())
    await scope.join()
    assert done == ["first", "second"]


async def test_that_a_failure_is_logged_with_the_name_of_its_task(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scope = TaskScope("test")

    async def fail() -> None:
        raise ValueError("broken")

    with caplog.at_level(logging.ERROR):
        scope.start("will fail", fail())
        await scope.join()
        await asyncio.sleep(0)
    assert "test: will fail" in caplog.text
    assert "broken" in caplog.text


async def test_that_a_closed_scope_refuses_work_and_closes_it() -> None:
    scope = TaskScope("test")
    await scope.aclose()

    async def work() -> None:
        pass

    with pytest.raises(RuntimeError, match="test is closed"):
        scope.start("late", work())


async def test_that_a_thread_of_its_own_gives_its_result_or_its_error() -> None:
    def fail(text: str) -> None:
        raise ValueError(text)

    assert await in_daemon_thread(max, 1, 2) == 2
    with pytest.raises(ValueError, match="broken"):
        await in_daemon_thread(fail, "broken")


async def test_that_slices_let_others_have_their_turn() -> None:
    scope, seen = TaskScope("test"), []

    async def other() -> None:
        while True:
            seen.append("other")
            await asyncio.sleep(0)

    scope.start("other", other())
    async for part in sliced(range(5), 2):
        seen += [part]
    await scope.aclose()
    assert [item for item in seen if item != "other"] == [[0, 1], [2, 3], [4]]
    assert all(seen[seen.index(part) + 1] == "other" for part in ([0, 1], [2, 3]))
