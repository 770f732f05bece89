"""The legend of a chart: outside the plot, with each trace's own stroke."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.ui import theme
from app.ui.charts.picture import Dash, Mark, Trace
from app.ui.theme import Theme

STROKE = 22
PEN_STYLES = {
    Dash.SOLID: Qt.PenStyle.SolidLine,
    Dash.DASHED: Qt.PenStyle.DashLine,
    Dash.DOTTED: Qt.PenStyle.DotLine,
}


class Legend(QWidget):
    """One row of strokes and names; what has no data is left out."""

    def __init__(self, look: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._traces: tuple[Trace, ...] = ()
        self.setFont(theme.figures(theme.CAPTION_PX))
        look.changed.connect(self.update)

    def show_traces(self, traces: Sequence[Trace]) -> None:
        """Name these traces."""
        self._traces = tuple(trace for trace in traces if len(trace.xs))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Room for every name."""
        return QSize(round(self._place(len(self._traces))), self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        """A narrow chart cuts its legend off rather than growing."""
        return QSize(0, self.fontMetrics().height())

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw the row."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        for number, trace in enumerate(self._traces):
            left = self._place(number)
            colour = QColor(self._look.tokens.series[trace.series])
            if trace.mark is Mark.BARS:
                painter.fillRect(QRectF(left, middle - 4, STROKE / 2, 8), colour)
            else:
                painter.setPen(QPen(colour, 2, PEN_STYLES[trace.dash]))
                painter.drawLine(QPointF(left, middle), QPointF(left + STROKE, middle))
            painter.setPen(self._look.color("muted"))
            words = QRectF(left + STROKE + theme.SPACE_1, 0, self.width(), self.height())
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, trace.name)

    def _place(self, number: int) -> float:
        metrics = self.fontMetrics()
        return sum(
            STROKE + theme.SPACE_1 + metrics.horizontalAdvance(trace.name) + theme.SPACE_4
            for trace in self._traces[:number]
        )
