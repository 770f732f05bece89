"""The seven steps of a first evening with Modelyard, through the real window."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QProgressBar, QWidget

from app.domain.conversations import MessageState
from app.domain.instances import InstanceState
from tests.flows.running import WAIT, App, running, workers
from tests.support import models


def folder_of_models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    models.write_llama(folder / "llama.gguf")
    models.write_qwen2(folder / "deep" / "er" / "qwen.gguf")
    models.write_slow_llama(folder / "slow.gguf")
    return folder


def shown(widget: QWidget) -> str:
    """All the words in a part of the window."""
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


async def answers(app: App) -> list:
    """The answers of the latest conversation."""
    kept = app.manager.conversations.all()
    if not kept:
        return []
    latest = kept[0]
    return [m for m in await app.manager.conversations.messages(latest.id) if m.role == "assistant"]


async def answered(app: App, count: int = 1) -> None:
    done: list = []
    async with asyncio.timeout(WAIT):
        while len(done) < count or done[-1].state is MessageState.STREAMING:
            await asyncio.sleep(0.01)
            done = await answers(app)


async def test_that_without_a_display_the_start_says_so_in_a_sentence(tmp_path: Path) -> None:
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        stderr=asyncio.subprocess.PIPE,
        env={**environment, "MODEL_MANAGER_PERSISTENCE_PATH": str(tmp_path)},
    )
    _, err = await process.communicate()
    assert process.returncode == 2
    assert err.decode().count("\n") == 1


async def test_that_a_chosen_folder_fills_the_model_browser(qapp, tmp_path: Path) -> None:
    folder = folder_of_models(tmp_path)
    async with running(tmp_path / "state") as app:
        await app.click("empty_action")
        await app.until(lambda: app.window.findChildren(QFileDialog))
        dialog = app.window.findChildren(QFileDialog)[0]
        dialog.setDirectory(str(folder))
        dialog.accept()
        await app.until(lambda: len(app.names()) == 3)
        assert app.names() == ["Slow Llama", "Tiny Llama", "Tiny Qwen2"]
        model = app.browser.model()
        row = [str(model.index(1, column).data()) for column in range(model.columnCount())]
        for expected in ("Tiny Llama", "llama", "137 K", "F16", "283 KB", "2k"):
            assert expected in row


async def test_that_a_dropped_file_is_added(qapp, tmp_path: Path) -> None:
    path = models.write_llama(tmp_path / "dropped.gguf")
    async with running(tmp_path / "state") as app:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        where, copy = QPointF(300, 300), Qt.DropAction.CopyAction
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(app.window, QDragEnterEvent(where.toPoint(), copy, data, left, none))
        QApplication.sendEvent(app.window, QDropEvent(where, copy, data, left, none))
        await app.until(lambda: app.names() == ["Tiny Llama"])


async def test_that_models_show_while_the_scan_still_runs(qapp, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    first = models.write_llama(folder / "a.gguf").read_bytes()
    for number in range(600):
        (folder / f"{number:03}.gguf").write_bytes(first + bytes([number % 256, number // 256]))
    async with running(tmp_path / "state") as app:
        app.window.add_paths([str(folder)])
        await app.until(app.names)
        assert app.manager.library.scanning() is not None
        await app.until(lambda: len(app.names()) == 601)


def engines() -> set[int]:
    """The processes that run llama.cpp."""
    return {worker.pid for worker in workers() if "llama" in worker.cmdline()}


async def test_that_a_model_loads_in_its_own_process_and_is_ejected(qapp, tmp_path: Path) -> None:
    folder = folder_of_models(tmp_path)
    async with running(tmp_path / "state") as app:
        await app.add_folder(folder)
        await app.load("Tiny Llama")
        mine = engines()
        assert mine
        app.press(Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
        await app.until(lambda: app.window.page == "loaded")
        card = app.find(f"card_{app.spec('Tiny Llama').id}")
        await app.until(lambda: app.find("card_state", inside=card).text().lower() == "ready")
        assert "MB" in app.find("card_figures", inside=card).text()
        await app.click("card_eject", card)
        await app.until(lambda: app.manager.models.instances() == ())
        # One without a model may be waiting for the next load.
        await app.until(lambda: mine - engines())


async def test_that_a_load_shows_its_progress_and_can_be_cancelled(qapp, tmp_path: Path) -> None:
    folder = folder_of_models(tmp_path)
    async with running(tmp_path / "state") as app:
        await app.add_folder(folder)
        await app.choose("Slow Llama")
        await app.click("inspector_load")
        await app.until(lambda: app.state("Slow Llama") is not None)
        app.window.show_page("loaded")
        name = f"card_{app.spec('Slow Llama').id}"
        await app.until(lambda: app.seen(name))
        card = app.find(name)
        assert [bar for bar in card.findChildren(QProgressBar) if bar.isVisible()]
        await app.until(engines)
        mine = engines()
        await app.click("card_cancel_load", card)
        await app.until(lambda: app.manager.models.instances() == ())
        await app.until(lambda: mine - engines())


async def test_that_an_answer_streams_with_its_figures_and_stop_works(qapp, tmp_path: Path) -> None:
    folder = folder_of_models(tmp_path)
    async with running(tmp_path / "state") as app:
        await app.add_folder(folder)
        await app.manager.settings.set("max_tokens", 100)
        await app.load("Tiny Llama")
        await app.ask("Tell me a story")
        await answered(app)
        (answer,) = await answers(app)
        assert answer.state is MessageState.COMPLETE
        await app.until(lambda: "tok/s" in app.transcript())
        assert "Tell me a story" in app.transcript()
        assert "to first token" in app.transcript()
        before = len(app.transcript())
        await app.load("Slow Llama")
        await app.click("inspector_switch")
        await app.until(lambda: app.manager.models.active() == app.spec("Slow Llama").id)
        await app.ask("Go on")
        await app.until(lambda: len(app.transcript()) > before + 40)
        app.press(Qt.Key.Key_Escape)
        await answered(app, 2)
        stopped = (await answers(app))[1]
        assert stopped.state is MessageState.STOPPED
        assert stopped.text
        slow = app.spec("Slow Llama").id
        await app.until(lambda: app.manager.models.instance(slow).leases == ())


async def test_that_a_switch_lets_the_running_answer_finish_on_its_model(
    qapp, tmp_path: Path
) -> None:
    folder = folder_of_models(tmp_path)
    async with running(tmp_path / "state") as app:
        await app.manager.settings.set("max_tokens", 120)
        await app.add_folder(folder)
        await app.load("Slow Llama")
        slow = app.spec("Slow Llama").id
        await app.ask("A long one")
        await app.until(lambda: app.manager.models.instance(slow).leases)
        await app.load("Tiny Qwen2")
        await app.click("inspector_switch")
        await app.until(lambda: app.manager.models.active() == app.spec("Tiny Qwen2").id)
        (running_answer,) = await answers(app)
        assert running_answer.state is MessageState.STREAMING
        await answered(app)
        await app.ask("And the next")
        await answered(app, 2)
        first, second = await answers(app)
        assert (first.model_name, first.state) == ("Slow Llama", MessageState.COMPLETE)
        assert first.stats.output_tokens == 120
        assert (second.model_name, second.state) == ("Tiny Qwen2", MessageState.COMPLETE)


async def test_that_a_profile_runs_live_and_its_result_is_kept(qapp, tmp_path: Path) -> None:
    folder = folder_of_models(tmp_path)
    async with running(tmp_path / "state") as app:
        await app.add_folder(folder)
        await app.load("Tiny Llama")
        await app.click("inspector_profile_model")
        assert app.window.page == "profile"
        await app.until(app.manager.profiles.runs)
        await app.until(lambda: app.find("profile_runs").model().rowCount() == 1)
        for chart in ("speed_chart", "latency_chart", "first_token_chart"):
            await app.until(lambda name=chart: app.seen(name))
    async with running(tmp_path / "state") as app:
        assert app.manager.profiles.runs()[0].model_name == "Tiny Llama"


async def test_that_everything_is_back_after_a_restart_and_restored_with_a_click(
    qapp, tmp_path: Path
) -> None:
    folder = folder_of_models(tmp_path)
    async with running(tmp_path / "state") as app:
        await app.add_folder(folder)
        await app.load("Tiny Llama")
        await app.load("Tiny Qwen2")
        await app.click("inspector_switch")
        await app.until(lambda: app.manager.models.active() == app.spec("Tiny Qwen2").id)
        await app.ask("Remember this")
        await answered(app)
        app.window.resize(780, 590)
        app.window.show_page("loaded")
    async with running(tmp_path / "state") as app:
        assert (app.window.width(), app.window.height()) == (780, 590)
        assert app.window.page == "loaded"
        assert [item.path for item in app.manager.library.folders()] == [str(folder)]
        qwen = app.spec("Tiny Qwen2")
        assert app.manager.models.active() == qwen.id
        assert app.manager.models.metrics(qwen.id).tokens_per_second > 0
        assert app.manager.models.instances() == ()
        await app.click("banner_action")
        await app.until(
            lambda: app.state("Tiny Llama") is app.state("Tiny Qwen2") is InstanceState.READY
        )
        app.window.show_page("playground")
        await app.until(lambda: "Remember this" in app.transcript())


async def test_that_a_killed_worker_leaves_the_window_the_text_and_a_retry(
    qapp, tmp_path: Path
) -> None:
    folder = folder_of_models(tmp_path)
    async with running(tmp_path / "state") as app:
        await app.manager.settings.set("max_tokens", 100)
        await app.add_folder(folder)
        await app.load("Tiny Llama")
        await app.load("Slow Llama")
        await app.click("inspector_switch")
        await app.until(lambda: app.manager.models.active() == app.spec("Slow Llama").id)
        await app.ask("Say something long")
        await app.until(lambda: len(app.transcript()) > 80)
        lease = app.manager.models._coordinator._instances[app.spec("Slow Llama").id]
        os.kill(lease.engine._link._child.pid, signal.SIGKILL)
        await answered(app)
        (broken,) = await answers(app)
        assert broken.state is MessageState.FAILED
        assert broken.text
        assert "SIGKILL" in f"{broken.error.what} {broken.error.detail}"
        assert app.state("Slow Llama") is InstanceState.CRASHED
        assert app.state("Tiny Llama") is InstanceState.READY
        await app.until(
            lambda: app.window.findChildren(QApplication.topLevelWidgets()[0].__class__) is not None
        )
        await app.until(lambda: app.seen("error_box"))
        await app.click("error_retry", app.find("error_box"))
        await app.until(lambda: app.state("Slow Llama") is InstanceState.READY)
        await answered(app)
        (again,) = await answers(app)
        assert again.state is MessageState.COMPLETE


async def test_that_broken_files_are_listed_with_their_reason_and_load_nothing(
    qapp, tmp_path: Path
) -> None:
    models.write_broken(tmp_path / "models")
    async with running(tmp_path / "state") as app:
        await app.add_folder(tmp_path / "models")
        await app.until(lambda: len(app.names()) == 5)
        await app.choose("wrong magic")
        assert "This isn't a GGUF file." in shown(app.find("inspector"))
        assert not app.seen("inspector_load")
        assert app.manager.models.instances() == ()


async def test_that_a_missing_folder_is_shown_and_does_not_stop_the_start(
    qapp, tmp_path: Path
) -> None:
    folder = folder_of_models(tmp_path)
    async with running(tmp_path / "state") as app:
        await app.add_folder(folder)
    folder.rename(tmp_path / "elsewhere")
    async with running(tmp_path / "state") as app:
        await app.until(lambda: not app.manager.library.folders()[0].present)
        await app.until(lambda: len(app.names()) == 3)
        chip = app.find(f"folder_{folder}")
        assert chip.isVisible()
        (tmp_path / "elsewhere").rename(folder)
        await app.click("library_rescan")
        await app.until(lambda: app.manager.library.folders()[0].present)
