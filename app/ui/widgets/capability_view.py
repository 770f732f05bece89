"""What a model can: each capability with its evidence, the user's own word, and a test."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.domain.models import Capability
from app.ui import theme
from app.ui.actions import ACTIONS
from app.ui.theme import Theme
from app.ui.viewmodels.capability_lines import CAPABILITY_WORDS, CapabilityLine, probe_words
from app.ui.viewmodels.inspected import Inspected
from app.ui.widgets.choice_box import ChoiceBox
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.waiting_line import WaitingLine
from app.ui.widgets.wrapped_label import WrappedLabel

CHOICES = (("As found", None), ("Yes", True), ("No", False))
CHOICE_WIDTH = 104


class CapabilityView(QWidget):
    """A test on top, then a row a capability."""

    triggered = Signal(str)
    """The id of an action."""

    def __init__(self, look: Theme, inspected: Inspected, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._inspected = inspected
        info = ACTIONS["test_model"]
        self.test = QPushButton(info.text)
        self.test.setObjectName("inspector_test_model")
        self.test.setToolTip(info.tooltip)
        self.test.clicked.connect(lambda: self.triggered.emit("test_model"))
        self.cancel = QPushButton("Cancel")
        self.cancel.setObjectName("inspector_cancel_test")
        self.cancel.clicked.connect(inspected.cancel_test)
        self._line = WaitingLine()
        self._results = WrappedLabel()
        self._results.setObjectName("test_results")
        self._results.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._rows = {capability: _Row(look, inspected, capability) for capability in Capability}
        top = QHBoxLayout()
        top.setSpacing(theme.SPACE_2)
        top.addWidget(self.test)
        top.addWidget(self.cancel)
        top.addWidget(self._line)
        top.addStretch()
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.SPACE_2)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(0, 1)
        for capability in CAPABILITY_WORDS:
            self._rows[capability].add_to(grid)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, theme.SPACE_2, 0)
        column.setSpacing(theme.SPACE_2)
        column.addLayout(top)
        column.addWidget(self._results)
        column.addSpacing(theme.SPACE_1)
        column.addLayout(grid)
        column.addStretch()

    def show_lines(self, *, testable: bool) -> None:
        """Show what is known now.

        Args:
            testable: whether the model can be tested.
        """
        testing = self._inspected.testing
        focused = self.test.hasFocus() or self.cancel.hasFocus()
        self.test.setVisible(not testing)
        self.test.setEnabled(testable)
        self.cancel.setVisible(testing)
        if focused:
            (self.cancel if testing else self.test).setFocus()
        self._line.show_step("Asking for JSON and a tool call" if testing else "", None)
        probes = self._inspected.annotation().probes
        self._results.setText("\n".join(map(probe_words, probes)))
        self._results.setVisible(bool(probes) and not testing)
        for line in self._inspected.capabilities():
            self._rows[line.capability].show_line(line)


class _Row:
    def __init__(self, look: Theme, inspected: Inspected, capability: Capability) -> None:
        self._line: CapabilityLine | None = None
        name = CAPABILITY_WORDS[capability]
        self._name = PlainLabel(name)
        self._verdict = PlainLabel()
        self._verdict.setObjectName(f"verdict_{capability}")
        self._verdict.setFont(theme.strong())
        self._why = WrappedLabel()
        self._why.setObjectName(f"evidence_{capability}")
        self._why.setProperty("role", "muted")
        self._why.setFont(theme.caption())
        self._choice = ChoiceBox(look)
        self._choice.setObjectName(f"override_{capability}")
        self._choice.setAccessibleName(f"{name}, your word")
        self._choice.setToolTip("Your word counts for more than any evidence")
        self._choice.setFixedWidth(CHOICE_WIDTH)
        for text, _ in CHOICES:
            self._choice.addItem(text)
        self._choice.activated.connect(lambda at: inspected.override(capability, CHOICES[at][1]))

    def add_to(self, grid: QGridLayout) -> None:
        row = grid.rowCount()
        grid.addWidget(self._name, row, 0)
        grid.addWidget(self._verdict, row, 1)
        grid.addWidget(self._choice, row, 2)
        grid.addWidget(self._why, row + 1, 0, 1, 3)
        grid.setRowMinimumHeight(row + 2, theme.SPACE_2)
        # The spacing row counts only once something is in it.
        grid.addWidget(QWidget(), row + 2, 0)

    def show_line(self, line: CapabilityLine) -> None:
        if line == self._line:
            return
        self._line = line
        self._verdict.setText(line.verdict)
        self._verdict.setAccessibleName(f"{line.name}: {line.verdict}")
        if self._verdict.property("role") != line.role:
            self._verdict.setProperty("role", line.role)
            self._verdict.style().polish(self._verdict)
        self._why.setText(line.why)
        held = [value for _, value in CHOICES].index(line.override)
        self._choice.setCurrentIndex(held)
