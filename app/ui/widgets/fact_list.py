"""Sections of facts, one under the other."""

from collections.abc import Callable, Sequence
from itertools import chain

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.actions import ACTIONS
from app.ui.theme import Theme
from app.ui.viewmodels.overview import Fact, Section
from app.ui.widgets.copy_line import CopyLine
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.tab_order import in_tab_order
from app.ui.widgets.wrapped_label import WrappedLabel

Say = Callable[[Fact], None]
"""Puts another value into the place of a fact."""


class FactList(QWidget):
    """Labels and values in a grid; widgets are made anew only for facts of another kind."""

    triggered = Signal(str)
    """The id of an action that a section offers."""
    focus_left = Signal()
    """What has the focus is about to go: somebody else has to take it."""

    def __init__(self, look: Theme, nothing: str = "", parent: QWidget | None = None) -> None:
        """Make an empty list.

        Args:
            look: the theme.
            nothing: what it says when there are no facts.
            parent: Qt's owner.
        """
        super().__init__(parent)
        self._look = look
        self._nothing = nothing
        self._sections: tuple[Section, ...] | None = None
        self._sayings: list[Say] = []
        """One for each fact that is shown."""
        self._shown = QWidget()
        self.stops: tuple[QWidget, ...] = ()
        """What can have the focus, in the order of Tab."""
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self._shown)

    def show_sections(self, sections: tuple[Section, ...], after: QWidget) -> None:
        """Show other facts; `after` is what Tab leads here from."""
        former, self._sections = self._sections, sections
        if former is None or [*map(_outline, former)] != [*map(_outline, sections)]:
            self._rebuild(sections, after)
            return
        # The models of a family differ in values only, which are there much sooner than widgets.
        for fact, known, say in zip(_facts(sections), _facts(former), self._sayings, strict=True):
            if fact != known:
                say(fact)

    def _rebuild(self, sections: Sequence[Section], after: QWidget) -> None:
        if self._shown.isAncestorOf(self.window().focusWidget()):
            self.focus_left.emit()
        self._column.removeWidget(self._shown)
        self._shown.hide()
        self._shown.deleteLater()
        self._shown = QWidget()
        column = QVBoxLayout(self._shown)
        column.setContentsMargins(0, 0, 0, 0)
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
        if not sections and self._nothing:
            column.addWidget(_label(theme.body(), role="muted", text=self._nothing))
        self._column.addWidget(self._shown)
        # A layout shows what is new a moment later; until then it can't take the focus.
        self._shown.show()
        lines = self._shown.findChildren(CopyLine)
        self.stops = (*more, *(line.button for line in lines))
        in_tab_order(after, *self.stops)

    def _button(self, action: str) -> QPushButton:
        info = ACTIONS[action]
        button = QPushButton(info.text)
        button.setObjectName(f"inspector_{action}")
        button.setToolTip(info.tooltip)
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


def _label(font: QFont, *, role: str = "", text: str = "") -> WrappedLabel:
    label = WrappedLabel(text)
    label.setFont(font)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label
