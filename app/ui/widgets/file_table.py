"""A table of what a file holds, in the inspector."""

from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.ui import theme

CELL_PADDING = theme.SPACE_2 - 3
"""Qt adds 3 pixels, so that figures stand under their titles."""

LEAST = 88
"""Pixels that still show some of a name."""


class FileTable(QTableView):
    """Rows of words; the one that is chosen can be copied."""

    def __init__(
        self, name: str, title: str, model: QAbstractItemModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._stretched: int | None = None
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setStyleSheet(f"QTableView::item {{ padding: 0 {CELL_PADDING}px; }}")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.CONTROL)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(theme.SPACE_8)

    def stretch(self, column: int) -> None:
        """Let a column take the room that the others leave; those are as wide as their words."""
        self._stretched = column
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
        header.sectionResized.connect(self._fit)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the stretched column what the others leave; below its least the table scrolls."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self, resized: int = -1) -> None:
        if self._stretched is None or resized == self._stretched:
            return
        header = self.horizontalHeader()
        columns = range(header.count())
        taken = sum(header.sectionSize(at) for at in columns if at != self._stretched)
        header.resizeSection(self._stretched, max(LEAST, self.viewport().width() - taken))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy puts the chosen row on the clipboard, its cells apart by tabs."""
        if event.matches(QKeySequence.StandardKey.Copy) and self.currentIndex().isValid():
            row, model = self.currentIndex().row(), self.model()
            cells = [model.index(row, at).data() for at in range(model.columnCount())]
            QGuiApplication.clipboard().setText("\t".join(map(str, cells)))
            return
        super().keyPressEvent(event)
