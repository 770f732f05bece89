"""The table of the Library page: selection by id, rows that explain themselves, and a menu."""

from collections.abc import Collection

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QRectF, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QWidget

from app.domain.models import ModelId
from app.ui import theme
from app.ui.actions import ACTIONS, MODEL_ACTIONS, NOTE_ACTIONS
from app.ui.delegates.model_row import Cell, ModelRowPainter
from app.ui.theme import Theme
from app.ui.viewmodels.library import LibraryViewModel
from app.ui.viewmodels.model_columns import COLUMNS, Column

NAME_WIDTH = 180
"""The least a name gets before other columns yield."""
NAME_AT_LEAST = 110
"""What it gets when none is left to yield: the state has to be seen whole."""
YIELDING = (
    *("provider", "speed", "architecture", "parameters", "quantisation", "context"),
    *("last_used", "aliases", "tags", "fit", "favourite"),
)
"""The columns that hide in a narrow table, the first of them first."""
STAYING = sum(column.width for column in COLUMNS[1:] if column.id not in YIELDING)
SCROLL_BAR = 14
HIDDEN = frozenset({"cancel_load", "favourite", "unfavourite", "delete_model"})
"""Actions that the menu leaves out where they make no sense."""
STAR_AT = next(at for at, column in enumerate(COLUMNS) if column.id == "favourite")
UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
USUAL = frozenset(column.id for column in COLUMNS[1:] if not column.offered)


class ModelBrowser(QTableView):
    """Shows the view-model's table; the name takes the room that the other columns leave."""

    opened = Signal(str)
    """A model was double-clicked, or Enter was pressed on it."""
    requested = Signal(str, str)
    """An action of the menu and the id of its model."""

    def __init__(
        self, look: Theme, view_model: LibraryViewModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self._look = look
        self._row_painter = ModelRowPainter(look, view_model.table.text)
        self._hovered_row = -1
        self._chosen = USUAL
        self.setObjectName("library")
        self.setAccessibleName("Models")
        # Of a long table, Qt would give each row its least height for seconds, and as long for rows
        # of different heights.
        self._set_up_rows()
        self.setModel(view_model.table)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setMinimumWidth(NAME_AT_LEAST + STAYING + SCROLL_BAR)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setSortingEnabled(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._set_up_columns()
        self.menu: QMenu | None = None
        self.entered.connect(lambda index: self._hover(index.row()))
        self.clicked.connect(self._click)
        self.doubleClicked.connect(self._double_click)
        self.customContextMenuRequested.connect(self._open_menu)
        self.selectionModel().currentRowChanged.connect(self._select)
        # A reset forgets the selection.
        view_model.table.modelReset.connect(self._restore_selection)
        view_model.selection_changed.connect(self._restore_selection)
        look.changed.connect(self._recolour)
        self._restore_selection()

    def fit_columns(self) -> None:
        """Give the name what the other columns leave, hiding some where that is too little."""
        room = self.viewport().width()
        taken = {
            column.id: self.columnWidth(at) or column.width
            for at, column in _others()
            if column.id in self._chosen
        }
        for name in YIELDING:
            if room - sum(taken.values()) >= NAME_WIDTH:
                break
            taken.pop(name, None)
        for at, column in _others():
            self.setColumnHidden(at, column.id not in taken)
        self.setColumnWidth(0, max(NAME_AT_LEAST, room - sum(taken.values())))

    @property
    def chosen_columns(self) -> tuple[str, ...]:
        """The columns that are shown where there is room, besides the name."""
        return tuple(column.id for _, column in _others() if column.id in self._chosen)

    def choose_columns(self, ids: Collection[str]) -> None:
        """Show these columns besides the name; unknown ones are ignored."""
        self._chosen = frozenset(ids) & {column.id for _, column in _others()}
        columns = self.horizontalHeader()
        columns.moveSection(columns.visualIndex(STAR_AT), 0)
        self.fit_columns()

    def open_columns_menu(self, at: QPoint | None = None) -> None:
        """Offer the columns, at a point of the screen or below their titles."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for _, column in _others():
            action = menu.addAction(column.name or column.title)
            action.setCheckable(True)
            action.setChecked(column.id in self._chosen)
            action.triggered.connect(
                lambda _=False, chosen=column.id: self.choose_columns(self._chosen ^ {chosen})
            )
        menu.addSeparator()
        self._offer_orders(menu.addMenu("Sort by"))
        menu.addSeparator()
        usual = menu.addAction("The usual ones")
        usual.triggered.connect(self._choose_usual)
        self.menu = menu
        menu.destroyed.connect(self._forget_menu)
        menu.popup(at if at is not None else self.viewport().mapToGlobal(QPoint()))

    def _offer_orders(self, menu: QMenu) -> None:
        """Offer what a click on a title does: sort by a column, or the other way round."""
        columns = self.horizontalHeader()
        by, order = columns.sortIndicatorSection(), columns.sortIndicatorOrder()
        which, way = QActionGroup(menu), QActionGroup(menu)
        for at, column in enumerate(COLUMNS):
            action = _checkable(menu, column.name or column.title, which, checked=at == by)
            action.triggered.connect(lambda _=False, at=at: self.sortByColumn(at, order))
        menu.addSeparator()
        for text, other in (("Ascending", UP), ("Descending", DOWN)):
            action = _checkable(menu, text, way, checked=order is other)
            action.triggered.connect(lambda _=False, way=other: self.sortByColumn(by, way))

    def _choose_usual(self) -> None:
        """Choose the columns, their order and their widths that there are at first."""
        columns = self.horizontalHeader()
        for at, column in enumerate(COLUMNS):
            columns.moveSection(columns.visualIndex(at), at)
            self.setColumnWidth(at, column.width)
        self.choose_columns(USUAL)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the columns into the new width."""
        super().resizeEvent(event)
        self.fit_columns()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows that are seen, each in one go."""
        area, model = event.rect(), self._view_model.table
        first, last = self.rowAt(area.top()), self.rowAt(area.bottom())
        if first < 0:
            return
        cells = [
            Cell(column, self.columnViewportPosition(at), self.columnWidth(at))
            for at, column in enumerate(COLUMNS)
            if not self.isColumnHidden(at)
        ]
        current = self.selectionModel()
        width = self.horizontalHeader().length()
        painter = QPainter(self.viewport())
        for row in range(first, (last if last >= 0 else model.rowCount() - 1) + 1):
            shown = model.model_at(row)
            if shown is None:
                continue
            selected = current.isRowSelected(row)
            ground = "selected" if selected else "hovered" if row == self._hovered_row else ""
            rect = QRectF(0, self.rowViewportPosition(row), width, self.rowHeight(row))
            self._row_painter.paint(painter, rect, cells, shown, ground)
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens the current model."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._open(self.currentIndex())
            return
        super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Light no row where there is none under the pointer."""
        super().mouseMoveEvent(event)
        if not self.indexAt(event.position().toPoint()).isValid():
            self._hover(-1)

    def leaveEvent(self, event: QEvent) -> None:
        """Light no row."""
        super().leaveEvent(event)
        self._hover(-1)

    def _set_up_rows(self) -> None:
        rows = self.verticalHeader()
        rows.hide()
        rows.setMinimumSectionSize(theme.ROW)
        rows.setDefaultSectionSize(theme.ROW)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    def _set_up_columns(self) -> None:
        columns = self.horizontalHeader()
        columns.setObjectName("library_columns")
        columns.setHighlightSections(False)
        columns.setMinimumSectionSize(COLUMNS[STAR_AT].width)
        columns.setSectionsMovable(True)
        # The star stays where it is looked for.
        columns.setFirstSectionMovable(False)
        columns.setFixedHeight(theme.ROW)
        columns.setSortIndicator(0, UP)
        for at, column in enumerate(COLUMNS):
            self.setColumnWidth(at, column.width)
        columns.moveSection(STAR_AT, 0)
        columns.sectionResized.connect(self._columns_resized)
        columns.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        columns.customContextMenuRequested.connect(
            lambda at: self.open_columns_menu(columns.mapToGlobal(at))
        )

    def _columns_resized(self, at: int) -> None:
        if at != 0:
            self.fit_columns()

    def _restore_selection(self) -> None:
        selected = self._view_model.selected
        row = self._view_model.table.row_of(selected.id) if selected is not None else None
        if row is None:
            self.clearSelection()
        elif not self.selectionModel().isRowSelected(row):
            self.selectRow(row)
            self.scrollTo(self.currentIndex())

    def _select(self, index: QModelIndex) -> None:
        if index.isValid():
            self._view_model.select(self._view_model.table.shown()[index.row()])

    def _click(self, index: QModelIndex) -> None:
        """A click where the star stands, or would, puts it there or takes it away."""
        if index.column() == STAR_AT:
            action = "unfavourite" if index.data() else "favourite"
            self._request(action, self._view_model.table.shown()[index.row()])

    def _double_click(self, index: QModelIndex) -> None:
        if index.column() != STAR_AT:
            self._open(index)

    def _open(self, index: QModelIndex) -> None:
        if index.isValid():
            self.opened.emit(self._view_model.table.shown()[index.row()])

    def _open_menu(self, at: QPoint) -> None:
        index = self.indexAt(at)
        if not index.isValid():
            return
        self.selectRow(index.row())
        model_id = self._view_model.table.shown()[index.row()]
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        context = self._view_model.context()
        for name in (*MODEL_ACTIONS, *NOTE_ACTIONS):
            info = ACTIONS[name]
            if name in HIDDEN and not info.enabled(context):
                continue
            action = menu.addAction(self._look.icon(info.icon), info.text)
            action.setEnabled(info.enabled(context))
            action.triggered.connect(lambda _=False, chosen=name: self._request(chosen, model_id))
        self.menu = menu
        menu.destroyed.connect(self._forget_menu)
        menu.popup(self.viewport().mapToGlobal(at))

    def _request(self, action: str, model_id: ModelId) -> None:
        self.requested.emit(action, model_id)

    def _recolour(self) -> None:
        self._row_painter.recolour()
        self.viewport().update()

    def _forget_menu(self) -> None:
        self.menu = None

    def _hover(self, row: int) -> None:
        before, self._hovered_row = self._hovered_row, row
        for changed in {before, row} - {-1}:
            top, height = self.rowViewportPosition(changed), self.rowHeight(changed)
            self.viewport().update(0, top, self.viewport().width(), height)


def _checkable(menu: QMenu, text: str, group: QActionGroup, *, checked: bool) -> QAction:
    action = menu.addAction(text)
    action.setCheckable(True)
    action.setChecked(checked)
    group.addAction(action)
    return action


def _others() -> list[tuple[int, Column]]:
    return [(at, column) for at, column in enumerate(COLUMNS) if at]
