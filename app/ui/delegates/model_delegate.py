"""Paints the cells of the model browser."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.domain.memory import Fit
from app.domain.models import ModelSpec, ModelStatus
from app.ui import theme
from app.ui.theme import FIT_ROLES, STATE_ROLES, Theme
from app.ui.viewmodels.headings import alignment
from app.ui.viewmodels.model_table import COLUMNS, Role

PADDING = theme.SPACE_2
TALL_ROW = theme.ROW + theme.SPACE_4
"""The height of a row that says under its name why it can't be used."""
DOT = 8
FIT_BAR = 20
FIT_SHARES: dict[Fit, float] = {Fit.FITS: 0.4, Fit.TIGHT: 0.85, Fit.TOO_BIG: 1.0}

Index = QModelIndex | QPersistentModelIndex


class ModelDelegate(QStyledItemDelegate):
    """One delegate for all columns; a row is painted on one ground, hovered or selected whole."""

    def __init__(self, look: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._body = theme.body()
        self._strong = theme.strong()
        self._caption = theme.caption()
        self._figures = theme.figures()
        self.hovered_row = -1

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one cell."""
        spec = index.data(Role.SPEC)
        if not isinstance(spec, ModelSpec):
            return
        rect: QRect = option.rect
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        self._ground(painter, rect, selected=selected, hovered=index.row() == self.hovered_row)
        inner = QRectF(rect).adjusted(PADDING, 0, -PADDING, 0)
        column = COLUMNS[index.column()]
        if column.id == "name":
            self._name(painter, inner, spec, index)
        elif column.id == "state":
            self._state(painter, inner, index)
        elif column.id == "fit":
            self._fit(painter, inner, index)
        else:
            font = self._figures if column.figures else self._body
            side = alignment(figures=column.figures)
            role = "text" if spec.status is ModelStatus.AVAILABLE else "muted"
            self._text(painter, inner, str(index.data()), font, role, side)
        painter.restore()

    def _ground(self, painter: QPainter, rect: QRect, *, selected: bool, hovered: bool) -> None:
        tokens = self._look.tokens
        if selected:
            painter.fillRect(rect, QColor(theme.mix(tokens.accent, tokens.surface, 0.16)))
        elif hovered:
            painter.fillRect(rect, QColor(theme.mix(tokens.text, tokens.surface, 0.06)))
        painter.setPen(QColor(tokens.border))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())

    def _name(self, painter: QPainter, rect: QRectF, spec: ModelSpec, index: Index) -> None:
        line = QRectF(rect)
        reason = index.data(Role.REASON)
        if reason:
            line.setHeight(rect.height() / 2 + theme.SPACE_1)
            below = rect.adjusted(0, rect.height() / 2 - theme.SPACE_1, 0, -theme.SPACE_1)
            role = "warn" if spec.status is ModelStatus.MISSING else "error"
            self._text(painter, below, reason, self._caption, role)
        role = "text" if spec.status is ModelStatus.AVAILABLE else "muted"
        if index.data(Role.ACTIVE):
            line.setRight(line.right() - self._tag(painter, line, spec.name))
        self._text(painter, line, spec.name, self._strong, role)

    def _tag(self, painter: QPainter, line: QRectF, name: str) -> float:
        """Paint "active" behind the name and return the width that it takes."""
        metrics = QFontMetrics(self._caption)
        width = metrics.horizontalAdvance("active") + theme.SPACE_3
        taken = width + theme.SPACE_2
        name_width = QFontMetrics(self._strong).horizontalAdvance(name)
        left = line.left() + min(name_width + theme.SPACE_2, line.width() - width)
        box = QRectF(left, line.center().y() - 8, width, 16)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._look.color("accent"))
        painter.drawRoundedRect(box, 8, 8)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        painter.setFont(self._caption)
        painter.setPen(self._look.color("on_accent"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "active")
        return taken

    def _state(self, painter: QPainter, rect: QRectF, index: Index) -> None:
        text = str(index.data())
        if not text:
            return
        view = index.data(Role.INSTANCE)
        spec = index.data(Role.SPEC)
        absent = "warn" if spec.status is ModelStatus.MISSING else "error"
        role = STATE_ROLES[view.state] if view is not None else absent
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._look.color(role))
        painter.drawEllipse(QPointF(rect.left() + DOT / 2, rect.center().y()), DOT / 2, DOT / 2)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        self._text(painter, rect.adjusted(DOT + 6, 0, 0, 0), text, self._figures, "text")

    def _fit(self, painter: QPainter, rect: QRectF, index: Index) -> None:
        fit = index.data(Role.FIT)
        if fit is None:
            return
        bar = QRectF(rect.left(), rect.center().y() - 2, FIT_BAR, 4)
        painter.fillRect(bar, self._look.color("border"))
        bar.setWidth(FIT_BAR * FIT_SHARES[fit])
        painter.fillRect(bar, self._look.color(FIT_ROLES[fit]))
        self._text(
            painter, rect.adjusted(FIT_BAR + 6, 0, 0, 0), str(index.data()), self._body, "text"
        )

    def _text(
        self,
        painter: QPainter,
        rect: QRectF,
        text: str,
        font: QFont,
        role: str,
        side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        painter.setFont(font)
        painter.setPen(self._look.color(role))
        elide = Qt.TextElideMode.ElideRight
        shown = painter.fontMetrics().elidedText(text, elide, int(rect.width()))
        painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter, shown)
