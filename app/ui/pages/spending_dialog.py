"""What models took and cost, in a dialog that is awaited."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.domain.spending import BudgetLevel
from app.ui import dialogs, theme
from app.ui.theme import Theme
from app.ui.viewmodels.ledger import Grouping, Ledger
from app.ui.widgets.choice_box import ChoiceBox
from app.ui.widgets.file_table import FileTable
from app.ui.widgets.notice import Notice
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.wrapped_label import WrappedLabel

GROUPINGS = (
    (Grouping.MODEL, "By model"),
    (Grouping.PROVIDER, "By provider"),
    (Grouping.DAY, "By day"),
)
ESTIMATE = (
    "Costs are estimates by the providers' list prices; their bills count. Rows that say "
    "“unknown” cost something nobody here knows the price of."
)


async def show_spending(parent: QWidget, look: Theme, ledger: Ledger) -> None:
    """Show the ledger until the dialog is closed."""
    ledger.watch(seen=True)
    try:
        await dialogs.finished(SpendingDialog(parent, look, ledger))
    finally:
        ledger.watch(seen=False)


class SpendingDialog(QDialog):
    """A month's table with its sum below."""

    def __init__(self, parent: QWidget, look: Theme, ledger: Ledger) -> None:
        super().__init__(parent)
        self.ledger = ledger
        self.setObjectName("spending_dialog")
        self.setWindowTitle("Spending")
        self.setModal(True)
        self.resize(theme.READING_WIDTH, theme.FORM_WIDTH)
        heading = PlainLabel("Spending")
        heading.setFont(theme.section())
        self.month = ChoiceBox(look)
        self.month.setObjectName("spending_month")
        for value, name in ledger.months():
            self.month.addItem(name, value)
        self.month.setCurrentIndex([value for value, _ in ledger.months()].index(ledger.month))
        self.grouping = ChoiceBox(look)
        self.grouping.setObjectName("spending_grouping")
        for grouping, name in GROUPINGS:
            self.grouping.addItem(name, grouping)
        self.grouping.setCurrentIndex([value for value, _ in GROUPINGS].index(ledger.grouping))
        top = QHBoxLayout()
        top.setSpacing(theme.SPACE_2)
        top.addWidget(heading)
        top.addStretch()
        for name, box in (("Month", self.month), ("Added up", self.grouping)):
            words = QLabel(name)
            words.setBuddy(box)
            box.setAccessibleName(name)
            top.addWidget(words)
            top.addWidget(box)
        self._budget = Notice(look, "spending_budget")
        self.table = FileTable("spending_table", "What models took", ledger.table)
        self.table.stretch(0)
        self._total = _line("spending_total", "")
        self._total.setFont(theme.strong())
        self._local = _line("spending_local", "")
        close = QPushButton("Close")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_6, theme.SPACE_6, theme.SPACE_6, theme.SPACE_4)
        column.setSpacing(theme.SPACE_3)
        column.addLayout(top)
        column.addWidget(self._budget)
        column.addWidget(self.table, 1)
        for line in (self._total, self._local, _line("spending_estimate", "muted", ESTIMATE)):
            column.addWidget(line)
        column.addLayout(row)
        self.month.activated.connect(lambda at: ledger.choose_month(self.month.itemData(at)))
        self.grouping.activated.connect(lambda at: ledger.group(GROUPINGS[at][0]))
        ledger.changed.connect(self._show)
        self._show()
        close.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show(self) -> None:
        level = self.ledger.budget().level
        within = level is BudgetLevel.WITHIN
        self._budget.say(self.ledger.budget_words(), "info" if within else "warn")
        self._total.setText(self.ledger.total())
        self._local.setText(self.ledger.local())
        self._local.setVisible(bool(self._local.text()))


def _line(name: str, role: str, text: str = "") -> WrappedLabel:
    label = WrappedLabel(text)
    label.setObjectName(name)
    label.setProperty("role", role)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
