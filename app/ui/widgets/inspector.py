"""Everything about the selected model, beside the table."""

from collections.abc import Callable, Sequence
from itertools import chain

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.domain.models import ModelSpec
from app.ui import theme, words
from app.ui.actions import ACTIONS, MODEL_ACTIONS, Context
from app.ui.theme import Theme
from app.ui.viewmodels.overview import Fact, Section
from app.ui.widgets.copy_line import CopyLine
from app.ui.widgets.flow_layout import FlowLayout
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.tab_order import in_tab_order
from app.ui.widgets.wrapped_label import WrappedLabel

Say = Callable[[Fact], None]
"""Puts another value into the place of a fact."""


class Inspector(QFrame):
    """A heading, the actions that make sense, and sections of facts."""

    triggered = Signal(str)
    """The id of an action for the shown model."""
    focus_left = Signal()
    """What has the focus is about to go: somebody else has to take it."""

    def __init__(self, look: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._sections: tuple[Section, ...] = ()
        self._sayings: list[Say] = []
        """One for each fact that is shown."""
        self.setProperty("role", "card")
        self.setObjectName("inspector")
        self.setMinimumWidth(theme.FORM_WIDTH // 2)
        self._name = _label(theme.section())
        self._name.setObjectName("inspector_name")
        self._state = _label(theme.body(), role="muted")
        self._state.setObjectName("inspector_state")
        self._reason = _label(theme.body(), role="error")
        self._buttons = {action: self._button(action) for action in MODEL_ACTIONS}
        actions = QWidget()
        flow = FlowLayout(actions, spacing=theme.SPACE_2)
        for button in self._buttons.values():
            flow.addWidget(button)
        self._facts = QWidget()
        self._facts.setProperty("role", "page")
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(self._facts)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)

        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.SPACE_4] * 4)
        column.setSpacing(theme.SPACE_2)
        for widget in (self._name, self._state, self._reason, actions):
            column.addWidget(widget)
        column.addSpacing(theme.SPACE_1)
        column.addWidget(self._area, 1)

    def show_model(
        self, spec: ModelSpec | None, state: str, sections: tuple[Section, ...], context: Context
    ) -> None:
        """Show a model, or that none is selected."""
        self._name.setText(spec.name if spec is not None else "No model selected")
        self._name.setToolTip(words.tooltip(self._name.text()))
        self._state.setText(state)
        self._state.setVisible(bool(state))
        failure = context.instance.error if context.instance is not None else None
        reason = failure.what if failure is not None else spec.reason if spec is not None else ""
        self._reason.setText(reason)
        self._reason.setVisible(bool(self._reason.text()))
        shown = {action: ACTIONS[action].enabled(context) for action in self._buttons}
        if any(button.hasFocus() and not shown[action] for action, button in self._buttons.items()):
            self.focus_left.emit()
        for action, button in self._buttons.items():
            button.setVisible(shown[action])
        former, self._sections = self._sections, sections
        if [*map(_outline, former)] != [*map(_outline, sections)]:
            self._rebuild(sections)
            return
        # The models of a family differ in values only, which are there much sooner than widgets.
        for fact, known, say in zip(_facts(sections), _facts(former), self._sayings, strict=True):
            if fact != known:
                say(fact)

    def _rebuild(self, sections: Sequence[Section]) -> None:
        place = self._area.verticalScrollBar().value()
        if self._facts.isAncestorOf(self.window().focusWidget()):
            self.focus_left.emit()
        self._facts = QWidget()
        self._facts.setProperty("role", "page")
        column = QVBoxLayout(self._facts)
        column.setContentsMargins(0, 0, theme.SPACE_2, 0)
        column.setSpacing(theme.SPACE_4)
        more: list[QPushButton] = []
        self._sayings = []
        for section in sections:
            grid, sayings = _grid(section, self._look)
            self._sayings += sayings
            if section.action:
                more.append(self._button(section.action))
                left = Qt.AlignmentFlag.AlignLeft
                grid.addWidget(more[-1], grid.rowCount(), 1, left)
            column.addLayout(grid)
        column.addStretch()
        # The area deletes the widget that it showed before.
        self._area.setWidget(self._facts)
        self._area.verticalScrollBar().setValue(place)
        last = self._buttons[MODEL_ACTIONS[-1]]
        lines = self._facts.findChildren(CopyLine)
        in_tab_order(last, *more, *(line.button for line in lines))

    def _button(self, action: str) -> QPushButton:
        info = ACTIONS[action]
        button = QPushButton(info.text)
        button.setObjectName(f"inspector_{action}")
        button.setToolTip(info.tooltip)
        if action in {"chat", "load"}:
            button.setProperty("kind", "primary")
        button.clicked.connect(lambda: self.triggered.emit(action))
        return button


def _outline(section: Section) -> tuple[object, ...]:
    """What of a section takes other widgets when it is different."""
    rows = ((fact.label, bool(fact.hint), fact.technical) for fact in section.facts)
    return section.title, section.action, *rows


def _facts(sections: Sequence[Section]) -> list[Fact]:
    return [*chain.from_iterable(section.facts for section in sections)]


def _grid(section: Section, look: Theme) -> tuple[QGridLayout, list[Say]]:
    grid = QGridLayout()
    grid.setHorizontalSpacing(theme.SPACE_3)
    grid.setVerticalSpacing(theme.SPACE_1)
    grid.setColumnMinimumWidth(0, theme.SPACE_8 * 3)
    grid.setColumnStretch(1, 1)
    heading = PlainLabel(section.title)
    heading.setFont(theme.strong())
    grid.addWidget(heading, 0, 0, 1, 2)
    top = Qt.AlignmentFlag.AlignTop
    sayings = []
    for fact in section.facts:
        row = grid.rowCount()
        label = PlainLabel(fact.label)
        label.setProperty("role", "muted")
        grid.addWidget(label, row, 0, top)
        value, say = _copied(look, fact) if fact.technical else _value(fact)
        if fact.technical:
            grid.addWidget(value, row + 1, 0, 1, 2)
        else:
            grid.addWidget(value, row, 1, top)
        say(fact)
        sayings.append(say)
    return grid, sayings


def _copied(look: Theme, fact: Fact) -> tuple[QWidget, Say]:
    line = CopyLine(look, fact.label, fact.value)
    return line, lambda fact: line.set_text(fact.value)


def _value(fact: Fact) -> tuple[QWidget, Say]:
    value = _label(theme.figures())

    def say(fact: Fact) -> None:
        value.setText(fact.value)
        value.setAccessibleName(f"{fact.label}: {fact.value}")

    if not fact.hint:
        return value, say
    hint = _label(theme.caption(), role="muted")
    both = QWidget()
    column = QVBoxLayout(both)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(value)
    column.addWidget(hint)

    def say_both(fact: Fact) -> None:
        say(fact)
        hint.setText(fact.hint)

    return both, say_both


def _label(font: QFont, *, role: str = "") -> WrappedLabel:
    label = WrappedLabel()
    label.setFont(font)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label
