"""What a model can: each capability with its evidence, the user's own word, and a test."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.domain.models import Capability
from app.ui import theme, words
from app.ui.actions import ACTIONS
from app.ui.theme import Theme
from app.ui.viewmodels.capability_lines import CAPABILITY_WORDS, CapabilityLine, probe_words
from app.ui.viewmodels.inspected import Inspected
from app.ui.widgets.choice_box import ChoiceBox
from app.ui.widgets.plain_label import ElidedLabel, PlainLabel
from app.ui.widgets.wrapped_label import WrappedLabel

CHOICES = (("As found", None), ("Yes", True), ("No", False))
CHOICE_WIDTH = 112
TESTING = "Testing: it is loaded where need be, and asked for JSON and a tool call."


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
        self._results = WrappedLabel()
        self._results.setObjectName("test_results")
        self._results.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._rows = {capability: _Row(look, inspected, capability) for capability in Capability}
        top = QHBoxLayout()
        top.setSpacing(theme.SPACE_2)
        top.addWidget(self.test)
        top.addWidget(self.cancel)
        top.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, theme.SPACE_2, 0)
        column.setSpacing(theme.SPACE_2)
        column.addLayout(top)
        column.addWidget(self._results)
        column.addSpacing(theme.SPACE_1)
        for capability in CAPABILITY_WORDS:
            column.addLayout(self._rows[capability].layout)
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
        probes = self._inspected.annotation().probes
        self._results.setText(TESTING if testing else "\n".join(map(probe_words, probes)))
        self._results.setVisible(bool(self._results.text()))
        answers = "\n".join(probe.detail for probe in probes)
        self._results.setToolTip("" if testing else words.tooltip(answers))
        for line in self._inspected.capabilities():
            self._rows[line.capability].show_line(line)


class _Row:
    def __init__(self, look: Theme, inspected: Inspected, capability: Capability) -> None:
        self._line: CapabilityLine | None = None
        name = CAPABILITY_WORDS[capability]
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

        first = QHBoxLayout()
        first.setSpacing(theme.SPACE_2)
        first.addWidget(ElidedLabel(name))
        first.addWidget(self._verdict)
        first.addStretch()
        said = QVBoxLayout()
        said.setSpacing(0)
        said.addLayout(first)
        said.addWidget(self._why)
        self.layout = QHBoxLayout()
        self.layout.setSpacing(theme.SPACE_2)
        self.layout.addLayout(said, 1)
        self.layout.addWidget(self._choice, alignment=Qt.AlignmentFlag.AlignTop)

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
