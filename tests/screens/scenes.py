"""The scenes: what a person does, photographed on the way."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from PySide6.QtCore import QPoint, QUrl
from PySide6.QtWidgets import QDialog, QPushButton, QScrollArea

from app.bootstrap.core import open_manager
from app.domain.conversations import MessageState
from app.domain.error_reports import report_of
from app.domain.errors import AppError, HistoryOverflow
from app.domain.load_settings import LoadSettings
from app.domain.models import ModelId
from app.manager.manager import Manager
from app.ui.dialogs import NameDialog
from app.ui.main_window import MainWindow
from app.ui.pages.duplicates_dialog import DuplicatesDialog
from app.ui.pages.load_settings_dialog import LoadSettingsDialog
from app.ui.theme import Theme
from tests.screens.activity import activity
from tests.screens.camera import Camera
from tests.screens.finding import find
from tests.screens.inspecting import convert, exchange, inspect
from tests.screens.library import (
    EMBEDDING,
    ENDLESS,
    ENDLESS_CONTEXT,
    GEMMA,
    GONE,
    PLAIN,
    QWEN,
    SLOW,
    THINKER,
    write_library,
)
from tests.support.fakes import eventually
from tests.support.windows import window_over

SIZE = (1180, 760)
NARROW = (760, 620)
ANSWER_SECONDS = 120
"""A whole answer of a model takes so long at most where others are at work as well."""
THOUGHT = (
    "They walk, so distances matter more than lines of a map.\n"
    "Three days: Alfama, Belém, and one that can be left open for the rain.\n"
    "Hills tire: put the steep ones in the morning."
)
PROMPT = "Plan three days in Lisbon for two people who like to walk."
MARKDOWN = "\n\n".join(
    (
        "Lisbon is best **on foot**: take the *hills* slowly, see `Day 1` below.",
        "## Day 1",
        "1. Alfama in the morning\n2. The castle\n   - buy tickets before\n3. Fado at night",
        "> Wear shoes with a grip; the stones are smooth.",
        "| Day | Where | Km |\n|---|---|---|\n| 1 | Alfama | 7 |\n| 2 | Belém | 11 |",
        "```python\ndef steps(km: float) -> int:\n    return round(km * 1_300)\n```",
        "More at [the city's page](https://example.org/lisbon).",
    )
)


@dataclass
class Stage:
    """The running program."""

    manager: Manager
    window: MainWindow
    camera: Camera

    def model(self, name: str) -> ModelId:
        """The id of a model by its name."""
        return next(spec.id for spec in self.manager.models.search() if spec.name == name)

    def select(self, name: str) -> None:
        """Select a model's row in the Library."""
        browser = self.window.library_page.browser
        rows = browser.model()
        row = next(n for n in range(rows.rowCount()) if rows.index(n, 0).data() == name)
        browser.setCurrentIndex(rows.index(row, 0))


async def render(folder: Path, out: Path) -> None:
    """Play every scene with its state and models in `folder`."""
    models = folder / "models"
    write_library(models)
    async with stage(folder / "state.db", out) as s:
        await nothing_yet(s)
        await browse(s, models)
        await inspect(s)
        await convert(s)
        await exchange(s)
        await load_settings(s)
        await find(s)
        await chat(s)
        await reasoning(s)
        await profile(s)
        await trouble(s, models)
        await activity(s)
        await narrow(s)


@asynccontextmanager
async def stage(database: Path, out: Path) -> AsyncIterator[Stage]:
    """The program as it is composed for real."""
    look = Theme()
    async with open_manager(database, {}) as manager, window_over(manager, look) as window:
        window.resize(*SIZE)
        yield Stage(manager, window, Camera(window, look, out))


async def nothing_yet(s: Stage) -> None:
    """Every page before the first model."""
    for page in ("library", "loaded", "playground", "profile", "activity", "settings"):
        s.window.show_page(page)
        await s.camera.take(f"{page}-empty")


async def browse(s: Stage, models: Path) -> None:
    """The library with models of every kind, loaded and not."""
    await s.manager.library.add_folder(str(models))
    await eventually(lambda: s.manager.library.scanning() is None and s.manager.models.search())
    s.window.show_page("library")
    await s.camera.take("library")
    for name in (QWEN, SLOW):
        await s.manager.models.load(s.model(name))
    await s.manager.models.switch(s.model(SLOW))
    s.select(SLOW)
    await s.camera.take("library-loaded")
    s.select(next(spec.name for spec in s.manager.models.search() if spec.reason))
    await s.camera.take("library-broken")
    await search(s, models)
    s.window.library_page.search.setText("no such model")
    await s.camera.take("library-no-match")
    s.window.library_page.search.clear()
    s.window.show_page("loaded")
    await s.camera.take("loaded")


async def search(s: Stage, models: Path) -> None:
    """The query line completing, in trouble, with facets; marks, notes, copies and columns."""
    page = s.window.library_page
    await s.manager.annotations.set_favourite(s.model(QWEN), favourite=True)
    await s.manager.annotations.set_tags(s.model(QWEN), ["fast", "work"])
    await s.manager.annotations.set_note(s.model(QWEN), "Answers in German as well.")
    page.focus_search()
    page.search.setText("llama cap:")
    page.search.offer()
    await s.camera.take("library-completing")
    page.search.setText("cap:chat fits size:huge")
    await s.camera.take("library-problem")
    page.search.setText("cap:chat fits")
    page.search_bar.context.choose(32_768)
    s.select(QWEN)
    await s.camera.take("library-facets")
    await s.manager.searches.save("Small chat models", "cap:chat fits size:<4GB")
    page.search_bar.saved.menu().aboutToShow.emit()
    page.search_bar.saved.menu().popup(s.window.pos() + QPoint(700, 90))
    await s.camera.take("library-saved")
    page.search_bar.saved.menu().close()
    page.browser.open_columns_menu(s.window.pos() + QPoint(400, 200))
    await s.camera.take("library-columns")
    page.browser.menu.close()
    page.search_bar.context.choose(None)
    page.search.clear()
    s.window.perform("annotate", s.model(QWEN))
    await s.camera.take("library-notes")
    s.window.perform("save_search")
    await eventually(lambda: s.window.findChild(NameDialog))
    await s.camera.take("library-save-search")
    s.window.findChild(NameDialog).reject()
    copy = models / "copies" / "tiny-gemma.gguf"
    copy.parent.mkdir()
    copy.write_bytes((models / "tiny-gemma.gguf").read_bytes())
    await s.manager.library.rescan()
    await eventually(s.window.duplicates.summary)
    s.window.perform("duplicates")
    await eventually(lambda: s.window.findChild(DuplicatesDialog))
    await s.camera.take("library-duplicates")
    s.window.findChild(DuplicatesDialog).reject()
    s.window.perform("delete_model", s.model(GEMMA))
    await eventually(lambda: s.window.findChild(QDialog, "question"))
    await s.camera.take("library-delete-copies")
    s.window.findChild(QPushButton, "answer_Delete").click()
    await eventually(lambda: s.window.toaster.toasts)
    await s.camera.take("library-deleted")
    s.window.gestures.undo_delete(s.manager.deletions.leaving()[0])
    await eventually(lambda: any(x.name == GEMMA for x in s.manager.models.search()))
    for toast in s.window.toaster.toasts:
        toast.dismiss()


async def load_settings(s: Stage) -> None:
    """The dialog of a loaded model: as it opens, scrolled, refused in place and by the worker."""
    s.window.show_page("loaded")
    s.window.perform("load_settings", s.model(SLOW))
    await eventually(lambda: s.window.findChild(LoadSettingsDialog))
    dialog = s.window.findChild(LoadSettingsDialog)
    await s.camera.take("load-settings")
    bar = dialog.findChild(QScrollArea).verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    await s.camera.take("load-settings-gpu")
    dialog.reject()
    await eventually(lambda: not s.window.findChild(LoadSettingsDialog))
    s.window.show_page("library")
    s.select(GEMMA)
    s.window.perform("load_settings", s.model(GEMMA))
    await eventually(lambda: s.window.findChild(LoadSettingsDialog))
    dialog = s.window.findChild(LoadSettingsDialog)
    dialog.form.set("threads", "many")
    dialog.form.set("adapters", (("/models/adapters/story-writer.gguf", "1"),))
    await s.camera.take("load-settings-refused")
    dialog.form.set("threads", "")
    dialog.form.save_and_load()
    await eventually(lambda: dialog.form.failure is not None and not dialog.form.busy())
    bar = dialog.findChild(QScrollArea).verticalScrollBar()
    bar.setValue(bar.maximum())
    await s.camera.take("load-settings-failed")
    dialog.form.reset()
    dialog.form.save()
    await eventually(lambda: not s.window.findChild(LoadSettingsDialog))
    await s.manager.models.dismiss(s.model(GEMMA))


async def chat(s: Stage) -> None:
    """A conversation: the hint, an answer under way, switched, stopped, and a look at Markdown."""
    s.window.show_page("playground")
    playground = s.window.playground_page.view_model
    await eventually(lambda: playground.current)
    await s.camera.take("playground-hint")
    playground.send(PROMPT)
    await eventually(lambda: len(playground.current.partial) > 200)
    await s.manager.models.switch(s.model(QWEN))
    await s.camera.take("playground-switched")
    s.window.show_page("loaded")
    await s.camera.take("loaded-answering")
    s.window.show_page("playground")
    playground.stop()
    await eventually(lambda: not playground.answering, ANSWER_SECONDS)
    playground.send("And what when it rains?")
    await eventually(lambda: not playground.answering, ANSWER_SECONDS)
    await s.camera.take("playground")
    page = s.window.playground_page
    shown = playground.current.messages
    page.transcript.show_messages([shown[0], shown[-1].model_copy(update={"text": MARKDOWN})])
    page.transcript.verticalScrollBar().setValue(0)
    await s.camera.take("playground-markdown")
    page.transcript.show_messages(shown)
    button = page.findChild(object, "model_switcher")
    button.menu().aboutToShow.emit()
    button.menu().popup(button.mapToGlobal(button.rect().topLeft()) - s.window.pos())
    await s.camera.take("playground-switcher")
    button.menu().close()


async def reasoning(s: Stage) -> None:
    """Reasoning under way, folded and read, old turns left out, and a file without a template."""
    page = s.window.playground_page
    playground = page.view_model
    await s.manager.models.switch(s.model(THINKER))
    playground.start_new()
    await eventually(lambda: playground.current and not playground.current.messages)
    await eventually(page.composer.thinking.isVisible)
    playground.send(PROMPT)
    await eventually(lambda: len(playground.current.reasoning) > 100)
    await s.camera.take("playground-thinking")
    await eventually(lambda: not playground.answering, ANSWER_SECONDS)
    await s.manager.conversations.set_dropping(playground.current.id, drops=True)
    asked, answer = playground.current.messages
    words = {"text": MARKDOWN, "reasoning": THOUGHT, "reasoning_seconds": 3.24, "left_out": 6}
    answer = answer.model_copy(update=words)
    page.transcript.show_messages([asked, answer])
    page.transcript.anchorClicked.emit(QUrl(f"reasoning:{answer.id}"))
    page.transcript.verticalScrollBar().setValue(0)
    await s.camera.take("playground-thought")
    page.transcript.verticalScrollBar().setValue(page.transcript.verticalScrollBar().maximum())
    await s.camera.take("playground-left-out")
    s.window.resize(*NARROW)
    await s.camera.take("playground-thought-narrow")
    s.window.resize(*SIZE)
    report = report_of(
        HistoryOverflow(
            "The conversation has 2,311 tokens and leaves no room for an answer in Thinking Llama's "
            "context of 2,048.",
            "Leave its oldest turns out, or load the model with a longer context.",
        )
    )
    failed = {"state": MessageState.FAILED, "error": report, "stats": None, "left_out": 0}
    failed |= {"text": "", "reasoning": ""}
    await s.manager.conversations.set_dropping(playground.current.id, drops=False)
    playground.current.messages = (asked, answer.model_copy(update=failed))
    playground.current.changed.emit()
    await s.camera.take("playground-overflow")
    await s.manager.models.switch(s.model(PLAIN))
    playground.start_new()
    await s.camera.take("playground-no-template")
    s.window.show_page("library")
    s.select(PLAIN)
    await s.camera.take("library-no-template")


async def profile(s: Stage) -> None:
    """A run under way and kept runs."""
    s.window.show_page("profile")
    page = s.window.profile_page
    await eventually(lambda: page.charts)
    await s.camera.take("profile-none")
    page.profile(s.model(QWEN))
    await eventually(lambda: not page.view_model.running)
    page.profile(s.model(SLOW))
    await eventually(lambda: len(page.view_model.series().requests) >= 2)
    await s.camera.take("profile-running")
    await eventually(lambda: not page.view_model.running)
    await s.camera.take("profile")
    page.charts.latency.table_button.click()
    await s.camera.take("profile-table")
    page.charts.latency.table_button.click()
    page.delete.click()
    await eventually(lambda: s.window.findChild(object, "question"))
    await s.camera.take("profile-delete")
    s.window.findChild(object, "question").reject()


async def trouble(s: Stage, models: Path) -> None:
    """A killed worker, a model that can't load, and one that can't chat."""
    await s.manager.models.switch(s.model(SLOW))
    s.window.show_page("playground")
    playground = s.window.playground_page.view_model
    playground.start_new()
    await eventually(lambda: not playground.current.messages)
    playground.send("Tell a long story.")
    await eventually(lambda: len(playground.current.partial) > 100)
    (await busy_worker()).kill()
    await eventually(lambda: playground.current.failed)
    await s.camera.take("playground-crashed")
    for toast in s.window.toaster.toasts:
        toast.dismiss()
    (models / "vanishing-llama.gguf").unlink()
    with contextlib.suppress(AppError):
        await s.manager.models.load(s.model(GONE))
    s.window.show_page("loaded")
    await s.camera.take("loaded-crashed")
    await refuse(s)
    await abort(s)
    s.window.show_page("library")
    s.select(SLOW)
    await s.camera.take("library-crashed")
    await s.manager.models.load(s.model(EMBEDDING))
    await s.manager.models.switch(s.model(EMBEDDING))
    s.window.show_page("playground")
    playground.start_new()
    await s.camera.take("playground-embedding")
    s.window.show_page("settings")
    await s.camera.take("settings")


async def refuse(s: Stage) -> None:
    """A model that doesn't fit."""
    await s.manager.models.dismiss(s.model(GONE))
    await s.manager.models.load_settings.save(
        s.manager.models.get(s.model(ENDLESS)), LoadSettings(context_length=ENDLESS_CONTEXT)
    )
    with contextlib.suppress(AppError):
        await s.manager.models.load(s.model(ENDLESS))
    await s.camera.take("loaded-refused")
    s.window.show_page("library")
    s.select(ENDLESS)
    await s.camera.take("library-refused")
    await s.manager.models.dismiss(s.model(ENDLESS))


async def abort(s: Stage) -> None:
    """A model whose process gives up, with its last lines unfolded; it stays down meanwhile."""
    await s.manager.settings.set("recover_crashed", False)
    await s.manager.models.switch(s.model(SLOW))
    s.window.show_page("playground")
    playground = s.window.playground_page.view_model
    playground.start_new()
    playground.send("What is a context, in two sentences?")
    await eventually(lambda: len(playground.current.partial) > 100)
    (await busy_worker()).send_signal(signal.SIGABRT)
    await eventually(lambda: playground.current.failed)
    await s.camera.take("playground-aborted")
    s.window.show_page("loaded")
    await eventually(lambda: visible_details(s))
    visible_details(s)[0].click()
    await s.camera.take("loaded-aborted")


def visible_details(s: Stage) -> list[QPushButton]:
    """The buttons that unfold an error on the Loaded page."""
    buttons = s.window.loaded_page.findChildren(QPushButton, "error_details")
    return [button for button in buttons if button.isVisible()]


async def narrow(s: Stage) -> None:
    """Every page in a small window."""
    s.window.resize(*NARROW)
    await s.manager.models.switch(s.model(QWEN))
    for page in ("library", "loaded", "playground", "profile", "settings"):
        s.window.show_page(page)
        await s.camera.take(f"{page}-narrow")


async def busy_worker() -> psutil.Process:
    """The worker that computes now."""
    workers = [
        child
        for child in psutil.Process().children(recursive=True)
        if "--worker" in child.cmdline() and "template" not in child.cmdline()
    ]
    before = {worker: sum(worker.cpu_times()[:2]) for worker in workers}
    await asyncio.sleep(0.3)
    return max(workers, key=lambda worker: sum(worker.cpu_times()[:2]) - before[worker])
