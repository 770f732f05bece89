"""Accounts in the Settings: listed with their keys, added, changed, refreshed, removed, audited."""

import asyncio
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QDialog, QLabel, QLineEdit, QPushButton

from app.domain.accounts import AccountChange, LocalServer, ProviderKind
from app.domain.errors import NotThatServer, Overloaded
from app.domain.secrets import Secret
from app.ui.viewmodels import account_words
from app.ui.viewmodels.model_columns import COLUMNS
from app.ui.widgets.account_row import AccountRow
from app.ui.widgets.local_offers import LocalOffers
from tests.support.accounts import FakeWorld
from tests.support.fakes import eventually, spec
from tests.support.keyrings import LockedKeyring
from tests.ui.money import KEY, Desk, desk

OLLAMA = LocalServer(kind=ProviderKind.OLLAMA, base_url="http://127.0.0.1:11434/v1", models=3)


def press(place, name: str) -> None:
    QTest.mouseClick(place.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


def rows(d: Desk) -> tuple[AccountRow, ...]:
    return d.window.settings_page.providers.rows()


def facts(row: AccountRow) -> str:
    return row.findChild(QLabel, "account_facts").text()


def choose(dialog: QDialog, provider: str) -> None:
    box = dialog.findChild(QComboBox, "account_provider")
    at = box.findText(provider)
    box.setCurrentIndex(at)
    box.activated.emit(at)


async def test_that_a_stranger_sees_one_clear_action_and_gets_to_a_model_by_it(
    qtbot, tmp_path
) -> None:
    async with desk(tmp_path) as d:
        d.window.show_page("settings")
        providers = d.window.settings_page.providers
        assert providers.findChild(QLabel, "no_accounts").isVisible()
        assert providers.add.property("kind") == "primary"
        assert not providers.audit.isVisible()
        press(providers, "add_account")
        dialog = await d.dialog("account_dialog")
        press(dialog, "account_save")
        dialog = await d.dialog("key_dialog")
        QTest.keyClicks(dialog.findChild(QLineEdit, "secret"), KEY)
        press(dialog, "key_save")
        await eventually(lambda: rows(d) and "3 models, refreshed" in facts(rows(d)[0]))
        await eventually(lambda: "Key …wxyz in the keyring" in facts(rows(d)[0]))
        assert providers.audit.isVisible()
        assert not providers.findChild(QLabel, "no_accounts").isVisible()


async def test_that_a_server_without_a_key_is_asked_for_its_models_at_once(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        d.window.perform("add_account")
        dialog = await d.dialog("account_dialog")
        choose(dialog, "Ollama")
        assert dialog.findChild(QLineEdit, "account_address").text() == OLLAMA.base_url
        QTest.keyClicks(dialog.findChild(QLineEdit, "account_name"), "Ollama, here")
        press(dialog, "account_save")
        await d.gone("account_dialog")
        await eventually(lambda: rows(d) and "Needs no key · 3 models" in facts(rows(d)[0]))
        [account] = d.manager.accounts.all()
        assert (account.name, account.kind) == ("Ollama, here", ProviderKind.OLLAMA)


async def test_that_each_preset_brings_its_address_and_what_was_typed_stays(
    qtbot, tmp_path
) -> None:
    async with desk(tmp_path) as d:
        d.window.perform("add_account")
        dialog = await d.dialog("account_dialog")
        address = dialog.findChild(QLineEdit, "account_address")
        choose(dialog, "LM Studio")
        assert address.text() == "http://127.0.0.1:1234/v1"
        choose(dialog, "OpenAI-compatible")
        assert address.text() == ""
        assert not dialog.findChild(QPushButton, "account_save").isEnabled()
        QTest.keyClicks(address, "http://127.0.0.1:9/v1")
        choose(dialog, "vLLM")
        assert address.text() == "http://127.0.0.1:9/v1"
        dialog.reject()
        await d.gone("account_dialog")


async def test_that_what_is_no_address_is_said_in_place_until_it_is_mended(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        d.window.perform("add_account")
        dialog = await d.dialog("account_dialog")
        choose(dialog, "OpenAI-compatible")
        address = dialog.findChild(QLineEdit, "account_address")
        QTest.keyClicks(address, "my server")
        press(dialog, "account_save")
        error = dialog.findChild(QLabel, "account_address_error")
        assert error.isVisible()
        assert "isn't the address of a server" in error.text()
        assert not d.manager.accounts.all()
        address.clear()
        QTest.keyClicks(address, "http://box.lan:8000/v1")
        assert not error.isVisible()
        assert dialog.agree.isVisible()
        press(dialog, "account_save")
        await d.gone("account_dialog")
        await eventually(d.manager.accounts.all)
        assert not d.manager.accounts.all()[0].plain_http


async def test_that_an_account_is_renamed_and_moved(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        account = await d.manager.accounts.add(ProviderKind.OLLAMA)
        await d.manager.accounts.refresh(account)
        d.window.show_page("settings")
        await eventually(lambda: rows(d))
        press(rows(d)[0], "account_change")
        dialog = await d.dialog("account_dialog")
        assert not dialog.provider.isVisible()
        name = dialog.findChild(QLineEdit, "account_name")
        name.clear()
        QTest.keyClicks(name, "Shed")
        address = dialog.findChild(QLineEdit, "account_address")
        address.clear()
        QTest.keyClicks(address, "http://127.0.0.1:9999/v1")
        d.world.connections.pages = [["delta"]]
        press(dialog, "account_save")
        await d.gone("account_dialog")
        kept = d.manager.accounts.get(account)
        assert (kept.name, kept.base_url) == ("Shed", "http://127.0.0.1:9999/v1")
        await eventually(lambda: "ollama:delta" in d.manager.accounts.models(account))


async def test_that_a_key_that_is_kept_keeps_an_account_from_plain_http(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        account = await d.manager.accounts.add(ProviderKind.VLLM)
        await d.manager.keys.set(account, KEY)
        d.window.perform("change_account", account)
        dialog = await d.dialog("account_dialog")
        dialog.form.set_address("http://box.lan:8000/v1")
        press(dialog, "account_save")
        error = dialog.findChild(QLabel, "account_address_error")
        await eventually(error.isVisible)
        assert "unencrypted" in error.text()
        QTest.mouseClick(dialog.agree, Qt.MouseButton.LeftButton)
        press(dialog, "account_save")
        await d.gone("account_dialog")
        assert d.manager.accounts.get(account).plain_http


async def test_that_a_failed_refresh_stands_in_the_row_with_what_mends_it(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        account = await d.manager.accounts.add(ProviderKind.OPENAI)
        await d.manager.keys.set(account, KEY)
        d.window.show_page("settings")
        await eventually(lambda: rows(d))
        for failure, offered in (
            (Overloaded("It is overloaded.", "Try again."), "error_try_again"),
            (NotThatServer("That is a web page.", "Check the address."), "error_change…"),
        ):
            d.world.connections.failure = failure
            press(rows(d)[0], "account_refresh")
            await eventually(lambda name=offered: rows(d)[0].findChild(QPushButton, name))
            await eventually(rows(d)[0].findChild(QPushButton, offered).isVisible)
        assert not d.toasts()
        d.world.connections.failure = None
        d.world.connections.refused = {Secret(KEY)}
        press(rows(d)[0], "account_refresh")
        await eventually(lambda: rows(d)[0].findChild(QPushButton, "error_set_key…"))
        press(rows(d)[0], "error_set_key…")
        dialog = await d.dialog("key_dialog")
        d.world.connections.refused = set()
        QTest.keyClicks(dialog.findChild(QLineEdit, "secret"), f"{KEY}2")
        press(dialog, "key_save")
        await d.gone("key_dialog")
        await eventually(lambda: ", refreshed" in facts(rows(d)[0]))
        await eventually(lambda: not rows(d)[0]._error.isVisible())


async def test_that_a_locked_keyring_is_told_in_the_row(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        account = await d.manager.accounts.add(ProviderKind.OPENAI)
        await d.manager.keys.set(account, KEY)
        d.manager.keys._book.ports.vault._backend = LockedKeyring()
        d.window.show_page("settings")
        await eventually(lambda: rows(d) and rows(d)[0]._error is not None)
        assert "keyring is locked" in d.window.settings_page.accounts.lines()[0].problem.what


async def test_that_the_keyring_is_asked_only_once_somebody_looks(qtbot, tmp_path) -> None:
    asked = []

    class Watched(LockedKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            asked.append(service)
            return None

    world = FakeWorld(tmp_path)
    async with world.manager() as manager:
        await manager.keys.set(await manager.accounts.add(ProviderKind.OPENAI), KEY)
    world.keyring = Watched()
    async with desk(tmp_path, world) as d:
        for page in ("library", "loaded", "playground", "profile"):
            d.window.show_page(page)
            await asyncio.sleep(0.02)
        assert not asked
        d.window.show_page("settings")
        await eventually(lambda: asked)


async def test_that_removing_says_what_goes_and_asks_first(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        account = await d.manager.accounts.add(ProviderKind.OPENAI)
        await d.manager.keys.set(account, KEY)
        await d.manager.accounts.refresh(account)
        d.window.show_page("settings")
        await eventually(lambda: rows(d))
        press(rows(d)[0], "account_remove")
        dialog = await d.dialog("question")
        said = "".join(label.text() for label in dialog.findChildren(QLabel))
        assert "its key and its 3 models" in said
        press(dialog, "answer_Cancel")
        await d.gone("question")
        assert d.manager.accounts.all()
        press(rows(d)[0], "account_remove")
        press(await d.dialog("question"), "answer_Remove")
        await eventually(lambda: not rows(d))
        assert d.window.settings_page.providers.add.property("kind") == "primary"
        await eventually(lambda: "OpenAI was removed." in d.toasts())
    assert not d.world.keyring.entries


async def test_that_a_removed_account_is_called_back_from_the_message(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        account = await d.manager.accounts.add(ProviderKind.OPENAI)
        await d.manager.keys.set(account, KEY)
        await d.manager.accounts.refresh(account)
        d.window.show_page("settings")
        await eventually(lambda: rows(d))
        await d.manager.accounts.remove(account)
        await eventually(lambda: not rows(d) and d.toasts())
        press(d.window.toaster.toasts[0], "toast_action")
        await eventually(lambda: rows(d) and "3 models, refreshed" in facts(rows(d)[0]))
        await eventually(lambda: "Key …wxyz" in facts(rows(d)[0]))
        assert not d.toasts()


async def test_that_a_removed_key_is_called_back_from_the_message(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        account = await d.manager.accounts.add(ProviderKind.OPENAI)
        await d.manager.keys.set(account, KEY)
        d.window.show_page("settings")
        await eventually(lambda: rows(d) and "Key …wxyz" in facts(rows(d)[0]))
        await d.manager.keys.remove(account)
        await eventually(lambda: "No key yet" in facts(rows(d)[0]))
        assert d.toasts() == ["The key of OpenAI was removed."]
        press(d.window.toaster.toasts[0], "toast_action")
        await eventually(lambda: "Key …wxyz" in facts(rows(d)[0]))


async def test_that_the_last_refresh_is_shown_after_a_restart(qtbot, tmp_path) -> None:
    world = FakeWorld(tmp_path)
    async with world.manager() as manager:
        fine = await manager.accounts.add(ProviderKind.OLLAMA)
        await manager.accounts.refresh(fine)
        world.connections.failure = Overloaded("It is overloaded.", "Try again.")
        failing = await manager.accounts.add(ProviderKind.LM_STUDIO)
        with pytest.raises(Overloaded):
            await manager.accounts.refresh(failing)
    async with desk(tmp_path, world) as d:
        d.window.show_page("settings")
        await eventually(lambda: len(rows(d)) == 2)
        assert "3 models, refreshed " in facts(rows(d)[0])
        assert "3 models, couldn't be refreshed " in facts(rows(d)[1])
        assert d.window.settings_page.accounts.lines()[1].problem.what == "It is overloaded."


async def test_that_several_accounts_of_a_provider_stand_apart(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        first = await d.manager.accounts.add(ProviderKind.OPENAI)
        second = await d.manager.accounts.add(ProviderKind.OPENAI, "Work")
        await d.manager.keys.set(first, KEY)
        await d.manager.keys.set(second, "sk-canary-work-4321", for_now=True)
        d.window.show_page("settings")
        await eventually(lambda: len(rows(d)) == 2 and "4321" in facts(rows(d)[1]))
        names = [(line.name, line.provider) for line in d.window.settings_page.accounts.lines()]
        assert names == [("OpenAI", ""), ("Work", "OpenAI")]
        assert "…wxyz in the keyring" in facts(rows(d)[0])
        assert "kept until Modelyard quits" in facts(rows(d)[1])


async def test_that_the_library_shows_an_account_by_its_name_of_the_moment(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        account = await d.manager.accounts.add(ProviderKind.OPENAI, "Work")
        await d.manager.keys.set(account, KEY)
        await d.manager.accounts.refresh(account)
        table = d.window.library_page.view_model.table
        column = next(at for at, item in enumerate(COLUMNS) if item.id == "provider")
        told: list[object] = []
        table.dataChanged.connect(lambda *_: told.append(table.index(0, column).data()))
        await eventually(lambda: table.rowCount() and table.index(0, column).data() == "Work")
        await d.manager.accounts.change(account, AccountChange(name="Play"))
        await eventually(lambda: "Play" in told)


async def test_that_every_button_of_a_row_says_whose_it_is_and_is_reached_by_tab(
    qtbot, tmp_path
) -> None:
    async with desk(tmp_path) as d:
        for name in ("One", "Two"):
            await d.manager.accounts.add(ProviderKind.OPENAI, name)
        d.window.show_page("settings")
        await eventually(lambda: len(rows(d)) == 2)
        wanted = [*rows(d)[0].own_buttons(), *rows(d)[1].own_buttons()]
        for button in wanted:
            assert button.accessibleName().endswith(("One", "Two"))
        wanted += [d.window.settings_page.providers.add, d.window.settings_page.providers.audit]
        wanted[0].setFocus()
        reached = []
        for _ in wanted:
            reached.append(d.window.focusWidget())
            QTest.keyClick(d.window.focusWidget(), Qt.Key.Key_Tab)
        assert reached == wanted


# Servers on this machine


async def test_that_a_server_on_this_machine_is_offered_and_one_press_adds_it(
    qtbot, tmp_path
) -> None:
    async with desk(tmp_path) as d:
        d.world.connections.local = (OLLAMA,)
        d.window.library_page.servers.look()
        offers = d.window.library_page.offers
        await eventually(lambda: offers.isVisible() and offers.banners)
        assert (
            offers.banners[0].words() == "Ollama answers on this machine at port 11434: 3 models."
        )
        assert offers.banners[0].button.accessibleName() == "Use Ollama"
        press(offers, "banner_action")
        await eventually(lambda: d.window.library_page.view_model.table.known == 3)
        assert not offers.isVisible()
        [account] = d.manager.accounts.all()
        assert account.base_url == OLLAMA.base_url


async def test_that_the_library_offers_servers_only_while_it_is_empty(qtbot, tmp_path) -> None:
    world = FakeWorld(tmp_path)
    world.ports.offer(spec("alpha"))
    async with desk(tmp_path, world) as d:
        d.world.connections.local = (OLLAMA,)
        await d.manager.accounts.find_local()
        providers = d.window.settings_page.providers
        d.window.show_page("settings")
        await eventually(lambda: providers.findChild(LocalOffers).isVisible())
        d.window.show_page("library")
        assert not d.window.library_page.offers.isVisible()


async def test_that_a_manager_without_accounts_offers_nothing_and_says_nothing(
    qtbot, tmp_path: Path
) -> None:
    world = FakeWorld(tmp_path)
    async with desk(tmp_path, world) as d:
        d.manager.keys._book._ports = None
        d.window.library_page.servers.look()
        await eventually(lambda: not d.intents.running("look for local servers"))
        assert not d.toasts()


# The audit


async def test_that_an_audit_tells_what_it_searched_and_finds_a_key_in_a_file(
    qtbot, tmp_path
) -> None:
    async with desk(tmp_path) as d:
        account = await d.manager.accounts.add(ProviderKind.OPENAI)
        await d.manager.keys.set(account, KEY)
        (tmp_path / "clean.txt").write_text("nothing here")
        d.window.perform("audit_keys")
        dialog = await d.dialog("audit_dialog")
        said = dialog.findChild(QLabel, "audit_words")
        await eventually(said.isVisible)
        assert said.text().startswith("Searched 1 file and 1 process of Modelyard for 1 key.")
        assert said.text().endswith("None lies openly.")
        (tmp_path / "notes.txt").write_text(f"key = {KEY}")
        press(dialog, "audit_again")
        await eventually(lambda: "1 place shows a key openly" in said.text())
        shown = [label.text() for label in dialog.findChildren(QLabel)]
        assert any("notes.txt (the key of OpenAI)" in text for text in shown)
        assert not any(KEY in text for text in shown)
        dialog.reject()
        await d.gone("audit_dialog")


async def test_that_an_audit_that_cannot_read_a_key_says_why_and_tries_again(
    qtbot, tmp_path
) -> None:
    async with desk(tmp_path) as d:
        account = await d.manager.accounts.add(ProviderKind.OPENAI)
        await d.manager.keys.set(account, KEY)
        vault = d.manager.keys._book.ports.vault
        vault._backend = LockedKeyring()
        d.window.perform("audit_keys")
        dialog = await d.dialog("audit_dialog")
        await eventually(lambda: dialog.findChild(QPushButton, "error_try_again"))
        vault._backend = d.world.keyring
        press(dialog, "error_try_again")
        said = dialog.findChild(QLabel, "audit_words")
        await eventually(said.isVisible)
        dialog.reject()
        await d.gone("audit_dialog")


def test_that_an_address_is_plain_only_to_another_machine() -> None:
    assert account_words.is_plain("http://box.lan/v1")
    assert not account_words.is_plain("http://127.0.0.1:8080/v1")
    assert not account_words.is_plain("https://box.lan/v1")
    assert not account_words.is_plain("http://")
