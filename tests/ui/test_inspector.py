"""The inspector's tabs over real files, and what it does while models are passed by."""

import hashlib
from contextlib import asynccontextmanager
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QLabel, QPlainTextEdit, QPushButton, QToolButton, QWidget

from app.domain.annotations import ProbeResult
from app.domain.errors import TemplateFailed
from app.domain.generation import TextPiece
from app.domain.models import Basis, Capability, ModelSpec
from app.ui.viewmodels import inspected
from app.ui.viewmodels.capability_lines import probe_words
from app.ui.viewmodels.context import context_of
from app.ui.viewmodels.inspected import Inspected, Tab
from app.ui.viewmodels.notes import Notes
from app.ui.viewmodels.overview import overview
from app.ui.viewmodels.paged_table import KEY_COLUMNS, PagedTable
from app.ui.widgets.inspector import Inspector
from tests.support import headers, models
from tests.support.fakes import FakeEngine, eventually, fake_ports, spec
from tests.ui.rig import ALPHA, Rig, rig


class Shown:
    """An inspector over a manager, and what it shows."""

    def __init__(self, r: Rig, qtbot) -> None:
        self.r = r
        self.qtbot = qtbot
        self.inspected = Inspected(r.manager, r.bridge, r.intents)
        self.notes = Notes(r.manager, r.bridge, r.intents)
        self.widget = Inspector(r.look, self.inspected, self.notes)
        self.triggered: list[str] = []
        self.widget.triggered.connect(self.triggered.append)
        qtbot.addWidget(self.widget)
        self.widget.resize(360, 700)
        self.widget.show()

    def select(self, model: ModelSpec | None) -> None:
        known = self.r.manager.models.get(model.id) if model is not None else None
        sections = overview(known, self.r.manager) if known is not None else ()
        context = context_of(self.r.manager, "library", known.id if known else None)
        self.widget.show_model(known, "", sections, context)

    def find(self, kind, name):
        return self.widget.findChild(kind, name)

    def click(self, name, kind=QPushButton) -> None:
        self.qtbot.mouseClick(self.find(kind, name), Qt.MouseButton.LeftButton)

    def texts(self) -> list[str]:
        return [label.text() for label in self.widget.findChildren(QLabel) if label.isVisible()]


@asynccontextmanager
async def shown(qtbot, *specs: ModelSpec, ports=None):
    async with rig(*specs, ports=ports) as r:
        inspector = Shown(r, qtbot)
        inspector.select(specs[0])
        try:
            yield inspector
        finally:
            inspector.widget.close()


def real(path: Path, name: str = "real") -> ModelSpec:
    return spec(name, path=str(path), size_bytes=path.stat().st_size)


async def test_that_keys_come_a_page_at_a_time_and_lists_too(
    qtbot, tmp_path: Path, monkeypatch
) -> None:
    model = real(headers.write_large_vocabulary(tmp_path / "a.gguf", 1000))
    monkeypatch.setattr("app.manager.inspection.PAGE", 200)
    async with shown(qtbot, model) as s:
        s.click("tab_metadata")
        table = s.inspected.key_table
        await eventually(table.rowCount)
        assert s.find(QLabel, "metadata_count").text() == f"{table.total} keys"
        await eventually(lambda: s.inspected.items)
        rows = [table.row_at(row).key for row in range(table.rowCount())]
        s.find(QWidget, "metadata_keys").selectRow(rows.index("tokenizer.ggml.tokens"))
        value = s.find(QPlainTextEdit, "metadata_value")
        await eventually(lambda: value.toPlainText().count("\n") == 199)
        assert s.find(QPushButton, "metadata_more").text() == "Show more (800 left)"
        s.click("metadata_more")
        await eventually(lambda: value.toPlainText().count("\n") == 399)
        assert value.toPlainText().startswith("token 0\n")
        s.click("metadata_value_copy", QToolButton)
        assert QGuiApplication.clipboard().text() == value.toPlainText()


async def test_that_a_table_asks_for_more_as_it_is_scrolled(qtbot, tmp_path: Path) -> None:
    model = real(models.write_slow_llama(tmp_path / "a.gguf"))
    async with shown(qtbot, model) as s:
        s.click("tab_tensors")
        table = s.inspected.tensor_table
        await eventually(table.rowCount)
        first = table.rowCount()
        assert first < table.total
        s.find(QWidget, "tensors").scrollToBottom()
        await eventually(lambda: table.rowCount() > first)
        names = [table.row_at(row).name for row in range(table.rowCount())]
        assert len(set(names)) == len(names)
        assert s.find(QLabel, "tensor_count").text() == f"{table.total:,} tensors"


async def test_that_the_mix_of_types_is_told_in_figures(qtbot, tmp_path: Path) -> None:
    model = real(models.write_quantised(tmp_path / "a.gguf"))
    async with shown(qtbot, model) as s:
        s.click("tab_tensors")
        await eventually(s.inspected.tensor_table.rowCount)
        lines = s.find(QWidget, "type_mix").lines()
        assert lines[0].startswith("Q4_0 77 % 14 tensors ")
        assert lines[-1].startswith("F32 < 1 % 5 tensors ")


async def test_that_a_template_is_rendered_with_a_system_prompt_and_without(
    qtbot, tmp_path: Path
) -> None:
    model = real(models.write_llama(tmp_path / "a.gguf"))
    async with shown(qtbot, model) as s:
        s.click("tab_template")
        preview = s.find(QPlainTextEdit, "template_preview")
        await eventually(lambda: "Iceland" in preview.toPlainText())
        assert inspected.SYSTEM.text not in preview.toPlainText()
        assert s.find(QPlainTextEdit, "template_source").toPlainText() == models.CHAT_TEMPLATE
        s.find(QWidget, "template_system").click()
        await eventually(lambda: preview.toPlainText().startswith(inspected.SYSTEM.text))


async def test_that_a_template_that_refuses_says_why(qtbot, tmp_path: Path, monkeypatch) -> None:
    ports = fake_ports()

    async def refuse(*_: object) -> str:
        raise TemplateFailed("The template can't render this.", "Leave it.", "No system prompt!")

    monkeypatch.setattr(ports.prober, "render", refuse)
    model = real(models.write_llama(tmp_path / "a.gguf"))
    async with shown(qtbot, model, ports=ports) as s:
        s.click("tab_template")
        await eventually(lambda: s.inspected.preview.failure)
        assert "The template can't render this. Leave it." in s.texts()
        details = [box.toPlainText() for box in s.widget.findChildren(QPlainTextEdit)]
        assert "No system prompt!" in details
        assert s.find(QPlainTextEdit, "template_source").isVisible()


async def test_that_a_file_without_a_template_says_so(qtbot, tmp_path: Path) -> None:
    model = real(models.write_llama(tmp_path / "a.gguf", chat_template=None))
    async with shown(qtbot, model) as s:
        s.click("tab_template")
        await eventually(lambda: s.find(QLabel, "template_none").isVisible())


async def test_that_a_file_that_is_gone_is_told_and_tried_again(qtbot, tmp_path: Path) -> None:
    path = models.write_llama(tmp_path / "a.gguf")
    model = real(path)
    kept = path.read_bytes()
    path.unlink()
    async with shown(qtbot, model) as s:
        s.click("tab_metadata")
        await eventually(lambda: s.inspected.keys.failure)
        assert any("can't be read" in text for text in s.texts())
        path.write_bytes(kept)
        s.click("error_try_again")
        await eventually(s.inspected.key_table.rowCount)
        assert s.find(QLabel, "metadata_count").isVisible()


async def test_that_models_that_are_passed_by_are_not_looked_into(
    qtbot, tmp_path: Path, monkeypatch
) -> None:
    one = real(models.write_llama(tmp_path / "a.gguf"), "one")
    two = real(models.write_qwen2(tmp_path / "b.gguf"), "two")
    ports = fake_ports()
    async with shown(qtbot, one, two, ports=ports) as s:
        asked: list[str] = []
        keys = s.r.manager.inspection.keys

        async def counted(model, *rest):
            asked.append(model)
            return await keys(model, *rest)

        monkeypatch.setattr(s.r.manager.inspection, "keys", counted)
        s.click("tab_metadata")
        for model in (two, one, two, one, two):
            s.select(model)
        await eventually(s.inspected.key_table.rowCount)
        assert asked == [two.id]
        s.select(two)
        s.click("tab_overview")
        s.click("tab_metadata")
        await eventually(lambda: not s.inspected._settle.isActive())
        assert asked == [two.id]
        s.select(one)
        assert s.inspected.key_table.rowCount() == 0


async def test_that_another_model_ends_what_is_under_way(qtbot, tmp_path: Path) -> None:
    one = real(models.write_slow_llama(tmp_path / "a.gguf"), "one")
    two = real(models.write_qwen2(tmp_path / "b.gguf"), "two")
    async with shown(qtbot, one, two) as s:
        s.click("digest_start")
        assert s.inspected.digest.step().startswith("Reading 0 B of ")
        s.select(two)
        assert s.inspected.digest.share is None
        s.click("digest_start")
        await eventually(lambda: s.inspected.digest.found)
        digits = hashlib.sha256((tmp_path / "b.gguf").read_bytes()).hexdigest()
        assert s.inspected.digest.lines() == [("", digits)]
        copy = next(
            button
            for button in s.widget.findChildren(QToolButton)
            if button.accessibleName() == "Copy sha-256"
        )
        s.qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
        assert QGuiApplication.clipboard().text() == digits


async def test_that_each_shard_has_its_digest(qtbot, tmp_path: Path) -> None:
    paths = models.write_sharded(tmp_path)
    model = real(paths[0]).model_copy(update={"shards": len(paths)})
    async with shown(qtbot, model, real(models.write_qwen2(tmp_path / "b.gguf"), "two")) as s:
        s.click("digest_start")
        await eventually(lambda: s.inspected.digest.share is None)
        digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
        assert dict(s.inspected.digest.lines()) == digests
        assert s.inspected.digest.name() == "SHA-256 of each of 3 files"
        names = {button.accessibleName() for button in s.widget.findChildren(QToolButton)}
        assert {f"Copy sha-256 of {name}" for name in digests} <= names
        s.select(real(tmp_path / "b.gguf", "two"))
        assert s.inspected.digest.lines() == []


async def test_that_a_digest_can_be_given_up(qtbot, tmp_path: Path) -> None:
    model = real(models.write_slow_llama(tmp_path / "a.gguf"))
    async with shown(qtbot, model) as s:
        s.click("digest_start")
        assert s.find(QPushButton, "digest_cancel").isVisible()
        s.click("digest_cancel")
        assert s.find(QPushButton, "digest_start").isVisible()
        assert s.inspected.digest.found == []


async def test_that_the_user_s_word_wins_and_can_be_taken_back(qtbot) -> None:
    async with shown(qtbot, ALPHA) as s:
        s.click("tab_capabilities")

        def said(capability: str) -> tuple[str, str]:
            verdict = s.find(QLabel, f"verdict_{capability}").text()
            return verdict, s.find(QLabel, f"evidence_{capability}").text()

        assert said("chat") == ("yes", "chat template · certain")
        assert said("vision") == ("unknown", "Nothing tells")
        box = s.find(QComboBox, "override_chat")
        assert box.accessibleName() == "Chat, your word"
        box.activated.emit(2)
        await eventually(lambda: s.r.manager.annotations.get(ALPHA.id).overrides)
        assert s.r.manager.models.get(ALPHA.id).fact(Capability.CHAT).basis is Basis.USER
        s.select(ALPHA)
        assert said("chat") == ("no", "Set by you; found: yes (chat template · certain)")
        assert box.currentText() == "No"
        box.activated.emit(0)
        await eventually(lambda: not s.r.manager.annotations.get(ALPHA.id).overrides)
        s.select(ALPHA)
        assert said("chat") == ("yes", "chat template · certain")


async def test_that_a_template_that_waits_to_be_tried_out_is_told(qtbot, monkeypatch) -> None:
    async with shown(qtbot, ALPHA) as s:
        waiting = [ALPHA.id]
        monkeypatch.setattr(s.r.manager.capabilities, "waits", lambda model: model in waiting)
        s.click("tab_capabilities")
        verdict = s.find(QLabel, "verdict_tools")
        assert verdict.text() == "detecting…"
        assert s.find(QLabel, "verdict_vision").text() == "unknown"
        waiting.clear()
        await eventually(lambda: verdict.text() == "unknown")


async def test_that_a_test_shows_its_dated_result_and_what_was_answered(qtbot, monkeypatch) -> None:
    async def answer(self: FakeEngine, request):
        yield TextPiece(text='{"city": "Reykjavik", "population": 140000}', stamps_ns=(1,))

    monkeypatch.setattr(FakeEngine, "generate", answer)
    async with shown(qtbot, ALPHA) as s:
        s.click("tab_capabilities")
        s.click("inspector_test_model")
        assert s.triggered == ["test_model"]
        s.r.gestures.test(ALPHA.id)
        results = s.find(QLabel, "test_results")
        assert results.text().startswith("Testing")
        assert s.find(QPushButton, "inspector_cancel_test").isVisible()
        await eventually(lambda: not s.inspected.testing)
        s.r.bridge.drain()
        json, tools = results.text().split("\n")
        assert json.startswith("JSON: yes, tested ")
        assert tools.startswith("Tools: no, tested ")
        assert tools.endswith('It answered: {"city": "Reykjavik", "population": 140000}')
        s.select(ALPHA)
        assert s.find(QLabel, "evidence_json").text().startswith("it was tried out · certain · ")


async def test_that_a_test_can_be_given_up(qtbot) -> None:
    async with shown(qtbot, ALPHA) as s:
        engine = await s.r.load(ALPHA)
        engine.go.clear()
        s.click("tab_capabilities")
        s.r.gestures.test(ALPHA.id)
        await eventually(lambda: engine.requests)
        s.click("inspector_cancel_test")
        await eventually(lambda: not s.inspected.testing)
        assert s.r.manager.annotations.get(ALPHA.id).probes == ()
        assert s.find(QPushButton, "inspector_test_model").isVisible()


async def test_that_arrow_keys_lead_from_tab_to_tab(qtbot) -> None:
    async with shown(qtbot, ALPHA) as s:
        s.widget.activateWindow()
        first = s.widget.tabs.button("overview")
        first.setFocus()
        await eventually(first.hasFocus)
        qtbot.keyClick(first, Qt.Key.Key_Right)
        assert s.widget.tab is Tab.CAPABILITIES
        second = s.widget.tabs.button("capabilities")
        assert second.hasFocus()
        assert second.focusPolicy() & Qt.FocusPolicy.TabFocus
        assert not first.focusPolicy() & Qt.FocusPolicy.TabFocus


async def test_that_facts_of_the_same_kind_change_in_place(qtbot) -> None:
    beta = spec("beta", parameters=7_000_000_000)
    async with shown(qtbot, ALPHA, beta) as s:
        before = s.widget.findChildren(QLabel)
        s.select(beta)
        assert s.widget.findChildren(QLabel) == before
        await eventually(lambda: "7 B" in s.texts())


async def test_that_a_paged_table_keeps_the_rules_of_item_models(
    qtbot, qtmodeltester, tmp_path: Path
) -> None:
    model = real(models.write_llama(tmp_path / "a.gguf"))
    async with rig(model) as r:
        page = await r.manager.inspection.keys(model.id)
        table = PagedTable(KEY_COLUMNS)
        table.append(page.keys[:5], 20)
        qtmodeltester.check(table, force_py=True)
        assert table.rowCount() == 5


def test_that_a_result_of_a_test_is_short() -> None:
    probe = ProbeResult(capability=Capability.TOOLS, value=False, at=0.0, detail="that " * 60)
    assert len(probe_words(probe)) < 200
    assert probe_words(probe).endswith("…")
    assert probe_words(probe.model_copy(update={"detail": ""})).endswith("It answered nothing.")
