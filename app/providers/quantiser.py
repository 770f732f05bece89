"""llama.cpp's quantiser, each run in a process of its own."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from app.domain.conversions import QUANTISATIONS
from app.domain.errors import InvalidFile, LoadStalled, WorkerCrashed
from app.ports.processes import Children
from app.providers import failures
from app.providers.worker_link import WorkerEnded, WorkerLink, WorkerSilent
from app.tasks import in_daemon_thread
from app.worker import protocol

SILENT_SECONDS = 600.0
"""A single tensor of a large model takes minutes on a slow machine."""
PART = ".part"
"""Behind the name of a file that isn't whole yet."""


class QuantiserProcess:
    """Starts a worker for each model."""

    def __init__(self, children: Children, cores: int | None = None) -> None:
        """Prepare without starting anything.

        Args:
            children: what starts the workers.
            cores: how many processor cores to use; None uses all but one.
        """
        self._children = children
        self._threads = max(1, (cores or os.cpu_count() or 2) - 1)

    async def quantise(
        self,
        source: str,
        destination: str,
        quantisation: str,
        on_progress: Callable[[float], None],
    ) -> None:
        """Write a model as another type; cancelled or failed, it leaves nothing behind.

        Args:
            source: the file, or the first of its shards.
            destination: the file to write, which mustn't be there.
            quantisation: one of `domain.conversions.QUANTISATIONS`.
            on_progress: gets 0 to 1.

        Raises:
            InvalidFile: llama.cpp can't convert it.
            LoadStalled: it made no progress for too long.
            WorkerCrashed: its process didn't start, or ended on its own.
        """
        part = destination + PART
        wish = protocol.Quantise(source, part, QUANTISATIONS[quantisation].file_type, self._threads)
        name = Path(source).name
        try:
            link = WorkerLink(await self._children.start("quantise"))
        except OSError as error:
            raise WorkerCrashed(
                f"The process that converts {name} can't be started.",
                "Close other programs, then try again.",
                str(error),
            ) from error
        try:
            await self._follow(name, link, wish, on_progress)
            await in_daemon_thread(os.rename, part, destination)
        except OSError as error:
            raise InvalidFile(
                f"The file {destination} can't be written.", "Choose another folder.", str(error)
            ) from error
        finally:
            await link.close(grace=0)
            # After a success there is none.
            with contextlib.suppress(OSError):
                os.unlink(part)  # noqa: PTH108 - the last step of a cancelled task mustn't wait

    async def _follow(
        self,
        name: str,
        link: WorkerLink,
        wish: protocol.Quantise,
        on_progress: Callable[[float], None],
    ) -> None:
        with link.ask(wish) as answers:
            while True:
                try:
                    answer = await answers.next(SILENT_SECONDS)
                except WorkerSilent as error:
                    raise LoadStalled(
                        f"Converting {name} made no progress for {SILENT_SECONDS:g} seconds.",
                        "Check the drive that it lies on, then try again.",
                    ) from error
                except WorkerEnded as error:
                    raise failures.crash(name, await link.ended()) from error
                match answer:
                    case protocol.Progress(fraction):
                        on_progress(fraction)
                    case protocol.Refused(_, detail):
                        raise InvalidFile(
                            f"llama.cpp can't convert {name}.",
                            "Choose another type, or convert the original model.",
                            detail,
                        )
                    case _:
                        return
