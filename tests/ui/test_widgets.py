"""Small parts of the window on their own."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QWidget

from app.domain.error_reports import ErrorReport
from app.domain.errors import ErrorKind
from app.ui.actions import ACTIONS, PAGES
from app.ui.theme import Theme
from app.ui.widgets.flow_layout import FlowLayout
from app.ui.widgets.sidebar import NARROW, Sidebar
from app.ui.widgets.toast import MOST, Toaster
from app.ui.widgets.wrapped_label import WrappedLabel

REPORT = ErrorReport(kind=ErrorKind.STALLED, what="It hung.", remedy="Try again.", detail="line 1")


def window(qtbot):
    ground = QWidget()
    ground.resize(800, 600)
    qtbot.addWidget(ground)
    ground.show()
    return ground


def test_that_a_toast_leaves_the_focus_where_it_is(qtbot):
    ground = window(qtbot)
    field = QLineEdit(ground)
    field.show()
    ground.activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    toast = Toaster(ground, Theme()).fail(REPORT)
    assert field.hasFocus()
    assert toast.isVisible()
    assert toast.words.text() == "It hung. Try again."
    assert ground.rect().contains(toast.geometry())


def test_that_an_error_toast_unfolds_its_details_and_then_stays(qtbot):
    toast = Toaster(window(qtbot), Theme()).fail(REPORT)
    qtbot.mouseClick(toast.findChild(QPushButton, "toast_details"), Qt.MouseButton.LeftButton)
    assert toast._detail.isVisible()
    assert not toast._timer.isActive()


def test_that_only_the_newest_toasts_are_kept(qtbot):
    toaster = Toaster(window(qtbot), Theme())
    for number in range(MOST + 2):
        toaster.say(str(number))
    assert [toast.words.text() for toast in toaster.toasts] == ["2", "3", "4"]


def test_that_the_action_of_a_toast_acts_and_closes_it(qtbot):
    toaster = Toaster(window(qtbot), Theme())
    acted = []
    toast = toaster.say("Removed.", action="Undo", act=lambda: acted.append("undo"))
    qtbot.mouseClick(toast.findChild(QPushButton, "toast_action"), Qt.MouseButton.LeftButton)
    assert acted == ["undo"]
    assert toaster.toasts == ()


def test_that_toasts_stack_without_covering_one_another(qtbot):
    ground = window(qtbot)
    toaster = Toaster(ground, Theme(), above=36)
    first, second = toaster.say("one"), toaster.say("two")
    assert second.geometry().bottom() == ground.height() - 37
    assert first.geometry().bottom() < second.geometry().top()


def test_that_a_wrapped_label_gives_back_the_height_of_other_words(qtbot):
    ground = window(qtbot)
    label = WrappedLabel("One word after another " * 20, ground)
    label.resize(200, 20)
    label.show()
    tall = label.minimumHeight()
    label.setText("One")
    assert label.minimumHeight() < tall / 4


def test_that_the_sidebar_names_its_pages_to_everybody(qtbot):
    bar = Sidebar(Theme(), [ACTIONS[page] for page in PAGES])
    qtbot.addWidget(bar)
    bar.set_narrow(narrow=True)
    assert bar.width() == NARROW
    bar.button("loaded").set_badge(2)
    assert bar.button("loaded").accessibleName() == "Loaded, 2"
    assert bar.button("loaded").toolTip().startswith("Loaded (")
    with qtbot.waitSignal(bar.chosen) as chosen:
        qtbot.mouseClick(bar.button("profile"), Qt.MouseButton.LeftButton)
    assert chosen.args == ["profile"]


def test_that_a_flow_starts_new_lines_and_skips_what_is_hidden(qtbot):
    ground = window(qtbot)
    flow = FlowLayout(ground, spacing=8)
    labels = [QLabel(text) for text in ("one", "two", "three")]
    for label in labels:
        label.setFixedSize(100, 20)
        flow.addWidget(label)
        label.show()
    assert flow.heightForWidth(320) == 20
    assert flow.heightForWidth(220) == 48
    assert flow.heightForWidth(100) == 76
    labels[1].hide()
    assert flow.heightForWidth(220) == 20
