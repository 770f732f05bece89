"""A table of what a file holds, in the inspector."""

from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.ui import theme

CELL_PADDING = theme.SPACE_2 - 3
"""Qt adds 3 pixels, so that figures stand under their titles."""


class FileTable(QTableView):
    """Rows of words; the one that is chosen can be copied."""

    def __init__(
        self, name: str, title: str, model: QAbstractItemModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
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
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy puts the chosen row on the clipboard, its cells apart by tabs."""
        if event.matches(QKeySequence.StandardKey.Copy) and self.currentIndex().isValid():
            row, model = self.currentIndex().row(), self.model()
            cells = [model.index(row, at).data() for at in range(model.columnCount())]
            QGuiApplication.clipboard().setText("\t".join(map(str, cells)))
            return
        super().keyPressEvent(event)
