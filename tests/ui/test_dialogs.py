"""Questions are awaited and leave no window behind."""

import asyncio

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QPushButton, QWidget

from app.ui import dialogs
from tests.support.fakes import eventually


def question(window: QWidget) -> QDialog | None:
    return window.findChild(QDialog, "question")


async def test_that_the_pressed_button_is_the_answer(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    asking = asyncio.create_task(dialogs.ask(window, "Quit?", "A model loads.", ("Quit", "Stay")))
    await eventually(lambda: question(window))
    qtbot.mouseClick(
        question(window).findChild(QPushButton, "answer_Stay"), Qt.MouseButton.LeftButton
    )
    assert await asking == "Stay"


@pytest.mark.parametrize(
    ("key", "answer"), [(Qt.Key.Key_Return, "Quit"), (Qt.Key.Key_Escape, None)]
)
async def test_that_enter_takes_the_default_and_escape_none(qtbot, key, answer):
    window = QWidget()
    qtbot.addWidget(window)
    asking = asyncio.create_task(dialogs.ask(window, "Quit?", "A model loads.", ("Quit", "Stay")))
    await eventually(lambda: question(window))
    qtbot.keyClick(question(window), key)
    assert await asking == answer


async def test_that_a_cancelled_question_closes_its_dialog(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    asking = asyncio.create_task(dialogs.ask(window, "Quit?", "A model loads.", ("Quit",)))
    await eventually(lambda: question(window))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await eventually(lambda: question(window) is None)


async def test_that_other_work_goes_on_while_a_question_waits(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    steps = []

    async def work():
        for step in range(5):
            await asyncio.sleep(0.001)
            steps.append(step)

    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(dialogs.ask(window, "Quit?", "A model loads.", ("Quit",)))
        tasks.create_task(work())
        await eventually(lambda: len(steps) == 5 and question(window))
        question(window).reject()
    assert asking.result() is None


async def test_that_enter_takes_what_has_the_focus(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    for keys, answer in (((), "Quit"), ((Qt.Key.Key_Tab,), "Stay")):
        asking = asyncio.create_task(dialogs.ask(window, "Quit?", "It loads.", ("Quit", "Stay")))
        await eventually(lambda: question(window) and question(window).focusWidget())
        for key in keys:
            qtbot.keyClick(question(window).focusWidget(), key)
        focused = question(window).focusWidget()
        assert focused.objectName() == f"answer_{answer}"
        qtbot.keyClick(focused, Qt.Key.Key_Return)
        assert await asking == answer
        await eventually(lambda: question(window) is None)


async def test_that_the_safe_answer_can_be_the_default(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    answers = ("Delete", "Keep")
    asking = asyncio.create_task(
        dialogs.ask(window, "Delete it?", "It is gone then.", answers, default="Keep")
    )
    await eventually(lambda: question(window))
    safe = question(window).findChild(QPushButton, "answer_Keep")
    assert question(window).focusWidget() is safe
    qtbot.keyClick(question(window), Qt.Key.Key_Return)
    assert await asking == "Keep"


async def test_that_a_question_shows_names_as_they_are(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    name = "<b>R&D</b>"
    asking = asyncio.create_task(dialogs.ask(window, name, name, ("Stay",), detail=name))
    await eventually(lambda: question(window))
    labels = question(window).findChildren(QLabel)
    assert len(labels) == 3
    assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}
    question(window).reject()
    assert await asking is None
