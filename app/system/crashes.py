"""Where faults that nobody expected end: in the log, and for native crashes in a file of their own."""

import asyncio
import faulthandler
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from app.system.logs import private, redacted

log = logging.getLogger(__name__)

FILE = "native.txt"


def start_crash_reports(folder: Path) -> Callable[[], None]:
    """Log every uncaught exception, and write native crashes into an existing folder.

    Returns:
        What ends it and closes the file.

    Raises:
        OSError: the file can't be opened.
    """
    # Neither a frozen window nor a service has a usable stderr.
    file = open(folder / FILE, "a", encoding="utf-8", opener=private)  # noqa: SIM115 - open until `stop`
    faulthandler.enable(file=file)
    before = sys.excepthook, threading.excepthook
    sys.excepthook = _on_exception
    threading.excepthook = _on_thread_exception

    def stop() -> None:
        sys.excepthook, threading.excepthook = before
        faulthandler.disable()
        file.close()

    return stop


def on_loop_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what an event loop could tell nobody; for `loop.set_exception_handler`."""
    error = context.get("exception")
    source = context.get("task") or context.get("future") or context.get("handle") or loop
    log.error("%s (%r)", context.get("message", "Unhandled fault"), source, exc_info=error)


def _on_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        log.critical("Uncaught exception", exc_info=(kind, error, trace))
    if sys.stderr is not None:
        sys.stderr.write(redacted("".join(traceback.format_exception(kind, error, trace))))


def _on_thread_exception(args: threading.ExceptHookArgs) -> None:
    if issubclass(args.exc_type, SystemExit):
        return
    name = args.thread.name if args.thread else "unknown"
    error = args.exc_value or args.exc_type()
    log.critical(
        "Uncaught exception in thread %s",
        name,
        exc_info=(args.exc_type, error, args.exc_traceback),
    )
