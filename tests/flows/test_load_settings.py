"""How a model is loaded, chosen in the real window and obeyed by real workers."""

from pathlib import Path

import psutil
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QDialog, QLabel, QLineEdit

from app.domain.instances import InstanceState
from app.domain.load_settings import CacheType, LoadSettings
from app.ui.widgets.detail_view import DetailView
from tests.flows.running import App, running, workers
from tests.support import models

LLAMA = "Tiny Llama"


def type_into(dialog: QDialog, name: str, text: str) -> None:
    field = dialog.findChild(QLineEdit, f"load_{name}")
    field.selectAll()
    QTest.keyClick(field, Qt.Key.Key_Delete)
    QTest.keyClicks(field, text)


def choose(dialog: QDialog, name: str, text: str) -> None:
    box = dialog.findChild(QComboBox, f"load_{name}")
    box.setFocus()
    QTest.keyClicks(box, text)
    assert box.currentText() == text


async def opened(app: App, button: str = "inspector_load_settings") -> QDialog:
    await app.click(button)
    await app.until(lambda: app.seen("load_settings"))
    return app.find("load_settings")


async def closed(app: App) -> None:
    await app.until(lambda: not app.seen("load_settings"))


def engines() -> dict[int, psutil.Process]:
    """The processes that run llama.cpp, by id; one of them may wait without a model."""
    return {worker.pid: worker for worker in workers() if "llama" in worker.cmdline()}


async def test_that_what_is_chosen_is_how_the_model_is_loaded(qapp, tmp_path: Path) -> None:
    models.write_llama(tmp_path / "models" / "llama.gguf")
    async with running(tmp_path / "state") as app:
        await app.add_folder(tmp_path / "models")
        await app.choose(LLAMA)
        dialog = await opened(app)
        type_into(dialog, "context_length", "512")
        type_into(dialog, "slots", "1")
        type_into(dialog, "threads", "1")
        choose(dialog, "cache_type_k", "BF16")
        choose(dialog, "cache_type_v", "F32")
        await app.click("load_settings_load", dialog)
        await closed(app)
        assert app.state(LLAMA) is InstanceState.READY
        app.window.show_page("loaded")
        card = app.find(f"card_{app.spec(LLAMA).id}")
        figures = app.find("card_figures", QLabel, card)
        await app.until(lambda: "ctx 512" in figures.text())
        assert "1 thread (fixed)" in figures.text()
        assert app.manager.models.instance(app.spec(LLAMA).id).settings == LoadSettings(
            context_length=512,
            slots=1,
            threads=1,
            cache_type_k=CacheType.BF16,
            cache_type_v=CacheType.F32,
        )
        app.window.show_page("library")
        inspector = app.find("inspector")
        await app.until(
            lambda: (
                "1 conversation side by side, K bf16, V f32"
                in [label.text() for label in inspector.findChildren(QLabel)]
            )
        )


async def test_that_a_loaded_model_is_loaded_anew_from_its_card(qapp, tmp_path: Path) -> None:
    models.write_llama(tmp_path / "models" / "llama.gguf")
    async with running(tmp_path / "state") as app:
        await app.add_folder(tmp_path / "models")
        await app.load(LLAMA)
        before = engines().keys()
        app.window.show_page("loaded")
        dialog = await opened(app, "card_load_settings")
        assert not dialog.findChild(QLineEdit, "load_gpu_layers").isEnabled()
        type_into(dialog, "context_length", "256")
        await app.click("load_settings_load", dialog)
        await closed(app)
        assert before - engines().keys()
        assert app.manager.models.instance(app.spec(LLAMA).id).context_length == 256
        assert app.manager.models.active() == app.spec(LLAMA).id
    async with running(tmp_path / "state") as app:
        await app.load(LLAMA)
        assert app.manager.models.instance(app.spec(LLAMA).id).context_length == 256


async def test_that_what_the_build_cannot_take_is_told_in_the_dialog(qapp, tmp_path: Path) -> None:
    models.write_llama(tmp_path / "models" / "llama.gguf")
    async with running(tmp_path / "state") as app:
        await app.add_folder(tmp_path / "models")
        await app.choose(LLAMA)
        dialog = await opened(app)
        type_into(dialog, "gpu_layers", "4")
        await app.click("load_settings_load", dialog)
        await app.until(lambda: app.seen("error_box"))
        detail = dialog.findChild(DetailView)
        assert detail.isVisible()
        assert "This build of llama.cpp computes on the processor only." in detail.text()
        type_into(dialog, "gpu_layers", "")
        choose(dialog, "rope_scaling", "Linear")
        await app.click("load_settings_load", dialog)
        await closed(app)
        assert app.state(LLAMA) is InstanceState.READY
