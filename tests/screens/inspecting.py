"""The scenes of the inspector's tabs, of converting, and of an import."""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QFileDialog, QPushButton

from app.domain.exchange import ImportSummary
from app.domain.models import Capability
from app.ui.viewmodels.inspected import Tab
from tests.screens.library import PLAIN, QUANTISED, QWEN, REFUSING, SLOW, THINKER
from tests.support.fakes import eventually

if TYPE_CHECKING:
    from tests.screens.scenes import Stage


async def inspect(s: "Stage") -> None:
    """Every tab, what they say when there is nothing or something is wrong, and the tests."""
    s.window.show_page("library")
    await s.manager.capabilities.settled()
    inspector = s.window.library_page.inspector
    inspected = inspector._inspected
    s.select(THINKER)
    await s.manager.annotations.override(s.model(THINKER), Capability.TOOLS, True)
    for tab in Tab:
        inspector.show_tab(tab)
        await eventually(lambda: _settled(inspected))
        await s.camera.take(f"inspector-{tab}")
    inspected.set_system(True)
    row = next(
        n
        for n in range(inspected.key_table.rowCount())
        if inspected.key_table.row_at(n).key == "tokenizer.ggml.tokens"
    )
    inspector.show_tab("metadata")
    await eventually(lambda: inspected.key is not None)
    inspector._views[Tab.METADATA].table.selectRow(row)
    await eventually(lambda: inspected.items and not inspected.values.waiting)
    await s.camera.take("inspector-metadata-list")
    s.select(QUANTISED)
    inspector.show_tab("tensors")
    await eventually(lambda: inspected.tensors.answer is not None)
    await s.camera.take("inspector-tensors-mixed")
    inspector.show_tab("template")
    for name in (PLAIN, REFUSING):
        s.select(name)
        await eventually(lambda: inspected.template.answer is not None)
        await eventually(lambda: not inspected.preview.waiting)
        await s.camera.take(f"inspector-template-{'none' if name == PLAIN else 'refused'}")
    s.select(next(spec.name for spec in s.manager.models.search() if spec.reason))
    await eventually(lambda: inspected.template.failure is not None)
    await s.camera.take("inspector-broken")
    s.select(QWEN)
    inspector.show_tab("capabilities")
    button = inspector.findChild(QPushButton, "inspector_test_model")
    button.click()
    await s.camera.take("inspector-testing")
    await eventually(lambda: not inspected.testing, 60)
    await s.camera.take("inspector-tested")
    await s.manager.models.eject(s.model(QWEN), drain=True)
    inspector.show_tab("overview")
    inspected.digest.start()
    await eventually(lambda: inspected.digest.found)
    area = inspector._views[Tab.OVERVIEW]
    area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
    await s.camera.take("inspector-digest")


async def convert(s: "Stage") -> None:
    """The dialog, one that can't be had, one under way with its banner, and the result."""
    page = s.window.library_page
    s.select(SLOW)
    s.window.perform("convert")
    await eventually(lambda: s.window.findChild(QDialog, "convert"))
    dialog = s.window.findChild(QDialog, "convert")
    await s.camera.take("convert")
    dialog.form._free.answer = 1000
    dialog.form.changed.emit()
    await s.camera.take("convert-no-room")
    dialog.reject()
    await eventually(lambda: not s.window.findChild(QDialog, "convert"))
    page.converting.start(s.model(SLOW), "Q8_0")
    await eventually(lambda: any(run.progress for run in page.converting.running()))
    s.window.perform("convert", s.model(SLOW))
    await eventually(lambda: s.window.findChild(QDialog, "convert"))
    await s.camera.take("convert-running")
    dialog = s.window.findChild(QDialog, "convert")
    if dialog is not None:
        dialog.reject()
    await eventually(lambda: not page.converting.running())
    await s.camera.take("convert-done")


async def exchange(s: "Stage") -> None:
    """What an import says that it took and left."""
    summary = ImportSummary(
        models=12,
        annotations=3,
        aliases=1,
        folders=2,
        settings=0,
        left_out=("The folder /media/models isn't here.", "The setting threads can't be 900."),
    )
    s.window._intents.run("tell import", s.window.library_dialogs.tell(summary))
    await eventually(lambda: s.window.findChild(QDialog, "question"))
    await s.camera.take("imported")
    s.window.findChild(QDialog, "question").reject()
    await eventually(lambda: not s.window.findChild(QDialog, "question"))
    s.window.perform("export_library")
    await eventually(lambda: s.window.findChild(QFileDialog))
    s.window.findChild(QFileDialog).reject()
    await eventually(lambda: not s.window.findChild(QFileDialog))


def _settled(inspected) -> bool:
    lookups = (inspected.keys, inspected.values, inspected.tensors, inspected.template)
    waits = any(lookup.waiting for lookup in (*lookups, inspected.preview))
    return not waits and not inspected._settle.isActive()
