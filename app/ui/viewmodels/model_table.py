"""The table of the model browser: columns over frozen specs and what the manager knows of them."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.domain.models import ModelId, ModelOrder, ModelSpec, ModelStatus
from app.domain.query_language import Flag, parse
from app.manager.searches import NEED, Order
from app.ui import words
from app.ui.viewmodels.headings import alignment, heading
from app.ui.viewmodels.model_columns import COLUMNS, Column
from app.ui.viewmodels.model_facts import UNUSABLE, ModelFacts, ShownModel

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
MOVING = frozenset({Flag.LOADED, Flag.FITS})
"""What depends on what is loaded."""
SINGLE = 8
"""So many rows are painted anew one by one; for more, all that are seen."""


class ModelTable(QAbstractTableModel):
    """Shows the models that match, in order; resets when the rows change.

    It holds ids only: a spec is asked for when its row is painted.
    """

    def __init__(self, facts: ModelFacts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._facts = facts
        self._line = ""
        self._column = COLUMNS[0]
        self._descending = False
        self._shown: Sequence[ModelId] = ()
        self.known = 0
        """How many models there are, shown or not."""
        self.unusable = 0
        """How many of them are broken or missing."""

    def refresh(self) -> None:
        """Show what the registry knows now."""
        self.known = self._facts.count(*ModelStatus)
        self.unusable = self._facts.count(*UNUSABLE)
        self._show()
        if self._shown:
            self._announce(0, len(self._shown) - 1)

    def filter(self, line: str) -> None:
        """Show those that a query line asks for."""
        self._line = line
        self._show()

    def fit_at(self, context_length: int | None) -> None:
        """Tell needs and fits at another context length; None for each model's own settings."""
        self._facts.context_length = context_length
        self._show()
        if self._shown:
            self._announce(0, len(self._shown) - 1)

    def memory_moved(self) -> bool:
        """What is loaded changed, and with it what fits; whether that is searched for."""
        if not any(term.field in MOVING for term in parse(self._line).terms):
            return False
        self._show()
        return True

    def noted(self, ids: Collection[ModelId]) -> None:
        """What is noted of these models changed."""
        self._show()
        self.repaint(ids)

    def touch(self, ids: Collection[ModelId] | None = None) -> None:
        """What the manager knows of these models changed, or of all, as when memory moved."""
        if self._column.moves:
            self._show()
        if ids is not None:
            self.repaint(ids)
        elif self._shown:
            self._announce(0, len(self._shown) - 1)

    def repaint(self, ids: Collection[ModelId]) -> None:
        """Something changed about these models that no column sorts by."""
        if len(ids) > SINGLE:
            self._announce(0, len(self._shown) - 1)
            return
        for row in map(self.row_of, ids):
            if row is not None:
                self._announce(row, row)

    def row_of(self, model_id: ModelId | None) -> int | None:
        """The row that shows a model, if one does."""
        try:
            return self._shown.index(model_id) if model_id is not None else None
        except ValueError:
            return None

    def spec_at(self, row: int) -> ModelSpec | None:
        """The model that a row shows; None when it has just gone."""
        return self._facts.spec(self._shown[row])

    def model_at(self, row: int) -> ShownModel | None:
        """What a row is painted from; None when its model has just gone."""
        spec = self.spec_at(row)
        return self._facts.shown(spec) if spec is not None else None

    def text(self, model: ShownModel, column: Column) -> str:
        """What a cell says."""
        return column.text(self._facts, model.spec)

    def shown(self) -> Sequence[ModelId]:
        """The models from top to bottom."""
        return self._shown

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        """Rows below the root; cells have none."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        """Columns below the root."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's words, or the value that its delegate paints."""
        if not index.isValid() or role not in _ANSWERS:
            return None
        spec = self.spec_at(index.row())
        if spec is None:
            return None
        return _ANSWERS[role](self._facts, spec, COLUMNS[index.column()])

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """A column's title."""
        if orientation is Qt.Orientation.Vertical or not 0 <= section < len(COLUMNS):
            return None
        column = COLUMNS[section]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return column.name or column.title
        if role == Qt.ItemDataRole.TextAlignmentRole and column.id == "favourite":
            return Qt.AlignmentFlag.AlignCenter
        return heading(role, column.title, figures=column.figures)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order by a column."""
        if not 0 <= column < len(COLUMNS):
            return
        wanted = COLUMNS[column], order is Qt.SortOrder.DescendingOrder
        # For one click on a heading, Qt asks twice.
        if wanted != (self._column, self._descending):
            self._column, self._descending = wanted
            self._show()

    def _announce(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(COLUMNS) - 1))

    def _order(self) -> Order:
        if self._column.order is not None:
            return self._column.order
        orders: dict[str, Callable[[], Order]] = {
            "state": self._facts.states,
            "speed": self._facts.speeds,
            "favourite": self._facts.favourites,
            "last_used": self._facts.last_uses,
            "fit": lambda: NEED,
        }
        return orders.get(self._column.id, lambda: ModelOrder.NAME)()

    def _show(self) -> None:
        shown = self._facts.find(self._line, self._order(), descending=self._descending)
        if shown == self._shown:
            return
        self.beginResetModel()
        self._shown = shown
        self.endResetModel()


def _tooltip(facts: ModelFacts, spec: ModelSpec, column: Column) -> str:
    reason = facts.reason(spec)
    if reason:
        return reason
    need = facts.need(spec) if column.id == "fit" else None
    if need is not None:
        length = facts.context_length
        at = f" at a context of {words.count(length)} tokens" if length else ""
        return f"Would take {words.size(need)} of memory{at}"
    if column.id == "favourite":
        return "A favourite: click to unmark" if facts.favourite(spec) else "Mark as favourite"
    return spec.path if column.id == "name" else ""


_ANSWERS: dict[int, Callable[[ModelFacts, ModelSpec, Column], Any]] = {
    Qt.ItemDataRole.DisplayRole: lambda facts, spec, column: column.text(facts, spec),
    Qt.ItemDataRole.ToolTipRole: lambda *cell: words.tooltip(_tooltip(*cell)),
    Qt.ItemDataRole.TextAlignmentRole: lambda _facts, _spec, column: alignment(
        figures=column.figures
    ),
}
