"""Converting through the window, with a real worker that writes a real file."""

from pathlib import Path

from PySide6.QtWidgets import QDialog, QTableView

from tests.flows.running import running
from tests.support import models


async def test_that_a_model_is_quantised_and_its_child_is_shown(qapp, tmp_path: Path) -> None:
    models.write_slow_llama(tmp_path / "models" / "llama-F16.gguf", name="Llama")
    async with running(tmp_path / "state") as app:
        await app.add_folder(tmp_path / "models")
        await app.choose("Llama")
        await app.click("inspector_convert")
        await app.until(lambda: app.window.findChild(QDialog, "convert"))
        dialog = app.window.findChild(QDialog, "convert")
        types = app.find("convert_types", QTableView, dialog)
        names = [types.model().index(row, 0).data() for row in range(types.model().rowCount())]
        types.selectRow(names.index("Q8_0"))
        await app.click("convert_start", dialog)
        made = tmp_path / "models" / "llama-Q8_0.gguf"
        page = app.window.library_page
        await app.until(
            lambda: page.view_model.selected and page.view_model.selected.path == str(made)
        )
        assert page.view_model.selected.quantisation == "Q8_0"
        facts = {fact.label: fact for part in page.view_model.sections() for fact in part.facts}
        assert facts["Made from"].value == "Llama"
        await app.click("tab_tensors")
        table = page.inspector._inspected.tensor_table
        await app.until(table.rowCount)
        assert "Q8_0" in {table.row_at(row).type for row in range(table.rowCount())}
