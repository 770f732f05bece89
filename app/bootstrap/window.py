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

from PySide6.QtGui import QGuiApplication, QIcon

from app import __version__
from app.bootstrap.core import open_manager
from app.bootstrap.event_loop import WindowLoop
from app.bootstrap.garbage import garbage_collected_here
from app.bootstrap.state import State
from app.cli.arguments import OpenWindow
from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError
from app.domain.settings import Settings
from app.resources import icon
from app.storage.opening import Opening
from app.system.crashes import on_loop_exception
from app.system.handover import Handover, Reception
from app.tasks import TaskScope
from app.ui.bridge import Bridge
from app.ui.dialogs import QuestionDialog, finished
from app.ui.intents import Intents
from app.ui.main_window import MainWindow
from app.ui.main_window.arrivals import Application
from app.ui.theme import Theme

log = logging.getLogger(__name__)

DESKTOP_NAME = "modelyard"
"""What the desktop calls the program: the name of its .desktop file."""
ENDS = ("SIGINT", "SIGTERM", "SIGHUP")
"""Ctrl+C, the session's end, and the terminal's; not every system knows them all."""


def run_window(command: OpenWindow, state: State, reception: Reception | None = None) -> int:
    """Open the window, stay until it is closed, and return the exit status.

    Args:
        command: what the window is opened for.
        state: what it shows.
        reception: where later starts come.
    """
    application = start_application()
    with asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner:
        return runner.run(_run(application, command, state, reception))


def start_application() -> Application:
    """The Qt application, named as the desktop knows it; made once a process."""
    application = Application(sys.argv[:1])
    application.setApplicationName("modelyard")
    application.setApplicationDisplayName("Modelyard")
    application.setApplicationVersion(__version__)
    QGuiApplication.setDesktopFileName(DESKTOP_NAME)
    application.setWindowIcon(QIcon(str(icon("modelyard.svg"))))
    # Closing the last dialog must not end the loop: the window decides when the app ends.
    application.setQuitOnLastWindowClosed(False)
    return application


async def _run(
    application: Application, command: OpenWindow, state: State, reception: Reception | None
) -> int:
    theme = Theme(application)
    try:
        asyncio.get_running_loop().set_exception_handler(on_loop_exception)
        async with open_window(theme, state.database, os.environ, state.opening()) as window:
            window.add_paths(_absolute(command.paths))
            application.attend(window.welcome)
            with _attended(reception, window):
                await until_closed(window)
    except Exception as error:
        # The outermost edge: a program that a double click started has no other voice.
        log.exception("Modelyard can't go on")
        if reception is not None:
            reception.turn_away()
        await _tell(theme, report_of(error))
        return 1
    return 0


@contextlib.contextmanager
def _attended(reception: Reception | None, window: MainWindow) -> Iterator[None]:
    """Pass on to the window what later starts were asked for."""
    if reception is None:
        yield
        return

    def take(handover: Handover) -> None:
        log.info("A later start hands over %d paths", len(handover.paths))
        window.welcome(handover.paths, handover.activation)

    with reception.attended(asyncio.get_running_loop(), take):
        yield


async def _tell(theme: Theme, report: ErrorReport) -> None:
    sys.stderr.write(f"{report.what} {report.remedy}\n")
    theme.apply(Settings().theme)
    dialog = QuestionDialog(None, report.what, report.remedy, ["Close"], detail=report.detail)
    await finished(dialog)


@asynccontextmanager
async def open_window(
    theme: Theme,
    database: Path,
    environment: Mapping[str, str],
    opening: Opening | None = None,
) -> AsyncIterator[MainWindow]:
    """The window over the state in `database`, shown; leaving closes it and ends every process.

    Args:
        theme: the application's look.
        database: the state; it is made where there is none.
        environment: the process's variables.
        opening: the state, where opening it has begun.

    Raises:
        StorageError: the state can't be opened.
    """
    async with (
        garbage_collected_here(),
        open_manager(database, environment, opening) as manager,
    ):
        theme.apply(manager.settings.current().theme)
        intents = Intents()
        bridge = Bridge(manager)
        window = MainWindow(manager, theme, intents, bridge)
        window.show()
        manager.models.warm()
        if manager.settings.current().restore_on_start:
            window.perform("restore")
        if manager.settings.current().auto_load_default:
            intents.run("load default", manager.models.load_default())
        try:
            yield window
            await _keep_place(window)
        finally:
            manager.begin_close()
            await intents.aclose()
            bridge.close()
            window.hide()
            window.deleteLater()


async def _keep_place(window: MainWindow) -> None:
    try:
        await window.save_place()
    except AppError as error:
        # Where the window was is not worth a question on the way out.
        log.warning("The window's place isn't kept: %s", error)


async def until_closed(window: MainWindow) -> None:
    """Wait until the person closes the window, or the session ends, and means it."""
    asked, ended = asyncio.Event(), asyncio.Event()
    window.close_requested.connect(asked.set)
    scope = TaskScope("close")
    with _signals(ended.set):
        ending = scope.start("wait for the session's end", ended.wait())
        closing = scope.start("wait for the person", _until_meant(window, asked))
        await asyncio.wait([ending, closing], return_when=asyncio.FIRST_COMPLETED)
        await scope.aclose()


async def _until_meant(window: MainWindow, asked: asyncio.Event) -> None:
    while True:
        await asked.wait()
        asked.clear()
        if await window.confirm_close():
            return


@contextlib.contextmanager
def _signals(end: Callable[[], None]) -> Iterator[None]:
    """Treat Ctrl+C, a closed terminal and a session's end as a close that asks nothing."""
    loop = asyncio.get_running_loop()
    handled: list[signal.Signals] = []
    # Windows has no loop signal handlers; there Python's own KeyboardInterrupt stays.
    with contextlib.suppress(NotImplementedError):
        for number in (getattr(signal, name) for name in ENDS if hasattr(signal, name)):
            loop.add_signal_handler(number, end)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


def _absolute(paths: Sequence[str]) -> list[str]:
    return [str(Path(path).absolute()) for path in paths]
