"""A chart in its frame. Importing this imports pyqtgraph, which takes a good part of a second."""

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPen
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QStackedWidget,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.ui import theme
from app.ui.charts.figures import Figures
from app.ui.charts.legend import PEN_STYLES, Legend
from app.ui.charts.picture import Mark, Picture, Trace
from app.ui.charts.scale import stepped, tick_text, ticks
from app.ui.theme import Theme

LEFT_AXIS_WIDTH = 52
BOTTOM_AXIS_HEIGHT = 34
LOWEST = 120
"""Pixels: below that the lines of a chart can't be told apart."""
CELL_PADDING = theme.SPACE_2 - 3
"""Qt adds 3 pixels, so that figures stand under their titles."""
BAR_SHARE = 0.6


class Plot(QFrame):
    """Draws pictures: title, legend, axes with units, and the same figures as a table.

    Ranges move in steps, so that a live chart stays calm and cheap.
    """

    def __init__(
        self, look: Theme, title: str, x_unit: str, y_unit: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._picture: Picture | None = None
        self._live = False
        self._x_end: float | None = None
        self._y_end: float | None = None
        self._items: list[Any] = []
        self.setProperty("role", "card")
        self.setAccessibleName(title)
        self.legend = Legend(look)
        self.figures = Figures(self)
        self._table = QTableView()
        self._table.setAccessibleName(f"{title}, table")
        self._table.setModel(self.figures)
        self._table.setFrameShape(QFrame.Shape.NoFrame)
        self._table.setShowGrid(False)
        self._table.setStyleSheet(
            f"QTableView {{ border: none; }} QTableView::item {{ padding: 0 {CELL_PADDING}px; }}"
        )
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(theme.ROW - theme.SPACE_1)
        self._table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._plot = pg.PlotWidget()
        self._plot.setAccessibleName(title)
        self._plot.setMinimumHeight(LOWEST)
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot.setFrameShape(QFrame.Shape.NoFrame)
        self._grid = pg.PlotCurveItem(connect="pairs")
        self._set_up(x_unit, y_unit)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._plot)
        self._stack.addWidget(self._table)
        self._lay_out(title)
        look.changed.connect(self._recolour)
        self._recolour()

    def show_picture(self, picture: Picture, *, live: bool = False) -> None:
        """Draw this instead of what is shown; `live` ones are drawn the cheap way."""
        if not live or self._picture is None or picture.x_end < self._picture.x_end:
            self._x_end = self._y_end = None
        self._picture = picture
        self._live = live
        self._scale(picture)
        self._draw(picture)
        self.legend.show_traces(picture.traces)
        self.figures.replace(picture.columns, picture.rows)
        self.setAccessibleDescription(picture.summary)
        self._plot.setAccessibleDescription(picture.summary)

    def copy(self) -> None:
        """Put the figures on the clipboard."""
        QGuiApplication.clipboard().setText(self.figures.text())

    def _show_table(self, shown: bool) -> None:
        self._stack.setCurrentIndex(int(shown))
        self.table_button.setText("Chart" if shown else "Table")
        self.legend.setVisible(not shown)

    def _set_up(self, x_unit: str, y_unit: str) -> None:
        item = self._plot.getPlotItem()
        item.hideButtons()
        item.setMenuEnabled(False)
        item.setMouseEnabled(False, False)
        item.disableAutoRange()
        item.getViewBox().setDefaultPadding(0)
        for side, unit in (("bottom", x_unit), ("left", y_unit)):
            axis = item.getAxis(side)
            axis.enableAutoSIPrefix(False)
            axis.setLabel(unit)
            axis.setStyle(maxTickLevel=0, tickLength=0, tickFont=theme.figures(theme.CAPTION_PX))
            axis.label.setFont(theme.caption())
        item.getAxis("left").setWidth(LEFT_AXIS_WIDTH)
        item.getAxis("bottom").setHeight(BOTTOM_AXIS_HEIGHT)
        # Half of the topmost figure stands above the plot.
        item.setContentsMargins(0, theme.SPACE_2, theme.SPACE_3, 0)
        item.addItem(self._grid)

    def _lay_out(self, title: str) -> None:
        heading = QLabel(title)
        heading.setFont(theme.strong())
        self.table_button = _corner("table", f"Show {title.lower()} as a table")
        self.table_button.setText("Table")
        self.table_button.setCheckable(True)
        self.table_button.toggled.connect(self._show_table)
        self.copy_button = _corner("copy", f"Copy the figures of {title.lower()}")
        self.copy_button.clicked.connect(self.copy)
        head = QHBoxLayout()
        head.setSpacing(0)
        head.addWidget(heading)
        head.addStretch(1)
        head.addWidget(self.table_button)
        head.addWidget(self.copy_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_3, theme.SPACE_1, theme.SPACE_2, theme.SPACE_2)
        column.setSpacing(theme.SPACE_1)
        column.addLayout(head)
        column.addWidget(self.legend)
        column.addWidget(self._stack, 1)

    def _scale(self, picture: Picture) -> None:
        self._y_end = stepped(self._y_end, picture.y_largest)
        # A live x axis grows in steps; a kept one ends where its data do.
        whole = picture.first == 0 and self._live
        self._x_end = stepped(self._x_end, picture.x_end) if whole else max(1.0, picture.x_end)
        item = self._plot.getPlotItem()
        item.setXRange(picture.first, self._x_end, padding=0)
        item.setYRange(0, self._y_end, padding=0)
        levels = ticks(self._y_end)
        step = levels[1] - levels[0] if len(levels) > 1 else 1.0
        item.getAxis("left").setTicks([[(value, tick_text(value, step)) for value in levels]])
        marks = [value for value in ticks(self._x_end, 6) if value >= 1 and value == int(value)]
        item.getAxis("bottom").setTicks([[(value, tick_text(value, 1.0)) for value in marks]])
        self._grid.setData(
            np.tile([picture.first, self._x_end], len(levels)), np.repeat(np.asarray(levels), 2)
        )

    def _draw(self, picture: Picture) -> None:
        item = self._plot.getPlotItem()
        marks = [trace.mark is Mark.BARS for trace in picture.traces]
        if marks != [isinstance(shape, pg.BarGraphItem) for shape in self._items]:
            for shape in self._items:
                item.removeItem(shape)
            self._items = [_shape(bars) for bars in marks]
            for shape in self._items:
                item.addItem(shape)
        for shape, trace in zip(self._items, picture.traces, strict=True):
            self._update(shape, trace)

    def _update(self, shape: Any, trace: Trace) -> None:
        colour = QColor(self._look.tokens.series[trace.series])
        xs, ys = np.asarray(trace.xs, dtype=float), np.asarray(trace.ys, dtype=float)
        if trace.mark is Mark.BARS:
            shape.setOpts(x=xs, height=ys, width=BAR_SHARE, brush=colour, pen=colour)
            return
        pen = QPen(colour, 1 if self._live else 1.5, PEN_STYLES[trace.dash])
        pen.setCosmetic(True)
        shape.setData(
            xs,
            ys,
            pen=pen,
            connect="pairs" if trace.mark is Mark.SEGMENTS else "all",
            antialias=not self._live,
            skipFiniteCheck=True,
        )

    def _recolour(self) -> None:
        tokens = self._look.tokens
        item = self._plot.getPlotItem()
        self.copy_button.setIcon(self._look.icon("copy", "muted"))
        self._plot.setBackground(tokens.surface)
        for side in ("bottom", "left"):
            axis = item.getAxis(side)
            axis.setPen(QColor(tokens.border))
            axis.setTextPen(QColor(tokens.muted))
            axis.setLabel(axis.labelText, color=tokens.muted)
        self._grid.setPen(QPen(QColor(tokens.border), 0))
        if self._picture is not None:
            self._draw(self._picture)


def _shape(bars: bool) -> Any:
    return pg.BarGraphItem(x=[], height=[], width=BAR_SHARE) if bars else pg.PlotCurveItem()


def _corner(action: str, name: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName(f"chart_{action}")
    button.setIconSize(QSize(theme.ICON, theme.ICON))
    button.setProperty("kind", "flat")
    button.setFont(theme.caption())
    button.setAccessibleName(name)
    button.setToolTip(name)
    return button
