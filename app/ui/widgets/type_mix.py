"""How a model's weights are packed: the share of each type, as a bar with its legend."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.domain.inspection import TypeShare
from app.ui import theme, words
from app.ui.theme import Theme
from app.ui.viewmodels.headings import alignment
from app.ui.widgets.plain_label import PlainLabel

THICK = 12
SWATCH = 10


class TypeMix(QWidget):
    """A bar of all weights, by bytes, over a line of figures for each type."""

    def __init__(self, look: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("type_mix")
        self._look = look
        self._mix: tuple[TypeShare, ...] = ()
        self._bar = _Bar(look)
        self._legend = QWidget()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.SPACE_2)
        self._column.addWidget(self._bar)
        self._column.addWidget(self._legend)
        look.changed.connect(self._rebuild)

    def show_mix(self, mix: Sequence[TypeShare]) -> None:
        """Show other types, the commonest first."""
        if tuple(mix) != self._mix:
            self._mix = tuple(mix)
            self._rebuild()

    def lines(self) -> list[str]:
        """The legend in words."""
        return [" ".join((share.type, *figures)) for share, *figures in self._figures()]

    def _figures(self) -> list[tuple[TypeShare, str, str, str]]:
        weights = _weights(self._mix)
        return [
            (
                share,
                words.percent(weight) if weight >= 0.01 or not weight else "< 1 %",
                words.amount(share.tensors, "tensor"),
                words.size(share.size),
            )
            for share, weight in zip(self._mix, weights, strict=True)
        ]

    def _rebuild(self) -> None:
        self._bar.show_shares(_weights(self._mix), self.lines())
        self._column.removeWidget(self._legend)
        self._legend.hide()
        self._legend.deleteLater()
        self._legend = QWidget()
        grid = QGridLayout(self._legend)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.SPACE_2)
        grid.setVerticalSpacing(theme.SPACE_1)
        for row, (share, *figures) in enumerate(self._figures()):
            swatch = QLabel()
            swatch.setFixedSize(SWATCH, SWATCH)
            swatch.setStyleSheet(f"background: {_colour(self._look, row)}; border-radius: 2px;")
            grid.addWidget(swatch, row, 0)
            name = PlainLabel(share.type)
            name.setFont(theme.strong())
            grid.addWidget(name, row, 1)
            for column, text in enumerate(figures, start=2):
                figure = PlainLabel(text)
                figure.setFont(theme.figures())
                figure.setProperty("role", "muted")
                figure.setAlignment(alignment(figures=True))
                grid.addWidget(figure, row, column)
        grid.setColumnStretch(5, 1)
        self._column.addWidget(self._legend)


class _Bar(QWidget):
    def __init__(self, look: Theme) -> None:
        super().__init__()
        self._look = look
        self._shares: list[float] = []
        self.setFixedHeight(THICK)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Wide enough to compare two shares."""
        return QSize(theme.SPACE_8 * 3, THICK)

    def show_shares(self, shares: list[float], lines: list[str]) -> None:
        self._shares = shares
        self.setAccessibleName(f"Quantisation mix: {', '.join(lines)}")
        self.setToolTip(words.tooltip("\n".join(lines)))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the shares from the left."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()), THICK / 2, THICK / 2)
        painter.setClipPath(outline)
        painter.fillRect(self.rect(), QColor(self._look.tokens.border))
        left = 0.0
        for number, share in enumerate(self._shares):
            width = self.width() * share
            # A type of few weights is still seen.
            box = QRectF(left, 0, max(2.0, width - 1), self.height())
            painter.fillRect(box, QColor(_colour(self._look, number)))
            left += width
        painter.end()


def _weights(mix: Sequence[TypeShare]) -> list[float]:
    """The part of each type in all bytes; in all weights where a size isn't known."""
    sized = all(share.size is not None for share in mix)
    amounts = [(share.size or 0) if sized else share.elements for share in mix]
    whole = max(1, sum(amounts))
    return [amount / whole for amount in amounts]


def _colour(look: Theme, number: int) -> str:
    series = look.tokens.series
    return series[number % len(series)]
