"""A provider, from no account to an answer, over real adapters and a server that misbehaves."""

import logging
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QDialog, QLabel, QLineEdit

from app.domain.instances import InstanceState
from app.system.logs import start_logging
from tests.flows.running import App, running
from tests.support.wire_server import MODEL, WireServer, cut, echo_key, status, wire_server

KEY = "sk-canary-flow-0123456789-wxyz"


async def dialog(app: App, name: str) -> QDialog:
    await app.until(lambda: app.seen(name))
    return app.find(name, QDialog)


async def add_account(app: App, server: WireServer) -> None:
    """From the Settings' one button to an account with a key, by mouse and keys."""
    app.window.show_page("settings")
    await app.click("add_account")
    await dialog(app, "account_dialog")
    box = app.find("account_provider", QComboBox)
    QTest.keyClicks(box, "OpenAI-c")
    box.activated.emit(box.currentIndex())
    address = app.find("account_address", QLineEdit)
    QTest.keyClicks(address, f"{server.url}/v1")
    QTest.keyClick(address, Qt.Key.Key_Return)
    await app.until(lambda: not app.seen("account_dialog"))
    await app.until(app.manager.accounts.all)
    await app.click("account_set_key")
    await set_key(app)


async def set_key(app: App) -> None:
    await dialog(app, "key_dialog")
    field = app.find("secret", QLineEdit)
    QTest.keyClicks(field, KEY)
    QTest.keyClick(field, Qt.Key.Key_Return)
    await app.until(lambda: not app.seen("key_dialog"))


async def test_that_a_person_gets_from_no_account_to_an_answer(qapp, tmp_path: Path) -> None:
    async with wire_server() as server, running(tmp_path / "state") as app:
        await add_account(app, server)
        await app.until(lambda: MODEL in app.names())
        await app.load(MODEL)
        assert app.state(MODEL) is InstanceState.READY
        await app.click("inspector_chat")
        await app.ask("Tell me a story")
        await app.until(lambda: "Once upon a time there" in app.transcript())
        assert server.asked[-1].key == KEY
        assert "temperature" not in server.asked[-1].body


async def test_that_trouble_at_the_provider_has_its_way_out_and_the_key_stays_unseen(
    qapp, tmp_path: Path
) -> None:
    logs = tmp_path / "state"
    logs.mkdir()
    stop = start_logging(logs)
    logging.getLogger("app").info("begun")
    try:
        async with wire_server() as server, running(tmp_path / "state") as app:
            await add_account(app, server)
            await app.until(lambda: MODEL in app.names())
            await app.load(MODEL)
            await app.click("inspector_chat")
            server.faults = [echo_key]
            await app.ask("Tell me a story")
            await app.click("error_set_key…")
            await set_key(app)
            await app.click("error_retry")
            await app.until(lambda: "Once upon a time there" in app.transcript())
            server.faults = [status(429, "rate_limit_error", retry_after="30")]
            await app.ask("And now")
            await app.until(lambda: app.seen("error_note"))
            said = app.find("error_note", QLabel)
            await app.until(lambda: said.text().startswith("It asks to wait another"))
            server.faults = [cut]
            await app.click("error_retry")
            await app.until(lambda: "Broke off" in app.transcript())
            assert "Once upon a" in app.transcript()
            app.window.perform("audit_keys")
            auditing = await dialog(app, "audit_dialog")
            words = auditing.findChild(QLabel, "audit_words")
            await app.until(words.isVisible)
            assert "for 1 key. None lies openly." in words.text()
            auditing.reject()
            await app.until(lambda: not app.seen("audit_dialog"))
    finally:
        stop()
    for path in (tmp_path / "state").rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path
