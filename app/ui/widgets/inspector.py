"""Everything about the selected model, beside the table."""

from collections.abc import Sequence

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
from app.ui.actions import ACTIONS, MODEL_ACTIONS, NOTE_ACTIONS, Context
from app.ui.theme import Theme
from app.ui.viewmodels.overview import Fact, Section
from app.ui.widgets.copy_line import CopyLine
from app.ui.widgets.flow_layout import FlowLayout
from app.ui.widgets.icon_button import IconButton
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.tab_order import in_tab_order
from app.ui.widgets.wrapped_label import WrappedLabel


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
        self.setProperty("role", "card")
        self.setObjectName("inspector")
        self.setMinimumWidth(theme.FORM_WIDTH // 2)
        self._name = _label(theme.section())
        self._name.setObjectName("inspector_name")
        self._state = _label(theme.body(), role="muted")
        self._state.setObjectName("inspector_state")
        self._reason = _label(theme.body(), role="error")
        self._buttons = {action: self._button(action) for action in MODEL_ACTIONS}
        self._buttons |= {action: self._icon_button(action) for action in NOTE_ACTIONS}
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
        if sections != self._sections:
            self._sections = sections
            self._rebuild(sections)

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
        for section in sections:
            grid = _grid(section, self._look)
            if section.action:
                more.append(self._button(section.action))
                left = Qt.AlignmentFlag.AlignLeft
                grid.addWidget(more[-1], grid.rowCount(), 1, left)
            column.addLayout(grid)
        column.addStretch()
        # The area deletes the widget that it showed before.
        self._area.setWidget(self._facts)
        self._area.verticalScrollBar().setValue(place)
        last = self._buttons[NOTE_ACTIONS[-1]]
        lines = self._facts.findChildren(CopyLine)
        in_tab_order(last, *more, *(line.button for line in lines))

    def _icon_button(self, action: str) -> QPushButton:
        info = ACTIONS[action]
        button = IconButton(
            self._look, info.icon, info.text, role="warn" if action == "unfavourite" else "text"
        )
        button.setObjectName(f"inspector_{action}")
        button.clicked.connect(lambda: self.triggered.emit(action))
        return button

    def _button(self, action: str) -> QPushButton:
        info = ACTIONS[action]
        button = QPushButton(info.text)
        button.setObjectName(f"inspector_{action}")
        button.setToolTip(info.tooltip)
        if action in {"chat", "load"}:
            button.setProperty("kind", "primary")
        button.clicked.connect(lambda: self.triggered.emit(action))
        return button


def _grid(section: Section, look: Theme) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(theme.SPACE_3)
    grid.setVerticalSpacing(theme.SPACE_1)
    grid.setColumnMinimumWidth(0, theme.SPACE_8 * 3)
    grid.setColumnStretch(1, 1)
    heading = PlainLabel(section.title)
    heading.setFont(theme.strong())
    grid.addWidget(heading, 0, 0, 1, 2)
    top = Qt.AlignmentFlag.AlignTop
    for fact in section.facts:
        row = grid.rowCount()
        label = PlainLabel(fact.label)
        label.setProperty("role", "muted")
        grid.addWidget(label, row, 0, top)
        if fact.technical:
            grid.addWidget(CopyLine(look, fact.label, fact.value), row + 1, 0, 1, 2)
        else:
            grid.addWidget(_value(fact), row, 1, top)
    return grid


def _value(fact: Fact) -> QWidget:
    value = _label(theme.figures())
    value.setText(fact.value)
    value.setAccessibleName(f"{fact.label}: {fact.value}")
    if not fact.hint:
        return value
    hint = _label(theme.caption(), role="muted")
    hint.setText(fact.hint)
    both = QWidget()
    column = QVBoxLayout(both)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(value)
    column.addWidget(hint)
    return both


def _label(font: QFont, *, role: str = "") -> WrappedLabel:
    label = WrappedLabel()
    label.setFont(font)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label
