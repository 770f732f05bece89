"""The order in which models stand in for one that can't answer."""

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.domain.models import ModelId
from app.ui import theme, words
from app.ui.theme import Theme
from app.ui.viewmodels.fallback_orders import FallbackOrders, Standby
from app.ui.widgets.choice_box import ChoiceBox
from app.ui.widgets.icon_button import IconButton
from app.ui.widgets.plain_label import ElidedLabel
from app.ui.widgets.tab_order import in_tab_order
from app.ui.widgets.wrapped_label import WrappedLabel

EXPLANATION = (
    "When a model fails before its first word, or rests after failures, the next one in this order "
    "answers, and the answer says so. A model elsewhere then reads what was meant for this machine."
)
NONE = "Nobody stands in: the error is shown."
ADD = "Add a model…"


class FallbackEditor(QWidget):
    """Whose order it is, the models in it, and one more to add."""

    def __init__(self, look: Theme, orders: FallbackOrders, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._orders = orders
        self._shown: tuple[Standby, ...] | None = None
        self._buttons: list[list[IconButton]] = []
        self.setObjectName("fallbacks")
        self.alias = ChoiceBox(look)
        self.alias.setObjectName("fallback_alias")
        self.alias.setAccessibleName("Who stands in for")
        label = QLabel("Who stands in for")
        label.setBuddy(self.alias)
        top = QHBoxLayout()
        top.addWidget(label)
        top.addStretch()
        top.addWidget(self.alias)
        self._hint = WrappedLabel(EXPLANATION)
        self._hint.setProperty("role", "muted")
        self._hint.setFont(theme.caption())
        self._none = WrappedLabel(NONE)
        self._none.setObjectName("fallback_none")
        self._list = QVBoxLayout()
        self._list.setSpacing(theme.SPACE_1)
        self.add = ChoiceBox(look)
        self.add.setObjectName("fallback_add")
        self.add.setAccessibleName("Add a model that stands in")
        self.add.setMaximumWidth(theme.FORM_WIDTH // 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_2)
        column.addLayout(top)
        column.addWidget(self._hint)
        column.addWidget(self._none)
        column.addLayout(self._list)
        column.addWidget(self.add, alignment=Qt.AlignmentFlag.AlignLeft)
        self.alias.activated.connect(lambda at: orders.choose(self.alias.itemData(at)))
        self.add.activated.connect(self._add)
        orders.changed.connect(self._follow)
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what changed while nobody looked."""
        super().showEvent(event)
        self._show()

    def _follow(self) -> None:
        if self.isVisible():
            self._show()

    def _add(self, at: int) -> None:
        model_id = self.add.itemData(at)
        if model_id:
            self._orders.add(ModelId(model_id))

    def _show(self) -> None:
        orders = self._orders
        _fill(self.alias, orders.aliases(), orders.alias)
        candidates = [(item.id, item.name) for item in orders.candidates()]
        _fill(self.add, [("", ADD), *candidates], "")
        lock = orders.lock()
        self.add.setEnabled(bool(candidates) and not lock)
        self._hint.setText(lock or EXPLANATION)
        order = orders.order()
        self._none.setVisible(not order)
        if order == self._shown:
            return
        self._shown = order
        if any(button.hasFocus() for row in self._buttons for button in row):
            self.add.setFocus()
        while (item := self._list.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._buttons = []
        for at, standby in enumerate(order):
            self._list.addWidget(self._row(at, standby, locked=bool(lock)))
        in_tab_order(self.alias, *(button for row in self._buttons for button in row), self.add)

    def _row(self, at: int, standby: Standby, *, locked: bool) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE_1)
        name = ElidedLabel(f"{words.count(at + 1)}.  {standby.name}")
        up = IconButton(self._look, "chevron-up", f"Ask {standby.name} earlier")
        up.setObjectName("fallback_up")
        up.setEnabled(at > 0 and not locked)
        up.clicked.connect(lambda: self._orders.raise_up(at))
        remove = IconButton(self._look, "close", f"Remove {standby.name}")
        remove.setObjectName("fallback_remove")
        remove.setEnabled(not locked)
        remove.clicked.connect(lambda: self._orders.remove(at))
        row.addWidget(name)
        row.addStretch()
        row.addWidget(up)
        row.addWidget(remove)
        self._buttons.append([up, remove])
        return holder


def _fill(box: ChoiceBox, items: Iterable[tuple[str, str]], chosen: str) -> None:
    """Put other choices into a box, and choose one."""
    wanted = list(items)
    there = [(box.itemData(at), box.itemText(at)) for at in range(box.count())]
    if there != wanted:
        box.clear()
        for value, text in wanted:
            box.addItem(text, value)
    box.setCurrentIndex([value for value, _ in wanted].index(chosen))
