"""The dialog of the load settings: in place, by key, and gone when it is closed."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from app.domain.load_settings import CacheType, LoadSettings
from app.domain.models import ModelStatus, ModelType
from app.ui.pages.load_settings_dialog import LoadSettingsDialog, choose_load_settings
from app.ui.pages.model_chooser import ModelChooser
from app.ui.viewmodels.load_form import LoadForm
from app.ui.words import NOTHING
from tests.support.fakes import eventually, spec
from tests.ui.rig import ALPHA, rig


@asynccontextmanager
async def opened(qtbot):
    """The dialog over a window; leaving waits until it is closed."""
    async with rig(ALPHA) as r:
        window = QWidget()
        qtbot.addWidget(window)
        window.resize(900, 700)
        window.show()
        form = LoadForm(r.manager, r.intents, ALPHA.id)
        asking = asyncio.create_task(choose_load_settings(window, r.look, r.intents, form))
        await eventually(lambda: window.findChild(LoadSettingsDialog))
        dialog = window.findChild(LoadSettingsDialog)
        dialog.r, dialog.asking = r, asking
        try:
            yield dialog
        finally:
            if not asking.done():
                dialog.reject()
            await asking
            await eventually(lambda: not window.findChild(LoadSettingsDialog))
            window.close()


def field(dialog, name):
    return dialog.findChild(QLineEdit, f"load_{name}")


def button(dialog, name):
    return dialog.findChild(QPushButton, f"load_settings_{name}")


def own(dialog):
    return dialog.r.manager.models.load_settings.own(ALPHA.id)


async def test_that_escape_closes_and_keeps_nothing(qtbot):
    async with opened(qtbot) as dialog:
        assert dialog.focusWidget() is field(dialog, "context_length")
        qtbot.keyClicks(field(dialog, "context_length"), "512")
        qtbot.keyClick(field(dialog, "context_length"), Qt.Key.Key_Escape)
        await dialog.asking
        assert own(dialog) == LoadSettings()


async def test_that_enter_in_a_field_does_what_the_blue_button_does(qtbot):
    async with opened(qtbot) as dialog:
        qtbot.keyClicks(field(dialog, "context_length"), "512")
        qtbot.keyClick(field(dialog, "context_length"), Qt.Key.Key_Return)
        await dialog.asking
        assert own(dialog) == LoadSettings(context_length=512)
        assert dialog.r.ports.provider.settings == [LoadSettings(context_length=512)]


async def test_that_a_refusal_stands_under_its_field_until_it_is_mended(qtbot):
    async with opened(qtbot) as dialog:
        qtbot.keyClicks(field(dialog, "threads"), "1000000")
        row = dialog._rows["threads"]
        assert row.error == "The number of threads can't be 1,000,000. Choose one from 1 to 8."
        assert field(dialog, "threads").property("invalid") == "true"
        assert dialog.findChild(QLabel, "load_memory").text() == f"Predicted memory {NOTHING}"
        assert not button(dialog, "load").isEnabled()
        field(dialog, "threads").clear()
        qtbot.keyClicks(field(dialog, "threads"), "1")
        assert row.error == ""
        assert button(dialog, "load").isEnabled()


async def test_that_choices_are_made_by_key_and_reset(qtbot):
    async with opened(qtbot) as dialog:
        box = dialog.findChild(QComboBox, "load_cache_type_k")
        assert box.currentText() == "Automatic (F16)"
        box.setFocus()
        qtbot.keyClicks(box, "Q8")
        assert dialog.form.draft("cache_type_k") is CacheType.Q8_0
        qtbot.mouseClick(button(dialog, "reset"), Qt.MouseButton.LeftButton)
        assert box.currentIndex() == 0
        assert not button(dialog, "reset").isEnabled()


async def test_that_the_wheel_scrolls_past_a_choice(qtbot):
    async with opened(qtbot) as dialog:
        box = dialog.findChild(QComboBox, "load_cache_type_k")
        where, none = QPointF(box.rect().center()), Qt.MouseButton.NoButton
        wheel = QWheelEvent(
            where,
            QPointF(box.mapToGlobal(where.toPoint())),
            QPoint(),
            QPoint(0, -120),
            none,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(box, wheel)
        assert box.currentIndex() == 0


async def test_that_every_control_has_a_name_and_is_reached_by_tab(qtbot):
    async with opened(qtbot) as dialog:
        reached, widget = set(), dialog.focusWidget()
        while widget not in reached:
            reached.add(widget)
            qtbot.keyClick(widget, Qt.Key.Key_Tab)
            widget = dialog.focusWidget()
        controls = set(dialog._controls.values())
        assert controls <= reached
        assert dialog._adapters.button in reached
        assert all(control.accessibleName() or control.text() for control in controls)


async def test_that_an_adapter_is_chosen_scaled_and_removed(qtbot, tmp_path: Path):
    path = tmp_path / "story.gguf"
    path.write_bytes(b"GGUF")
    async with opened(qtbot) as dialog:
        qtbot.mouseClick(dialog._adapters.button, Qt.MouseButton.LeftButton)
        await eventually(lambda: dialog.findChild(QFileDialog))
        chooser = dialog.findChild(QFileDialog)
        qtbot.keyClicks(chooser.findChild(QLineEdit), str(path))
        chooser.accept()
        await eventually(lambda: dialog.form.adapters() == ((str(path), "1"),))
        scale = dialog.findChild(QLineEdit, "adapter_scale_0")
        assert scale.accessibleName() == "Scale of story.gguf"
        scale.selectAll()
        qtbot.keyClicks(scale, "0.5")
        assert dialog.form.adapters() == ((str(path), "0.5"),)
        assert dialog.findChild(QLineEdit, "adapter_scale_0") is scale
        qtbot.mouseClick(
            dialog.findChild(QPushButton, "remove_adapter_0"), Qt.MouseButton.LeftButton
        )
        assert dialog.form.adapters() == ()


async def test_that_the_adapters_of_the_library_are_offered_first(qtbot, tmp_path: Path):
    path = tmp_path / "other.gguf"
    path.write_bytes(b"GGUF")
    own, foreign = (
        spec(name, type=ModelType.ADAPTER, status=ModelStatus.ADAPTER, architecture=architecture)
        for name, architecture in (("Tales", ALPHA.architecture), ("Accents", "gemma3"))
    )
    async with opened(qtbot) as dialog:
        await dialog.r.manager._registry.keep([own, foreign])
        qtbot.mouseClick(dialog._adapters.button, Qt.MouseButton.LeftButton)
        await eventually(lambda: dialog.findChild(ModelChooser))
        chooser = dialog.findChild(ModelChooser)
        rows = chooser.table.model()
        told = [(rows.index(at, 0).data(), rows.index(at, 1).data()) for at in range(2)]
        assert told == [
            ("Tales", f"for {ALPHA.architecture}, 1.0 GB"),
            ("Accents", "for another architecture: gemma3, 1.0 GB"),
        ]
        qtbot.mouseClick(chooser.take, Qt.MouseButton.LeftButton)
        await eventually(lambda: dialog.form.adapters() == ((own.path, "1"),))
        # What is laid over the model already isn't offered again; a file always can be.
        qtbot.mouseClick(dialog._adapters.button, Qt.MouseButton.LeftButton)
        await eventually(lambda: dialog.findChild(ModelChooser) not in {None, chooser})
        chooser = dialog.findChild(ModelChooser)
        assert chooser.table.model().rowCount() == 1
        qtbot.mouseClick(chooser.other, Qt.MouseButton.LeftButton)
        await eventually(lambda: dialog.findChild(QFileDialog))
        files = dialog.findChild(QFileDialog)
        qtbot.keyClicks(files.findChild(QLineEdit), str(path))
        files.accept()
        await eventually(lambda: dialog.form.adapters()[1:] == ((str(path), "1"),))


async def test_that_a_load_that_does_not_fit_is_offered_anyway_in_place(qtbot):
    async with opened(qtbot) as dialog:
        dialog.r.ports.devices.total = 1000
        qtbot.mouseClick(button(dialog, "load"), Qt.MouseButton.LeftButton)
        await eventually(lambda: dialog._failure is not None and not dialog.form.busy())
        assert dialog._failure.isVisible()
        anyway = dialog.findChild(QPushButton, "error_load_anyway")
        qtbot.mouseClick(anyway, Qt.MouseButton.LeftButton)
        await dialog.asking
        assert dialog.r.manager.models.instance(ALPHA.id).charged


async def test_that_the_fields_rest_while_the_model_loads_and_it_goes_on_without_them(qtbot):
    async with opened(qtbot) as dialog:
        dialog.r.ports.provider.go.clear()
        qtbot.mouseClick(button(dialog, "load"), Qt.MouseButton.LeftButton)
        assert not field(dialog, "threads").isEnabled()
        assert button(dialog, "cancel").text() == "Close"
        await eventually(lambda: dialog.r.ports.provider.loads)
        dialog.form.follow()
        assert dialog.findChild(QLabel, "load_status").text() == "alpha: loading 25 %"
        qtbot.mouseClick(button(dialog, "cancel"), Qt.MouseButton.LeftButton)
        await dialog.asking
        dialog.r.ports.provider.go.set()
        await eventually(lambda: dialog.r.manager.models.instance(ALPHA.id).threads)
