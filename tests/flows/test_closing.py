"""However the program ends, it ends whole."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QDialog

from app.bootstrap.window import open_window, until_closed
from app.domain.instances import InstanceState
from app.ui.theme import Theme
from tests.flows.running import App, running
from tests.flows.test_first_light import folder_of_models
from tests.support import models


async def answering(app: App, folder: Path) -> None:
    await app.add_folder(folder)
    await app.load("Slow Llama")
    await app.ask("Tell me everything")
    await app.until(lambda: app.manager.models.instances()[0].leases)


async def test_that_closing_while_busy_asks_once_and_can_be_taken_back(
    qapp, tmp_path: Path
) -> None:
    folder = folder_of_models(tmp_path)
    async with running(tmp_path / "state") as app:
        await answering(app, folder)
        closing = asyncio.ensure_future(until_closed(app.window))
        await asyncio.sleep(0)
        app.window.close()
        app.window.close()
        await app.click("answer_Keep working")
        await asyncio.sleep(0.05)
        assert not closing.done()
        assert app.window.isVisible()
        app.window.close()
        await app.click("answer_Quit")
        await closing


async def test_that_the_sessions_end_does_not_wait_for_an_open_question(
    qapp, tmp_path: Path
) -> None:
    folder = folder_of_models(tmp_path)
    async with running(tmp_path / "state") as app:
        await answering(app, folder)
        closing = asyncio.ensure_future(until_closed(app.window))
        await asyncio.sleep(0)
        app.window.close()
        await app.until(lambda: app.seen("answer_Quit"))
        os.kill(os.getpid(), signal.SIGTERM)
        await closing
        await app.until(lambda: not [d for d in app.window.findChildren(QDialog) if d.isVisible()])


async def test_that_the_models_of_the_last_run_are_loaded_at_start_when_asked_for(
    qapp, tmp_path: Path
) -> None:
    folder = folder_of_models(tmp_path)
    async with running(tmp_path / "state") as app:
        await app.manager.settings.set("restore_on_start", True)
        await app.add_folder(folder)
        await app.load("Tiny Llama")
    async with running(tmp_path / "state") as app:
        await app.until(lambda: app.state("Tiny Llama") is InstanceState.READY)


async def test_that_a_window_place_from_the_environment_does_not_spoil_the_quit(
    qapp, tmp_path: Path
) -> None:
    environment = {"MODEL_MANAGER_WINDOW": '{"page": "loaded"}'}
    async with open_window(Theme(), tmp_path / "state.db", environment) as window:
        assert window.page == "loaded"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_that_a_signal_ends_the_program_with_its_workers(
    tmp_path: Path, number: signal.Signals
) -> None:
    path = models.write_llama(tmp_path / "llama.gguf")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        str(path),
        env={
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "MODEL_MANAGER_PERSISTENCE_PATH": str(tmp_path / "state"),
        },
    )
    log = tmp_path / "state" / "logs" / "modelyard.log"
    async with asyncio.timeout(30):
        # The worker that is kept warm starts once the window is up and hears signals.
        while not psutil.Process(process.pid).children():
            await asyncio.sleep(0.05)
        process.send_signal(number)
        assert await process.wait() == 0
    assert "Traceback" not in log.read_text()


async def test_that_a_run_without_persistence_leaves_nothing_behind(tmp_path: Path) -> None:
    path = models.write_llama(tmp_path / "models" / "llama.gguf")
    state = tmp_path / "state"
    environment = {
        "MODEL_MANAGER_PERSISTENCE": "off",
        "MODEL_MANAGER_DEFAULT_MODEL": "none of them",
        "MODEL_MANAGER_AUTO_LOAD_DEFAULT": "on",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        str(path),
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            **environment,
            "QT_QPA_PLATFORM": "offscreen",
            "MODEL_MANAGER_PERSISTENCE_PATH": str(state),
        },
    )
    async with asyncio.timeout(30):
        # The worker that is kept warm starts once the window is up.
        while not psutil.Process(process.pid).children():
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        process.send_signal(signal.SIGTERM)
        said = await process.stderr.read()
        assert await process.wait() == 0
    assert b"Traceback" not in said
    assert not state.exists()


async def test_that_a_start_that_fails_says_so_and_logs_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "modelyard.db").mkdir()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "MODEL_MANAGER_PERSISTENCE_PATH": str(state),
        },
    )
    async with asyncio.timeout(30):
        line = await process.stderr.readline()
        assert line.decode().count(". ") >= 1
        process.kill()
        await process.wait()
    assert "can't go on" in (state / "logs" / "modelyard.log").read_text()
