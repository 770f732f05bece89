"""Who holds how much of the memory that models may take together."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui import theme, words
from app.ui.theme import Theme
from app.ui.viewmodels.loaded import MemoryShares

SLIM = 8
LABEL_PADDING = 8


class MemoryBar(QWidget):
    """Shares side by side over the free rest; with names in them when it is tall enough."""

    def __init__(
        self, look: Theme, *, labelled: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._labelled = labelled
        self._memory = MemoryShares((), 0, 0)
        self.setObjectName("memory_bar")
        self.setFixedHeight(theme.CONTROL if labelled else SLIM)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFont(theme.figures(theme.CAPTION_PX))
        look.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """Wide enough to compare two shares."""
        return QSize(theme.SPACE_8 * 3, self.height())

    def set_memory(self, memory: MemoryShares) -> None:
        """Show other shares."""
        self._memory = memory
        says = [f"{share.name} {words.size(share.charged)}" for share in memory.shares]
        says.append(f"free {words.size(memory.free)}")
        self.setAccessibleName(f"{memory.sentence}: {', '.join(says)}")
        self.setToolTip(words.tooltip("\n".join([memory.sentence, *says])))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the shares from the left."""
        tokens = self._look.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        radius = theme.RADIUS if self._labelled else self.height() / 2
        outline.addRoundedRect(QRectF(self.rect()), radius, radius)
        painter.setClipPath(outline)
        painter.fillRect(self.rect(), QColor(tokens.border))
        # A budget that is overdrawn still shows every share to scale.
        whole = max(self._memory.budget, self._memory.charged, 1)
        left = 0.0
        for share in self._memory.shares:
            width = self.width() * share.charged / whole
            box = QRectF(left, 0, max(1.0, width - 2), self.height())
            painter.fillRect(box, QColor(tokens.series[share.series % len(tokens.series)]))
            self._label(
                painter, box, f"{share.name}  {words.size(share.charged)}", tokens.on_accent
            )
            left += width
        rest = QRectF(left, 0, self.width() - left, self.height())
        self._label(painter, rest, f"free {words.size(self._memory.free)}", tokens.text)
        painter.end()

    def _label(self, painter: QPainter, box: QRectF, text: str, colour: str) -> None:
        room = box.adjusted(LABEL_PADDING, 0, -LABEL_PADDING, 0)
        if not self._labelled or room.width() < theme.SPACE_8:
            return
        painter.setPen(QColor(colour))
        metrics = painter.fontMetrics()
        elided = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, elided)
