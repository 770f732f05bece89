"""The dialog of a key: tests it, keeps it, and leaves nothing of it behind."""

import asyncio
import gc
import logging
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QLabel, QLineEdit, QPushButton, QWidget

from app.domain.accounts import ProviderKind
from app.domain.errors import Overloaded
from app.domain.secrets import KeyPlace, Secret
from app.ui.pages.key_dialog import KeyDialog
from app.ui.theme import Theme
from app.ui.viewmodels.key_form import KeyForm
from app.ui.widgets.secret_field import SecretField
from tests.support.accounts import FakeWorld
from tests.support.fakes import eventually
from tests.support.keyrings import (
    KINDS,
    BrokenKeyring,
    DeniedKeyring,
    DictKeyring,
    ForgetfulKeyring,
    LockedKeyring,
    SlowKeyring,
    WindowsKeyring,
    opened,
)
from tests.ui.money import KEY, Desk, desk

OTHER = "sk-canary-9876543210-abcd"


def press(dialog: QDialog, name: str) -> None:
    QTest.mouseClick(dialog.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


def error_of(dialog: QDialog, field: str = "key_field") -> str:
    label = dialog.findChild(QLabel, f"{field}_error")
    return label.text() if not label.isHidden() else ""


async def key_dialog(d: Desk, kind: ProviderKind = ProviderKind.OPENAI, address: str = "") -> tuple:
    account = await d.manager.accounts.add(kind, base_url=address)
    d.window.perform("set_account_key", account)
    return account, await d.dialog("key_dialog")


async def set_key(d: Desk, dialog: QDialog, key: str = KEY) -> None:
    QTest.keyClicks(dialog.findChild(QLineEdit, "secret"), key)
    press(dialog, "key_save")


@pytest.mark.parametrize("kind", KINDS)
async def test_that_a_key_is_tested_and_then_kept_in_the_keyring(qtbot, tmp_path, kind) -> None:
    async with opened(kind, tmp_path) as keyring:
        world = FakeWorld(tmp_path / "state", keyring=keyring)
        async with desk(tmp_path, world) as d:
            account, dialog = await key_dialog(d)
            await set_key(d, dialog)
            await d.gone("key_dialog")
            assert world.connections.seen[0] == Secret(KEY)
            status = await d.manager.keys.status(account)
            assert (status.place, status.hint) == (KeyPlace.KEYRING, "wxyz")
            await eventually(lambda: d.manager.accounts.models(account))


async def test_that_a_refused_key_is_said_under_the_field_and_not_kept(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        d.world.connections.refused = {Secret(KEY)}
        account, dialog = await key_dialog(d)
        await set_key(d, dialog)
        await eventually(lambda: error_of(dialog))
        assert "doesn't take this key" in error_of(dialog)
        assert d.manager.accounts.get(account).key_place is None
        QTest.keyClicks(dialog.findChild(QLineEdit, "secret"), "x")
        assert not error_of(dialog)
        press(dialog, "key_cancel")
        await d.gone("key_dialog")


@pytest.mark.parametrize("typed", ["two words", "sk-ä"])
async def test_that_what_can_be_no_key_is_refused_before_anybody_is_asked(
    qtbot, tmp_path, typed
) -> None:
    async with desk(tmp_path) as d:
        _, dialog = await key_dialog(d)
        dialog.key.line.setText(typed)
        press(dialog, "key_save")
        await eventually(lambda: error_of(dialog))
        assert not d.world.connections.seen
        dialog.reject()
        await d.gone("key_dialog")


FAULTS = (LockedKeyring, DeniedKeyring, ForgetfulKeyring, BrokenKeyring)


@pytest.mark.parametrize("fault", FAULTS)
async def test_that_a_keyring_that_fails_offers_to_keep_it_for_now(qtbot, tmp_path, fault) -> None:
    async with desk(tmp_path, FakeWorld(tmp_path, keyring=fault())) as d:
        account, dialog = await key_dialog(d)
        await set_key(d, dialog)
        await eventually(lambda: dialog.form.failure is not None and not dialog.form.step)
        assert KEY not in dialog.form.failure.model_dump_json()
        press(dialog, "error_keep_until_modelyard_quits")
        await d.gone("key_dialog")
        assert d.manager.accounts.get(account).key_place is KeyPlace.MEMORY
        [line] = d.window.settings_page.accounts.lines()
        assert "kept until Modelyard quits" in line.key


async def test_that_a_key_too_long_for_windows_is_refused_in_place(qtbot, tmp_path) -> None:
    async with desk(tmp_path, FakeWorld(tmp_path, keyring=WindowsKeyring())) as d:
        _, dialog = await key_dialog(d)
        dialog.key.line.setText("k" * 1300)
        press(dialog, "key_save")
        await eventually(lambda: error_of(dialog))
        assert "1,300 characters" in error_of(dialog)
        dialog.reject()
        await d.gone("key_dialog")


async def test_that_a_slow_keyring_stalls_nothing_and_can_be_given_up(qtbot, tmp_path) -> None:
    keyring = SlowKeyring()
    async with desk(tmp_path, FakeWorld(tmp_path, keyring=keyring)) as d:
        account, dialog = await key_dialog(d)
        await set_key(d, dialog)
        await eventually(keyring.began.is_set)
        started = time.monotonic()
        for _ in range(10):
            await asyncio.sleep(0.001)
        assert time.monotonic() - started < 5
        stop = dialog.findChild(QPushButton, "key_stop")
        assert stop.isVisible()
        press(dialog, "key_stop")
        await eventually(lambda: not dialog.form.step)
        assert dialog.isVisible()
        keyring.go.set()
        await eventually(keyring.done.is_set)
        assert not keyring.entries
        assert d.manager.accounts.get(account).key_place is None
        dialog.reject()
        await d.gone("key_dialog")


async def test_that_a_provider_that_is_silent_is_left_in_time(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        account = await d.manager.accounts.add(ProviderKind.OPENAI)
        form = KeyForm(d.manager, d.intents, account, patience=0.05)

        async def silent(account_id, text=None):
            await asyncio.sleep(60)

        d.manager.keys.test = silent
        form.save(KEY)
        await eventually(lambda: form.failure is not None)
        assert "has not answered for 0.05 seconds" in form.failure.what
        assert form.skips_test


async def test_that_an_overloaded_provider_lets_the_key_be_saved_untested(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        account, dialog = await key_dialog(d)

        async def busy(account_id, text=None):
            raise Overloaded("It is overloaded.", "Try again later.")

        d.manager.keys.test = busy
        await set_key(d, dialog)
        await eventually(lambda: dialog.form.failure is not None and not dialog.form.step)
        press(dialog, "error_save_without_testing")
        await d.gone("key_dialog")
        assert d.manager.accounts.get(account).key_place is KeyPlace.KEYRING


async def test_that_a_key_is_changed_and_removed(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        account = await d.manager.accounts.add(ProviderKind.OPENAI)
        await d.manager.keys.set(account, KEY)
        d.window.perform("set_account_key", account)
        dialog = await d.dialog("key_dialog")
        await eventually(lambda: "wxyz" in dialog.findChild(QLabel, "key_now").text())
        await set_key(d, dialog, OTHER)
        await d.gone("key_dialog")
        assert list(d.world.keyring.entries.values()) == [OTHER]
        d.window.perform("set_account_key", account)
        dialog = await d.dialog("key_dialog")
        press(dialog, "key_remove")
        await d.gone("key_dialog")
        assert d.manager.accounts.get(account).key_place is None
        await eventually(lambda: "The key of OpenAI was removed." in d.toasts())
    assert not d.world.keyring.entries


async def test_that_a_key_can_come_from_a_variable_by_name(qtbot, tmp_path) -> None:
    world = FakeWorld(tmp_path, environment={"MY_KEY": KEY})
    async with desk(tmp_path, world) as d:
        account, dialog = await key_dialog(d)
        dialog.source.setCurrentIndex(1)
        dialog.source.activated.emit(1)
        field = dialog.findChild(QLineEdit, "key_variable")
        assert field.placeholderText() == "OPENAI_API_KEY"
        QTest.keyClicks(field, "NOT_SET")
        press(dialog, "key_save")
        await eventually(lambda: error_of(dialog, "key_variable"))
        assert "NOT_SET holds no key" in error_of(dialog, "key_variable")
        field.clear()
        QTest.keyClicks(field, "MY_KEY")
        press(dialog, "key_save")
        await d.gone("key_dialog")
        assert d.manager.accounts.get(account).variable == "MY_KEY"
        assert not world.keyring.entries
        await eventually(
            lambda: d.window.settings_page.accounts.lines()[0].key == "Key from MY_KEY"
        )


async def test_that_a_key_from_a_variable_is_tested_with_the_same_words(qtbot, tmp_path) -> None:
    world = FakeWorld(tmp_path, environment={"MY_KEY": KEY})
    async with desk(tmp_path, world) as d:
        account, dialog = await key_dialog(d)
        dialog.source.setCurrentIndex(1)
        dialog.source.activated.emit(1)
        QTest.keyClicks(dialog.findChild(QLineEdit, "key_variable"), "MY_KEY")
        assert dialog.findChild(QPushButton, "key_save").text() == "Test and save"
        steps = []
        dialog.form.changed.connect(lambda: steps.append(dialog.form.step))
        world.connections.refused = {Secret(KEY)}
        press(dialog, "key_save")
        await eventually(lambda: error_of(dialog, "key_variable"))
        assert "Asking OpenAI whether it takes the key…" in steps
        assert "doesn't take this key" in error_of(dialog, "key_variable")
        assert d.manager.accounts.get(account).key_place is None

        async def busy(account_id, text=None, *, variable=""):
            raise Overloaded("It is overloaded.", "Try again later.")

        d.manager.keys.test = busy
        press(dialog, "key_save")
        await eventually(lambda: dialog.form.failure is not None and not dialog.form.step)
        press(dialog, "error_save_without_testing")
        await d.gone("key_dialog")
        assert d.manager.accounts.get(account).variable == "MY_KEY"


async def test_that_plain_http_to_another_machine_is_agreed_to_first(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        account, dialog = await key_dialog(d, ProviderKind.VLLM, "http://box.lan:8000/v1")
        dialog.key.line.setText(KEY)
        save = dialog.findChild(QPushButton, "key_save")
        assert dialog.agree.isVisible()
        assert "box.lan" in dialog.agree.text()
        assert not save.isEnabled()
        QTest.mouseClick(dialog.agree, Qt.MouseButton.LeftButton)
        assert save.isEnabled()
        press(dialog, "key_save")
        await d.gone("key_dialog")
        assert d.manager.accounts.get(account).plain_http
        assert d.manager.accounts.get(account).key_place is KeyPlace.KEYRING


async def test_that_a_system_without_a_keyring_is_said_in_the_dialog(qtbot, tmp_path) -> None:
    async with desk(tmp_path, FakeWorld(tmp_path, keyring=None)) as d:
        _, dialog = await key_dialog(d)
        said = dialog.findChild(QLabel, "key_keyring")
        await eventually(said.isVisible)
        assert "no keyring" in said.text()
        await set_key(d, dialog)
        await d.gone("key_dialog")
        page = d.window.settings_page
        d.window.show_page("settings")
        banner = page.findChild(QLabel, "keyring_banner")
        await eventually(lambda: banner.isVisible() and "no keyring" in banner.text())


# Nothing of a key stays anywhere


def texts_of(widget: QObject) -> str:
    """Everything that widgets and view-models show or hold, as text."""
    said = []
    for item in (widget, *widget.findChildren(QObject)):
        names = (
            "text",
            "toPlainText",
            "placeholderText",
            "accessibleName",
            "toolTip",
            "windowTitle",
        )
        for name in names:
            reader = getattr(item, name, None)
            if callable(reader):
                try:
                    said.append(str(reader()))
                except TypeError:
                    continue
        said.append(repr(item))
        said.append(repr(vars(item)) if hasattr(item, "__dict__") else "")
    return "\n".join(said)


async def test_that_nothing_of_a_key_stays_once_its_dialog_is_closed(
    qtbot, tmp_path, caplog
) -> None:
    caplog.set_level(logging.DEBUG)
    async with desk(tmp_path) as d:
        d.world.connections.refused = {Secret(KEY)}
        _, dialog = await key_dialog(d)
        await set_key(d, dialog)
        await eventually(lambda: error_of(dialog))
        d.world.connections.refused = set()
        line = dialog.key.line
        wiped = []
        dialog.finished.connect(lambda _: (line.undo(), wiped.append(line.text())))
        press(dialog, "key_save")
        await d.gone("key_dialog")
        assert set(wiped) == {""}
        window = d.window
        assert KEY not in texts_of(window)
        events = "".join(
            repr(item) + item.event.model_dump_json() for item in d.manager.events.kept()
        )
        assert KEY not in events
        assert KEY not in caplog.text
        assert KEY not in QGuiApplication.clipboard().text()
        await window.save_place()
        assert KEY not in repr(d.world.ports.store.kept_settings)
        assert KEY not in repr([*map(repr, d.world.accounts.kept.values())])
        left = [item for item in gc.get_objects() if isinstance(item, KeyForm | KeyDialog)]
        held = [value for item in left for value in vars(item).values() if isinstance(value, str)]
        assert not [value for value in held if KEY in value]


async def test_that_a_key_under_way_shows_in_no_repr_of_its_form_or_task(qtbot, tmp_path) -> None:
    keyring = SlowKeyring()
    async with desk(tmp_path, FakeWorld(tmp_path, keyring=keyring)) as d:
        _, dialog = await key_dialog(d)
        await set_key(d, dialog)
        await eventually(keyring.began.is_set)
        assert all(KEY not in repr(task) for task in asyncio.all_tasks())
        assert KEY not in repr(vars(dialog.form))
        assert KEY not in repr(vars(dialog))
        keyring.go.set()
        await d.gone("key_dialog")


def secret_field(qtbot) -> SecretField:
    look = Theme()
    field = SecretField(look, "Key")
    qtbot.addWidget(field)
    field.show()
    field.line.setText(KEY)
    field.line.setFocus()
    return field


@pytest.mark.parametrize("shown", [False, True])
def test_that_a_key_cannot_be_copied_out_of_its_field(qtbot, shown) -> None:
    field = secret_field(qtbot)
    field.reveal.setChecked(shown)
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("before")
    for keys in (QKeySequence.StandardKey.Copy, QKeySequence.StandardKey.Cut):
        field.line.selectAll()
        QTest.keySequence(field.line, QKeySequence(keys))
        assert clipboard.text() == "before"
    QTest.mouseDClick(field.line, Qt.MouseButton.LeftButton)
    assert field.line.selectedText() == "" or not shown
    assert clipboard.text() == "before"


def test_that_a_key_is_hidden_shown_on_request_and_hidden_again(qtbot) -> None:
    field = secret_field(qtbot)
    assert KEY not in field.line.displayText()
    QTest.mouseClick(field.reveal, Qt.MouseButton.LeftButton)
    assert field.line.displayText() == KEY
    hints = field.line.inputMethodHints()
    assert hints & Qt.InputMethodHint.ImhSensitiveData
    assert hints & Qt.InputMethodHint.ImhNoPredictiveText
    field.wipe()
    assert field.line.echoMode() is QLineEdit.EchoMode.Password
    assert not field.line.isUndoAvailable()
    assert field.line.completer() is None


async def test_that_every_control_of_the_dialog_has_a_name_and_is_reached_by_tab(
    qtbot, tmp_path
) -> None:
    async with desk(tmp_path) as d:
        _, dialog = await key_dialog(d, ProviderKind.VLLM, "http://box.lan:8000/v1")
        dialog.key.line.setText(KEY)
        dialog.agree.setChecked(True)
        reached = set()
        for _ in range(20):
            focus = dialog.focusWidget()
            reached.add(focus)
            QTest.keyClick(focus, Qt.Key.Key_Tab)
        buttons = [b for b in dialog.findChildren(QPushButton) if b.isVisible()]
        controls: list[QWidget] = [*buttons, dialog.source, dialog.key.line, dialog.agree]
        for control in controls:
            assert control in reached, control.objectName()
            assert control.accessibleName() or control.text(), control.objectName()
        dialog.reject()
        await d.gone("key_dialog")


async def test_that_quitting_while_a_key_is_tested_leaves_nothing_open(
    qtbot, tmp_path: Path
) -> None:
    keyring = SlowKeyring()
    async with desk(tmp_path, FakeWorld(tmp_path, keyring=keyring)) as d:
        _, dialog = await key_dialog(d)
        await set_key(d, dialog)
        await eventually(keyring.began.is_set)
    keyring.go.set()
    await eventually(keyring.done.is_set)
    assert isinstance(keyring, DictKeyring)
    assert not keyring.entries
