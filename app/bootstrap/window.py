"""The composition root with Qt: adds the window to the manager."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import qasync
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

from app import __version__
from app.bootstrap.core import open_manager
from app.bootstrap.garbage import garbage_collected_here
from app.cli.arguments import OpenWindow
from app.domain.errors import StorageError
from app.domain.settings import Settings
from app.resources import icon
from app.system.crashes import on_loop_exception, start_crash_reports
from app.system.logs import start_logging
from app.system.paths import Paths, find_paths
from app.ui.bridge import Bridge
from app.ui.dialogs import QuestionDialog, finished
from app.ui.intents import Intents
from app.ui.main_window import MainWindow
from app.ui.theme import Theme

log = logging.getLogger(__name__)


def run_window(command: OpenWindow) -> int:
    """Open the window, stay until it is closed, and return the exit status."""
    application = start_application()
    paths = find_paths(os.environ)
    with contextlib.ExitStack() as stack:
        try:
            paths.create()
            stack.callback(start_logging(paths.logs))
            stack.callback(start_crash_reports(paths.crashes))
        except (StorageError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
        runner = stack.enter_context(
            asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(application))
        )
        return runner.run(_open(application, paths, command))


def start_application() -> QApplication:
    """The Qt application, named as the desktop knows it; made once a process."""
    application = QApplication(sys.argv[:1])
    application.setApplicationName("modelyard")
    application.setApplicationDisplayName("Modelyard")
    application.setApplicationVersion(__version__)
    QGuiApplication.setDesktopFileName("modelyard")
    application.setWindowIcon(QIcon(str(icon("modelyard.svg"))))
    # Closing the last dialog must not end the loop: the window decides when the app ends.
    application.setQuitOnLastWindowClosed(False)
    return application


async def _open(application: QApplication, paths: Paths, command: OpenWindow) -> int:
    asyncio.get_running_loop().set_exception_handler(on_loop_exception)
    theme = Theme(application)
    try:
        async with open_window(theme, paths.database, os.environ) as window:
            window.add_paths(_absolute(command.paths))
            await until_closed(window)
    except StorageError as error:
        log.exception("The state can't be opened")
        theme.apply(Settings().theme)
        await finished(
            QuestionDialog(None, error.what, error.remedy, ["Close"], detail=error.detail)
        )
        return 1
    return 0


@asynccontextmanager
async def open_window(
    theme: Theme, database: Path, environment: Mapping[str, str]
) -> AsyncIterator[MainWindow]:
    """The window over the state in `database`, shown; leaving closes it and ends every process.

    Raises:
        StorageError: the state can't be opened.
    """
    async with garbage_collected_here(), open_manager(database, environment) as manager:
        theme.apply(manager.settings.current().theme)
        intents = Intents()
        bridge = Bridge(manager)
        window = MainWindow(manager, theme, intents, bridge)
        window.show()
        try:
            yield window
            await window.save_place()
        finally:
            await intents.aclose()
            bridge.close()
            window.hide()
            window.deleteLater()


async def until_closed(window: MainWindow) -> None:
    """Wait until the person closes the window, or the session ends, and means it."""
    asked = asyncio.Event()
    window.close_requested.connect(asked.set)
    ended = asyncio.Event()

    def end() -> None:
        ended.set()
        asked.set()

    with _signals(end):
        while True:
            await asked.wait()
            asked.clear()
            if ended.is_set() or await window.confirm_close():
                break


@contextlib.contextmanager
def _signals(end: Callable[[], None]) -> Iterator[None]:
    """Treat Ctrl+C in the terminal and a session's SIGTERM as a close that asks nothing."""
    loop = asyncio.get_running_loop()
    handled: list[signal.Signals] = []
    # Windows has no loop signal handlers; there Python's own KeyboardInterrupt stays.
    with contextlib.suppress(NotImplementedError):
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


def _absolute(paths: Sequence[str]) -> list[str]:
    return [str(Path(path).absolute()) for path in paths]
