"""The Playground by its buttons and keys, over the real manager."""

from collections.abc import AsyncGenerator

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QTextCursor, QTextOption
from PySide6.QtWidgets import QDialog, QLabel, QPushButton

from app.domain.chat_templates import ChatTemplate, TemplateSource, Thinking, ThinkingSwitch
from app.domain.conversations import Conversation, ConversationId, Message, MessageId
from app.domain.crashes import CrashCause, CrashReport
from app.domain.errors import ContextOverflow, ErrorKind, WorkerCrashed
from app.domain.generation import GenerationRequest, GenerationUpdate, Role
from app.ui.pages.playground_page import PlaygroundPage
from app.ui.viewmodels.overview import overview
from tests.support.fakes import eventually, fake_ports, spec
from tests.ui.rig import ALPHA, BETA, Rig, rig


def page_of(r: Rig, qtbot) -> PlaygroundPage:
    page = PlaygroundPage(r.manager, r.look, r.intents, r.bridge, r.gestures)
    qtbot.addWidget(page)
    page.resize(1000, 700)
    page.show()
    return page


def send_button(page: PlaygroundPage) -> QPushButton:
    return page.findChild(QPushButton, "send")


def shown(page: PlaygroundPage) -> str:
    return page.transcript.toPlainText()


async def test_that_enter_sends_and_the_answer_shows_model_and_figures(qtbot) -> None:
    async with rig(ALPHA) as r:
        await r.load(ALPHA)
        page = page_of(r, qtbot)
        await eventually(lambda: page.view_model.current)
        qtbot.keyClicks(page.composer.input, "Hello")
        qtbot.keyClick(page.composer.input, Qt.Key.Key_Return)
        assert page.composer.text == ""
        assert send_button(page).text() == "Stop"
        await eventually(lambda: send_button(page).text() == "Send")
        lines = [line for line in shown(page).splitlines() if line]
        assert lines[0] == "Hello"
        assert lines[1] == "alpha"
        assert lines[2].startswith("alpha0 alpha1")
        assert "to first token" in lines[3]
        assert lines[3].endswith("20 tokens")


async def test_that_shift_enter_starts_a_line_and_an_empty_prompt_is_not_sent(qtbot) -> None:
    async with rig(ALPHA) as r:
        await r.load(ALPHA)
        page = page_of(r, qtbot)
        await eventually(lambda: page.view_model.current)
        qtbot.keyClick(page.composer.input, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
        assert page.composer.text == "\n"
        assert not send_button(page).isEnabled()
        qtbot.keyClick(page.composer.input, Qt.Key.Key_Return)
        assert not page.view_model.answering


async def test_that_escape_and_the_button_stop_the_answer(qtbot) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        page = page_of(r, qtbot)
        await eventually(lambda: page.view_model.current)
        for stop in (
            lambda: qtbot.keyClick(page.composer.input, Qt.Key.Key_Escape),
            lambda: qtbot.keyClick(page.transcript, Qt.Key.Key_Escape),
            lambda: qtbot.mouseClick(send_button(page), Qt.MouseButton.LeftButton),
        ):
            page.composer.set_text("Hello")
            qtbot.mouseClick(send_button(page), Qt.MouseButton.LeftButton)
            await eventually(lambda: page.view_model.current.partial)
            stop()
            await eventually(lambda: not page.view_model.answering)
        assert engine.stopped == 3
        assert shown(page).count("Stopped") == 3


async def test_that_a_crash_shows_cause_and_retry_in_place(qtbot) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        page = page_of(r, qtbot)
        await eventually(lambda: page.view_model.current)
        page.view_model.send("Hello")
        await eventually(lambda: page.view_model.current.partial)
        engine.crash()
        await eventually(lambda: page._error is not None and page._error.isVisible())
        assert "alpha0" in shown(page)
        assert "Failed" in shown(page)
        retry = page._error.findChild(QPushButton, "error_retry")
        qtbot.mouseClick(retry, Qt.MouseButton.LeftButton)
        assert not page._error.isVisible()
        await eventually(lambda: not page.view_model.answering)
        assert "Failed" not in shown(page)
        assert "alpha19" in shown(page)


async def test_that_retry_asks_the_same_model_and_the_active_one_may_be_asked(qtbot) -> None:
    async with rig(ALPHA, BETA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        page = page_of(r, qtbot)
        await eventually(lambda: page.view_model.current)
        page.view_model.send("Hello")
        await eventually(lambda: page.view_model.current.partial)
        await r.manager.models.switch(BETA.id)
        engine.crash()
        await eventually(lambda: page._error is not None and page._error.isVisible())
        note = page._error.findChild(QLabel, "error_note")
        await eventually(lambda: "Retry asks alpha" in note.text())
        assert "beta is active" in note.text()
        ask = page._error.findChild(QPushButton, "error_ask_the_active_model")
        qtbot.mouseClick(ask, Qt.MouseButton.LeftButton)
        await eventually(lambda: not page.view_model.answering)
        assert "beta19" in shown(page)
        assert "alpha0" not in shown(page)


async def test_that_a_partial_answer_stays_in_view_until_the_new_one_begins(qtbot) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        page = page_of(r, qtbot)
        await eventually(lambda: page.view_model.current)
        page.view_model.send("Hello")
        await eventually(lambda: page.view_model.current.partial)
        engine.crash()
        await eventually(lambda: page._error is not None and page._error.isVisible())
        r.ports.provider.go.clear()
        page.view_model.retry()
        await eventually(page.waiting.isVisible)
        await eventually(lambda: len(r.ports.provider.loads) == 2)
        assert "alpha0" in shown(page)
        assert "Failed" in shown(page)
        page.view_model.stop()
        await eventually(lambda: not page.view_model.answering)
        assert "alpha0" in shown(page)
        r.ports.provider.go.set()
        page.view_model.retry()
        await eventually(lambda: not page.view_model.answering)
        assert shown(page).count("alpha0") == 1
        assert "Failed" not in shown(page)


async def test_that_an_answer_says_when_its_model_starts_again_by_itself(qtbot) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        page = page_of(r, qtbot)
        await eventually(lambda: page.view_model.current)
        page.view_model.send("Hello")
        await eventually(lambda: page.view_model.current.partial)
        engine.crash()
        await eventually(lambda: page._error is not None and page._error.isVisible())
        assert page.view_model.failure().remedy == "It starts again by itself soon."
        await r.manager.models.cancel_restart(ALPHA.id)
        assert page.view_model.failure().remedy == "Try it again."


async def test_that_a_crashed_model_is_loaded_more_safely_and_answers(qtbot) -> None:
    async with rig(ALPHA) as r:
        aborted = CrashReport(cause=CrashCause.ASSERTION, how="SIGABRT")
        r.ports.provider.failures[ALPHA.id] = WorkerCrashed(
            "It was ended by SIGABRT.", "Load it again.", "", aborted
        )
        await r.manager.models.assign_alias("active", ALPHA.id)
        page = page_of(r, qtbot)
        await eventually(lambda: page.view_model.current)
        page.view_model.send("Hello")
        await eventually(lambda: page._error is not None and page._error.isVisible())
        r.ports.provider.failures.clear()
        safer = page._error.findChild(QPushButton, "error_load_more_safely")
        qtbot.mouseClick(safer, Qt.MouseButton.LeftButton)
        await eventually(lambda: "alpha19" in shown(page))
        assert r.ports.provider.settings[-1].flash_attention is False


async def test_that_a_model_that_does_not_fit_is_loaded_anyway_and_answers(qtbot) -> None:
    async with rig(ALPHA) as r:
        r.ports.devices.total = 1_000_000_000
        await r.manager.models.assign_alias("active", ALPHA.id)
        page = page_of(r, qtbot)
        await eventually(lambda: page.view_model.current)
        page.view_model.send("Hello")
        await eventually(lambda: page._error is not None and page._error.isVisible())
        anyway = page._error.findChild(QPushButton, "error_load_anyway")
        qtbot.mouseClick(anyway, Qt.MouseButton.LeftButton)
        await eventually(lambda: "alpha19" in shown(page))
        assert r.manager.models.instance(ALPHA.id).anyway


async def test_that_a_switch_leaves_the_running_answer_its_name(qtbot) -> None:
    async with rig(ALPHA, BETA) as r:
        engine = await r.load(ALPHA)
        await r.load(BETA)
        engine.go.clear()
        page = page_of(r, qtbot)
        await eventually(lambda: page.view_model.current)
        page.view_model.send("Hello")
        await eventually(lambda: page.view_model.current.partial)
        page.composer.menu.aboutToShow.emit()
        texts = {action.text(): action for action in page.composer.menu.actions()}
        assert texts["alpha · Q4_K_M"].isChecked()
        texts["beta · Q4_K_M"].trigger()
        await eventually(lambda: page.composer._model.text() == "beta")
        page.transcript.flush()
        assert shown(page).splitlines()[-2:] == ["alpha", "alpha0"]
        engine.go.set()
        await eventually(lambda: not page.view_model.answering)
        page.view_model.send("Again")
        await eventually(lambda: not page.view_model.answering)
        assert "beta19" in shown(page)


async def test_that_another_conversation_keeps_the_answer_and_the_draft(qtbot) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        page = page_of(r, qtbot)
        playground = page.view_model
        await eventually(lambda: playground.current)
        first = playground.current
        playground.send("First")
        await eventually(lambda: first.partial)
        page.composer.set_text("half a thought")
        qtbot.mouseClick(page.findChild(QPushButton, "new_conversation"), Qt.MouseButton.LeftButton)
        await eventually(lambda: playground.current is not first)
        assert page.composer.text == ""
        assert send_button(page).text() == "Send"
        engine.go.set()
        await eventually(lambda: first.live is None)
        assert shown(page) == ""
        page.list.opened.emit(first.id)
        assert "alpha19" in shown(page)
        assert page.composer.text == "half a thought"


async def test_that_delete_asks_first(qtbot) -> None:
    async with rig(ALPHA) as r:
        await r.load(ALPHA)
        page = page_of(r, qtbot)
        playground = page.view_model
        await eventually(lambda: playground.current)
        playground.send("Hello")
        await eventually(lambda: not playground.answering)
        chat = playground.current
        for answer, left in (("Cancel", True), ("Delete", False)):
            qtbot.keyClick(page.list.view, Qt.Key.Key_Delete)
            await eventually(lambda: page.findChild(QDialog, "question"))
            dialog = page.findChild(QDialog, "question")
            button = dialog.findChild(QPushButton, f"answer_{answer}")
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
            await eventually(lambda: not r.intents.running("delete conversation"))
            await eventually(lambda: not r.intents.running(f"delete:{chat.id}"))
            assert (chat.id in r.ports.store.kept_conversations) is left


async def test_that_without_a_model_the_library_is_one_click_away(qtbot) -> None:
    async with rig(ALPHA) as r:
        page = page_of(r, qtbot)
        await eventually(lambda: page.view_model.current)
        assert page.no_model.isVisible()
        with qtbot.waitSignal(page.navigate) as asked:
            qtbot.mouseClick(page.no_model.button, Qt.MouseButton.LeftButton)
        assert asked.args == ["library"]
        await r.load(ALPHA)
        await eventually(page.hint.isVisible)


async def test_that_links_open_outside_and_only_web_and_mail(qtbot, monkeypatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        QDesktopServices, "openUrl", lambda url: opened.append(url.toString()) or True
    )
    async with rig(ALPHA) as r:
        page = page_of(r, qtbot)
        for address in ("https://example.org/a", "file:///etc/passwd", "javascript:alert(1)"):
            page.transcript.anchorClicked.emit(QUrl(address))
        assert opened == ["https://example.org/a"]
        assert (
            page.transcript.textCursor().position()
            == QTextCursor(page.transcript.document()).position()
        )


async def test_that_a_kept_conversation_opens_at_its_end_and_stays_there(qtbot) -> None:
    ports = fake_ports()
    chat = Conversation(id=ConversationId("c"), title="t", created_at=0.0, updated_at=1.0)
    ports.store.kept_conversations[chat.id] = chat
    text = ("A paragraph that wraps in a narrow window. " * 6 + "\n\n- one\n- two\n\n") * 12
    for number, role in enumerate((Role.USER, Role.ASSISTANT) * 2):
        turn = Message(
            id=MessageId(str(number)),
            conversation_id=chat.id,
            role=role,
            text=text,
            created_at=float(number),
            model_name="alpha",
        )
        ports.store.kept_messages[turn.id] = turn
    async with rig(ALPHA, ports=ports) as r:
        page = page_of(r, qtbot)
        bar = page.transcript.verticalScrollBar()
        await eventually(lambda: bar.value() == bar.maximum() > 0)
        for size in ((1600, 1000), (720, 480)):
            page.resize(*size)
            await eventually(lambda: bar.value() == bar.maximum())
        page.hide()
        page.resize(1300, 900)
        page.show()
        await eventually(lambda: bar.value() == bar.maximum())
        bar.setValue(100)
        page.hide()
        page.show()
        page.resize(1200, 700)
        assert bar.value() == 100


async def focused_page(r: Rig, qtbot) -> PlaygroundPage:
    page = page_of(r, qtbot)
    page.activateWindow()
    page.focus_composer()
    await eventually(page.composer.input.hasFocus)
    await eventually(lambda: page.view_model.current)
    return page


async def test_that_keys_go_to_the_prompt_after_a_click_on_send(qtbot) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        page = await focused_page(r, qtbot)
        page.composer.set_text("Hello")
        qtbot.mouseClick(send_button(page), Qt.MouseButton.LeftButton)
        assert page.composer.input.hasFocus()
        page.view_model.stop()
        await eventually(lambda: not page.view_model.answering)


async def test_that_the_button_gives_the_focus_back_when_it_becomes_another(qtbot) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        page = await focused_page(r, qtbot)
        page.view_model.send("Hello")
        await eventually(lambda: page.view_model.current.partial)
        send_button(page).setFocus(Qt.FocusReason.TabFocusReason)
        assert send_button(page).hasFocus()
        engine.go.set()
        await eventually(lambda: not page.view_model.answering)
        assert page.composer.input.hasFocus()


async def test_that_retry_leaves_the_focus_in_the_prompt(qtbot) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        page = await focused_page(r, qtbot)
        page.view_model.send("Hello")
        await eventually(lambda: page.view_model.current.partial)
        engine.crash()
        await eventually(lambda: page._error is not None and page._error.isVisible())
        retry = page._error.findChild(QPushButton, "error_retry")
        retry.setFocus()
        qtbot.keyClick(retry, Qt.Key.Key_Space)
        assert not page._error.isVisible()
        assert page.composer.input.hasFocus()
        await eventually(lambda: not page.view_model.answering)


async def too_long(_request: GenerationRequest) -> AsyncGenerator[GenerationUpdate, None]:
    raise ContextOverflow("It has 9,000 tokens.", "Shorten it.")
    yield


async def test_that_an_overlong_conversation_has_other_ways_out_than_retry(
    qtbot, monkeypatch
) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        page = await focused_page(r, qtbot)
        monkeypatch.setattr(engine, "generate", too_long)
        page.composer.set_text("A very long prompt")
        qtbot.mouseClick(send_button(page), Qt.MouseButton.LeftButton)
        await eventually(lambda: page._error is not None and page._error.isVisible())
        buttons = {button.objectName(): button for button in page._error.findChildren(QPushButton)}
        assert set(buttons) == {"error_new_conversation", "error_edit_prompt", "error_details"}
        failed = page.view_model.current
        qtbot.mouseClick(buttons["error_new_conversation"], Qt.MouseButton.LeftButton)
        assert page.view_model.current is not failed
        assert not page._error.isVisible()
        assert page.composer.text == ""
        page.view_model.open(failed.id)
        qtbot.mouseClick(buttons["error_edit_prompt"], Qt.MouseButton.LeftButton)
        await eventually(lambda: page.composer.text == "A very long prompt")
        assert failed.messages == ()
        assert not page._error.isVisible()
        assert await r.manager.conversations.messages(failed.id) == ()


async def test_that_the_oldest_turns_are_left_out_on_request_until_that_is_undone(
    qtbot, monkeypatch
) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        page = await focused_page(r, qtbot)
        playground = page.view_model
        for _ in range(3):
            playground.send("A question")
            await eventually(lambda: not playground.answering)
        assert not page.dropping_note.isVisible()
        generate, refused = engine.generate, []

        async def once(request):
            if not refused or not playground.conversation.drops_oldest:
                refused.append(request)
                raise ContextOverflow("It has 9,000 tokens.", "Shorten it.", share=0.9)
            async for update in generate(request):
                yield update

        monkeypatch.setattr(engine, "generate", once)
        playground.send("One more")
        await eventually(lambda: page._error is not None and page._error.isVisible())
        buttons = {button.text(): button for button in page._error.findChildren(QPushButton)}
        assert set(buttons) == {"Drop the oldest turns", "New conversation", "Details"}
        qtbot.mouseClick(buttons["Drop the oldest turns"], Qt.MouseButton.LeftButton)
        # The choice is drawn with the next frame, and a short answer may end before that.
        await eventually(page.dropping_note.isVisible)
        await eventually(lambda: not playground.answering)
        assert not page._error.isVisible()
        assert page.composer.input.hasFocus()
        page.dropping_note.button.setFocus()
        qtbot.keyClick(page.dropping_note.button, Qt.Key.Key_Space)
        await eventually(lambda: not page.dropping_note.isVisible())
        assert page.composer.input.hasFocus()
        assert not playground.conversation.drops_oldest


async def test_that_an_endless_text_is_refused_before_it_is_laid_out(qtbot) -> None:
    async with rig(ALPHA) as r:
        await r.load(ALPHA)
        page = await focused_page(r, qtbot)
        told = []
        r.intents.failed.connect(told.append)
        page.composer.set_text("before ")
        pasted = QMimeData()
        pasted.setText("x" * 10_000_000)
        page.composer.input.insertFromMimeData(pasted)
        assert page.composer.text == "before "
        assert told[0].what.startswith("This text has 10,000,007 characters")
        assert not page.view_model.send("x" * 10_000_000)
        assert told[1].kind is ErrorKind.CONTEXT_OVERFLOW
        assert page.view_model.current.messages == ()


async def test_that_a_long_word_is_laid_out_and_shown_in_part(qtbot) -> None:
    async with rig(ALPHA) as r:
        await r.load(ALPHA)
        page = await focused_page(r, qtbot)
        pasted = QMimeData()
        pasted.setText("x" * 200_000)
        page.composer.input.insertFromMimeData(pasted)
        assert page.composer.input.wordWrapMode() is QTextOption.WrapMode.WrapAnywhere
        qtbot.mouseClick(send_button(page), Qt.MouseButton.LeftButton)
        await eventually(lambda: not page.view_model.answering)
        assert "180,000 more characters" in shown(page)
        assert len(page.view_model.current.messages[0].text) == 200_000


SWITCH = ThinkingSwitch(
    variable="enable_thinking", choices=(Thinking.ON, Thinking.OFF), default=Thinking.ON
)


async def test_that_thinking_is_offered_where_the_template_has_a_switch(qtbot) -> None:
    ports = fake_ports()
    ports.provider.switches[BETA.id] = SWITCH
    async with rig(ALPHA, BETA, ports=ports) as r:
        await r.load(ALPHA)
        page = await focused_page(r, qtbot)
        box = page.composer.thinking
        assert not box.isVisible()
        await r.manager.models.switch(BETA.id)
        await eventually(box.isVisible)
        assert [box.itemText(row) for row in range(box.count())] == [
            "Thinking: on",
            "Thinking: off",
        ]
        assert box.currentText() == "Thinking: on"
        box.setFocus()
        qtbot.keyClick(box, Qt.Key.Key_Down)
        page.view_model.send("Hello")
        await eventually(lambda: not page.view_model.answering)
        assert r.ports.provider.engines[BETA.id].requests[-1].thinking is Thinking.OFF
        page.new_conversation()
        assert box.currentText() == "Thinking: on"


async def test_that_reasoning_is_folded_above_its_answer(qtbot) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.thoughts = 3
        engine.go.clear()
        page = await focused_page(r, qtbot)
        page.view_model.send("Hello")
        await eventually(lambda: "Thinking… · Show" in shown(page))
        assert not page.waiting.isVisible()
        answer = page.view_model.current.live.id
        page.transcript.anchorClicked.emit(QUrl(f"reasoning:{answer}"))
        assert "Thinking… · Hide\nalpha0 " in shown(page)
        engine.go.set()
        await eventually(lambda: not page.view_model.answering)
        lines = [line.strip() for line in shown(page).splitlines() if line]
        assert lines[2].startswith("Thought for ")
        assert lines[3] == "alpha0 alpha1 alpha2"
        assert lines[4].startswith("alpha3 alpha4")
        page.transcript.anchorClicked.emit(QUrl(f"reasoning:{answer}"))
        assert "alpha0" not in shown(page)
        assert " · Show" in shown(page)


@pytest.mark.parametrize(
    ("source", "name", "note"),
    [
        (TemplateSource.FILE, "", ""),
        (TemplateSource.KNOWN, "ChatML", "the known one for ChatML is used"),
        (TemplateSource.SCRIPT, "", "plain script"),
    ],
)
async def test_that_what_stands_in_for_a_template_is_said(qtbot, source, name, note) -> None:
    ports = fake_ports()
    ports.provider.templates[ALPHA.id] = ChatTemplate(source=source, name=name)
    async with rig(ALPHA, ports=ports) as r:
        page = await focused_page(r, qtbot)
        await r.load(ALPHA)
        await eventually(lambda: not page.view_model.target.note)
        assert page.template_note.isVisible() is bool(note)
        assert note in page.template_note.words.text()
        facts = {
            fact.label: fact for section in overview(ALPHA, r.manager) for fact in section.facts
        }
        assert facts["Chat template"].hint == ("the file brings none" if note else "")


async def test_that_the_hint_says_what_the_keys_do_now(qtbot) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        page = await focused_page(r, qtbot)
        hint = page.composer.findChild(QLabel, "hint")
        assert hint.text().startswith("Enter sends")
        page.view_model.send("Hello")
        assert hint.text() == "Answering · Esc stops"
        engine.go.set()
        await eventually(lambda: not page.view_model.answering)
        assert hint.text().startswith("Enter sends")


async def test_that_a_name_is_shown_as_it_is(qtbot) -> None:
    odd = spec("R&D <b>bold</b>")
    async with rig(odd) as r:
        await r.load(odd)
        page = await focused_page(r, qtbot)
        assert page.composer._model.text() == "R&&D <b>bold</b>"
        page.composer.menu.aboutToShow.emit()
        assert page.composer.menu.actions()[0].text() == "R&&D <b>bold</b> · Q4_K_M"
        formats = {label.textFormat() for label in (page.composer._note, page.waiting.words)}
        assert formats == {Qt.TextFormat.PlainText}
