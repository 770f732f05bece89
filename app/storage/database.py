"""One thread that owns the connection, and answers on the event loop."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from app.domain.errors import StorageError
from app.storage.connection import storage_error

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

IDLE_SECONDS = 0.2
"""So long without work, and the journal is written back into the database file."""
BUSY_CHANGES = 2000
"""So many changes without a pause, and it is written back all the same."""


class Database:
    """The only user of a database file.

    Work is queued to one thread and done in order, from `begin` on. A change is durable when its
    await returns; one whose caller was cancelled is made all the same.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="storage", daemon=True)
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self._unwritten = 0

    def begin(self, opener: Callable[[], tuple[sqlite3.Connection, T]]) -> Future[T]:
        """Start the thread and open the connection on it. Needs no event loop.

        Returns:
            What else the opener says. `aclose` has to follow, also where it failed.
        """

        def work() -> T:
            self._connection, said = opener()
            return said

        self._thread.start()
        return self._ahead(work)

    def read_ahead(self, work: Work[T]) -> Future[T]:
        """The result of some queries, for a reader who comes later. Needs no event loop."""
        return self._ahead(lambda: work(self._opened))

    async def read(self, work: Work[T]) -> T:
        """The result of some queries.

        Raises:
            StorageError: the database can't be read, or is closed.
        """
        return await self._do(lambda: work(self._opened))

    async def write(self, work: Work[object]) -> None:
        """Make a change, whole or not at all; it is on the disk when this returns.

        Raises:
            StorageError: nothing was changed.
        """
        await self._do(lambda: self._change(work))

    async def aclose(self) -> None:
        """Finish what is queued, write everything back and end the thread. Safe to call twice."""
        if self._closed:
            return
        closing = self._do(self._close)
        self._closed = True
        self._jobs.put(None)
        await closing
        self._thread.join()

    def _do(self, work: Callable[[], T]) -> asyncio.Future[T]:
        if self._closed:
            raise StorageError(
                "Modelyard is closing and saves no more changes.",
                "Start it again and repeat the last step.",
            )
        job = _Job(work)
        self._jobs.put(job.run)
        return job.future

    def _ahead(self, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def job() -> None:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to the reader
                future.set_exception(_failure(error))
            else:
                future.set_result(result)

        # Set now, it can't be cancelled: the reader may leave, and the work is done all the same.
        future.set_running_or_notify_cancel()
        self._jobs.put(job)
        return future

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("the database isn't open")
        return self._connection

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            job()

    def _next(self) -> Callable[[], None] | None:
        if self._unwritten >= BUSY_CHANGES:
            self._checkpoint()
        if self._unwritten:
            try:
                return self._jobs.get(timeout=IDLE_SECONDS)
            except Empty:
                self._checkpoint()
        return self._jobs.get()

    def _change(self, work: Work[object]) -> None:
        connection = self._opened
        connection.execute("BEGIN IMMEDIATE")
        try:
            work(connection)
            connection.execute("COMMIT")
        except BaseException:
            # A full disk may have ended the transaction already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._unwritten += 1

    def _checkpoint(self) -> None:
        self._unwritten = 0
        try:
            self._opened.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            log.warning("The journal can't be written back yet: %s", error)

    def _close(self) -> None:
        if self._connection is not None:
            self._checkpoint()
            self._connection.close()
            self._connection = None


class _Job(Generic[T]):
    """Work for the thread, with the caller who waits for it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self._loop.create_future()

    def run(self) -> None:
        """Do the work on this thread and answer on the caller's loop."""
        try:
            result = self._work()
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller
            self._answer(self._fail, _failure(error))
        else:
            self._answer(self._succeed, result)

    def _answer(self, settle: Callable[[Any], None], value: object) -> None:
        try:
            self._loop.call_soon_threadsafe(settle, value)
        except RuntimeError:
            log.warning("Nobody waits any more for an answer from the database")

    def _succeed(self, result: T) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def _fail(self, error: Exception) -> None:
        if self.future.done():
            log.error("A change that nobody waits for failed", exc_info=error)
        else:
            self.future.set_exception(error)


def _failure(error: Exception) -> Exception:
    if not isinstance(error, (sqlite3.Error, OSError)):
        return error
    failure = storage_error(error)
    failure.__cause__ = error
    return failure
