"""Owned, named tasks: the only place that starts one outside the window's intents.

And threads for what may never end.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from concurrent.futures import Future
from itertools import islice
from typing import Any, ParamSpec, TypeVar

log = logging.getLogger(__name__)

SLICE = 500
"""What many models are dealt with at a time; it takes some milliseconds."""

P = ParamSpec("P")
T = TypeVar("T")


class TaskScope:
    """Owns tasks: each has a name, a failure is logged, closing cancels and awaits them all."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def start(self, name: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` as a task of this scope.

        Raises:
            RuntimeError: the scope is closed.
        """
        if self._closed:
            work.close()
            raise RuntimeError(f"{self._owner} is closed; it can't start {name}")
        task = asyncio.get_running_loop().create_task(work, name=f"{self._owner}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def join(self) -> None:
        """Let every task finish, also those that are started meanwhile."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def aclose(self) -> None:
        """Cancel every task and wait for it to end."""
        self._closed = True
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.error("Task %s failed", task.get_name(), exc_info=error)


def in_daemon_thread(
    work: Callable[P, T], *arguments: P.args, **keywords: P.kwargs
) -> asyncio.Future[T]:
    """Run what a drive may hold up for ever, from now on; await the result.

    The threads of `asyncio.to_thread` are waited for when the loop is closed; this one isn't.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            value = work(*arguments, **keywords)
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller
            result.set_exception(error)
        else:
            result.set_result(value)

    result.set_running_or_notify_cancel()
    threading.Thread(target=run, name="drive", daemon=True).start()
    return asyncio.wrap_future(result)


async def sliced(items: Iterable[T], size: int = SLICE) -> AsyncIterator[list[T]]:
    """The items in slices; whatever else waits for the loop gets its turn between two of them."""
    left = iter(items)
    part = [*islice(left, size)]
    while part:
        yield part
        part = [*islice(left, size)]
        if part:
            await asyncio.sleep(0)
