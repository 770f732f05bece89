"""Marks, notes, saved searches, copies and deletion through the window."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QPushButton

from app.domain.models import Folder, ModelId, Store
from app.ui.dialogs import NameDialog
from app.ui.pages.duplicates_dialog import DuplicatesDialog
from app.ui.widgets.copies_box import CopiesBox
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.wrapped_label import WrappedLabel
from tests.support import models
from tests.support.fakes import GIGABYTE, eventually, fake_ports, spec
from tests.ui.test_main_window import ports_with_models, select, shown

QWEN, LLAMA = ModelId("local:Qwen"), ModelId("local:Llama")
CONTROL = Qt.KeyboardModifier.ControlModifier


async def scanned(window):
    await eventually(lambda: window.manager.library.scanning() is None)


async def test_that_a_key_marks_the_selected_model_and_unmarks_it(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        select(window, QWEN)
        annotations = window.manager.annotations
        for marked in (True, False):
            qtbot.keyClick(window, Qt.Key.Key_D, CONTROL)
            await eventually(lambda marked=marked: annotations.get(QWEN).favourite is marked)
            action = window.actions_by_id["unfavourite" if marked else "favourite"]
            await eventually(action.isEnabled)


async def test_that_tags_a_note_and_aliases_are_written_where_they_stand(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        manager, page = window.manager, window.library_page
        await manager.models.assign_alias("old", QWEN)
        window.activateWindow()
        select(window, QWEN)
        qtbot.keyClick(window, Qt.Key.Key_T, CONTROL)
        tags, aliases, note = page.inspector.notes.stops
        assert tags.hasFocus()
        assert aliases.text() == "old"
        qtbot.keyClicks(tags, "Fast, work ,")
        qtbot.keyClick(tags, Qt.Key.Key_Return)
        await eventually(lambda: manager.annotations.get(QWEN).tags == ("fast", "work"))
        await eventually(lambda: tags.text() == "fast, work")
        aliases.setFocus()
        aliases.selectAll()
        qtbot.keyClicks(aliases, "coder")
        note.setFocus()
        await eventually(
            lambda: {a.name for a in manager.models.aliases() if a.model_id == QWEN} == {"coder"}
        )
        qtbot.keyClicks(note, "Writes good tests.")
        qtbot.keyClick(note, Qt.Key.Key_Return, CONTROL)
        await eventually(lambda: manager.annotations.get(QWEN).note == "Writes good tests.")
        assert note.hasFocus()


async def test_that_escape_takes_back_what_was_typed(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        annotations = window.manager.annotations
        await annotations.set_note(QWEN, "As it was.")
        window.activateWindow()
        select(window, QWEN)
        window.perform("annotate", QWEN)
        note = window.library_page.inspector.notes.stops[2]
        await eventually(lambda: note.toPlainText() == "As it was.")
        note.setFocus()
        qtbot.keyClicks(note, "No: ")
        qtbot.keyClick(note, Qt.Key.Key_Escape)
        assert note.toPlainText() == "As it was."
        window.library_page.search.setFocus()
        assert annotations.get(QWEN).note == "As it was."


async def test_that_what_was_typed_is_kept_of_the_model_it_was_typed_for(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        annotations, page = window.manager.annotations, window.library_page
        other = next(i for i in page.view_model.table.shown() if i != QWEN)
        window.activateWindow()
        select(window, QWEN)
        window.perform("annotate", QWEN)
        tags = page.inspector.notes.stops[0]
        qtbot.keyClicks(tags, "mine")
        page.view_model.select(other)
        await eventually(lambda: annotations.get(QWEN).tags == ("mine",))
        assert tags.text() == ""
        assert annotations.get(other).tags == ()


async def test_that_a_search_is_saved_under_a_name(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        assert not window.actions_by_id["save_search"].isEnabled()
        window.library_page.search.setText("cap:chat")
        assert window.actions_by_id["save_search"].isEnabled()
        window.perform("save_search")
        await eventually(lambda: window.findChild(NameDialog))
        dialog = window.findChild(NameDialog)
        take = dialog.findChild(QPushButton, "name_take")
        assert not take.isEnabled()
        qtbot.keyClicks(dialog.field, "Talkers")
        qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
        await eventually(lambda: window.manager.searches.saved() == {"Talkers": "cap:chat"})
        window.perform("forget_search", "Talkers")
        await eventually(lambda: window.manager.searches.saved() == {})


async def test_that_a_deleted_model_can_be_called_back(qtbot):
    ports = ports_with_models()
    ports.store.kept_folders["/models"] = Folder(path="/models")
    async with shown(qtbot, ports) as window:
        await scanned(window)
        select(window, QWEN)
        await eventually(window.actions_by_id["delete_model"].isEnabled)
        window.perform("delete_model")
        await eventually(lambda: window.toaster.toasts)
        (toast,) = window.toaster.toasts
        assert toast.words.text() == "Qwen goes to the trash."
        assert QWEN not in window.library_page.view_model.table.shown()
        undo = toast.findChild(QPushButton, "toast_action")
        qtbot.mouseClick(undo, Qt.MouseButton.LeftButton)
        await eventually(lambda: QWEN in window.library_page.view_model.table.shown())
        assert not window.toaster.toasts
        assert ports.files.trashed == []


async def test_that_several_files_of_a_model_are_asked_about_before_they_go(qtbot):
    ports = ports_with_models()
    ports.store.kept_folders["/models"] = Folder(path="/models")
    async with shown(qtbot, ports) as window:
        await scanned(window)
        qwen = window.manager.models.get(QWEN)
        copied = qwen.model_copy(update={"copies": ("/models/copy.gguf",)})
        await window.manager._registry.keep([copied])
        for answer in ("Cancel", "Delete"):
            window.perform("delete_model", QWEN)
            await eventually(lambda: window.findChild(QDialog, "question"))
            dialog = window.findChild(QDialog, "question")
            said = " ".join(label.text() for label in dialog.findChildren(QLabel))
            assert "all 2 files" in said
            assert "alike in size, first and last MiB" in said
            assert "/models/copy.gguf" in said
            assert not window.toaster.toasts
            button = dialog.findChild(QPushButton, f"answer_{answer}")
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
            await eventually(lambda: not window.findChild(QDialog, "question"))
        await eventually(lambda: window.toaster.toasts)


async def test_that_delete_is_offered_in_the_user_s_own_folders_only(qtbot):
    ports = ports_with_models()
    ports.files.other_programs = (Folder(path="/models", store=Store.OLLAMA),)
    async with shown(qtbot, ports) as window:
        await eventually(window.manager.library.stores)
        await scanned(window)
        select(window, QWEN)
        assert not window.actions_by_id["delete_model"].isEnabled()
        await eventually(lambda: window.library_page.findChild(object, "store_/models"))
        chip = window.library_page.findChild(object, "store_/models")
        assert [label.text() for label in chip.findChildren(PlainLabel)] == ["Ollama"]


async def test_that_copies_are_summed_up_and_listed(qtbot):
    ports = fake_ports()
    ports.store.kept_folders |= {path: Folder(path=path) for path in ("/models", "/more")}
    ports.offer(spec("Qwen"))
    ports.files.disk["/more"] = [spec("Qwen", path="/more/Qwen.gguf")]
    async with shown(qtbot, ports) as window:
        page = window.library_page
        said = "2 copies of 1 model, 1.0 GB recoverable"
        await eventually(lambda: page.copies.words.text() == said)
        page.search.setText("duplicate")
        await eventually(lambda: len(page.view_model.table.shown()) == 1)
        qtbot.mouseClick(page.copies.button, Qt.MouseButton.LeftButton)
        await eventually(lambda: window.findChild(DuplicatesDialog))
        dialog = window.findChild(DuplicatesDialog)
        texts = {label.text() for label in dialog.findChildren(PlainLabel)}
        texts |= {label.text() for label in dialog.findChildren(WrappedLabel)}
        assert {"Qwen", "/models/Qwen.gguf", "/more/Qwen.gguf", "yours"} <= texts
        assert "2 copies, 1.0 GB recoverable" in texts
        dialog.reject()
        await eventually(lambda: not window.findChild(DuplicatesDialog))


async def test_that_copies_are_compared_and_one_goes_to_the_trash_and_comes_back(qtbot, tmp_path):
    ports = fake_ports()
    paths = [str(tmp_path / place / "Qwen.gguf") for place in ("models", "more")]
    for path in paths:
        folder = str(Path(path).parent)
        Path(folder).mkdir()
        models.write_llama(Path(path))
        ports.store.kept_folders[folder] = Folder(path=folder)
        ports.files.disk[folder] = [spec("Qwen", path=path)]
    async with shown(qtbot, ports) as window:
        await eventually(window.duplicates.copies)
        window.perform("duplicates")
        await eventually(lambda: window.findChild(DuplicatesDialog))
        dialog = window.findChild(DuplicatesDialog)
        (box,) = dialog.findChildren(CopiesBox)
        assert not any(button.isEnabled() for button in box.trash.values())
        qtbot.mouseClick(box.compare, Qt.MouseButton.LeftButton)
        assert box.stop.isVisible()
        await eventually(lambda: all(button.isEnabled() for button in box.trash.values()))
        assert not box.compare.isVisible()
        qtbot.mouseClick(box.trash[paths[1]], Qt.MouseButton.LeftButton)
        await eventually(lambda: dialog.findChild(QPushButton, "undo_copies"))
        await eventually(lambda: not window.duplicates.copies())
        undo = dialog.findChild(QPushButton, "undo_copies")
        qtbot.mouseClick(undo, Qt.MouseButton.LeftButton)
        await eventually(window.duplicates.copies)
        await eventually(lambda: not window.duplicates.leaving())
        (again,) = window.duplicates.copies()
        assert again.deletable == set(paths)
        dialog.reject()
    assert ports.files.trashed == []


async def test_that_a_comparison_can_be_given_up(qtbot):
    ports = fake_ports()
    ports.store.kept_folders |= {path: Folder(path=path) for path in ("/models", "/more")}
    ports.offer(spec("Qwen"))
    ports.files.disk["/more"] = [spec("Qwen", path="/more/Qwen.gguf")]
    async with shown(qtbot, ports) as window:
        await eventually(window.duplicates.copies)
        (item,) = window.duplicates.copies()
        window.duplicates.compare(item.model_id)
        window.duplicates.stop(item.model_id)
        await eventually(lambda: window.duplicates.copies()[0].share is None)
        assert window.duplicates.copies()[0].comparable


async def test_that_no_copies_are_said_to_be_none(qtbot):
    async with shown(qtbot, ports_with_models()) as window:
        window.perform("duplicates")
        await eventually(lambda: window.findChild(DuplicatesDialog))
        dialog = window.findChild(DuplicatesDialog)
        words = dialog.findChild(WrappedLabel, "duplicates_words")
        assert words.text() == "No model lies on the disk more than once."
        assert not window.library_page.copies.isVisible()
        dialog.reject()


async def test_that_a_need_that_nothing_covers_is_told(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"), spec("Huge", size_bytes=900 * GIGABYTE))
    async with shown(qtbot, ports) as window:
        window.perform("smallest")
        assert window.library_page.view_model.selected.name == "Qwen"
        window.library_page.search.setText("huge")
        window.perform("smallest")
        assert "fits into memory" in window.toaster.toasts[-1].words.text()


async def test_that_folders_nobody_watches_are_scanned_on_return(qtbot):
    ports = ports_with_models()
    ports.store.kept_folders["/models"] = Folder(path="/models")
    ports.files.unwatched.add("/models")
    async with shown(qtbot, ports) as window:
        await scanned(window)
        ports.files.disk["/models"].append(spec("New"))
        window._look_again(Qt.ApplicationState.ApplicationInactive)
        scans = ports.files.scans
        window._look_again(Qt.ApplicationState.ApplicationActive)
        await eventually(lambda: ports.files.scans > scans)
        await eventually(lambda: "local:New" in window.library_page.view_model.table.shown())


async def test_that_columns_and_the_length_to_fit_are_kept(qtbot):
    ports = ports_with_models()
    async with shown(qtbot, ports) as window:
        window.library_page.browser.choose_columns(["size", "tags"])
        window.library_page.search_bar.context.choose(8192)
        await window.save_place()
    async with shown(qtbot, ports) as window:
        assert window.library_page.browser.chosen_columns == ("size", "tags")
        assert window.library_page.search_bar.context.length == 8192
