"""Paints the rows of the model browser, each in one go: a delegate would be asked for every cell."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QStaticText

from app.domain.memory import Fit
from app.domain.models import ModelStatus
from app.ui import theme, words
from app.ui.theme import FIT_ROLES, STATE_ROLES, Theme
from app.ui.viewmodels.model_columns import Column
from app.ui.viewmodels.model_facts import ShownModel

PADDING = theme.SPACE_2
DOT = 8
FIT_BAR = 20
FIT_SHARES: dict[Fit, float] = {Fit.FITS: 0.4, Fit.TIGHT: 0.85, Fit.TOO_BIG: 1.0}
STATUS_ROLES = {
    ModelStatus.AVAILABLE: "ok",
    ModelStatus.ADAPTER: "muted",
    ModelStatus.MISSING: "warn",
    ModelStatus.INVALID: "error",
}
REASON_HEIGHT = 14
"""What the line under a name takes of its row."""
LEFT, CENTRE, RIGHT = 0.0, 0.5, 1.0
LAID_OUT = 2_000
"""Texts of which the glyphs are kept: most columns say one of a few things."""


class Cell(NamedTuple):
    """Where the column of a row is."""

    column: Column
    left: int
    width: int


class ModelRowPainter:
    """Hovered or selected, a row is painted on one ground; one that fails says why under its name."""

    def __init__(self, look: Theme, text: Callable[[ShownModel, Column], str]) -> None:
        """Take the colours, and what tells a cell's words."""
        self._look = look
        self._say = text
        self._fonts = [theme.body(), theme.strong(), theme.caption(), theme.figures()]
        self._body, self._strong, self._caption, self._figures = range(len(self._fonts))
        self._metrics = [QFontMetrics(font) for font in self._fonts]
        self._laid_out = lru_cache(LAID_OUT)(self._lay_out)
        self._colours: dict[str, QColor] = {}
        self.recolour()

    def recolour(self) -> None:
        """Other colours are in force."""
        tokens = self._look.tokens
        self._colours = {
            **{role: self._look.color(role) for role in ("text", "muted", "border", "accent")},
            **{
                role: self._look.color(role)
                for role in ("on_accent", "ok", "warn", "error", "info")
            },
            "selected": QColor(theme.mix(tokens.accent, tokens.surface, 0.16)),
            "hovered": QColor(theme.mix(tokens.text, tokens.surface, 0.06)),
        }

    def paint(
        self, painter: QPainter, row: QRectF, cells: Sequence[Cell], model: ShownModel, ground: str
    ) -> None:
        """Paint a row.

        Args:
            painter: what to paint with.
            row: where the row is.
            cells: its columns.
            model: what it shows.
            ground: "selected", "hovered" or "".
        """
        if ground:
            painter.fillRect(row, self._colours[ground])
        line = QRectF(row.left(), row.bottom() - 1, row.width(), 1)
        painter.fillRect(line, self._colours["border"])
        usual = "text" if model.spec.status is ModelStatus.AVAILABLE else "muted"
        for column, left, width in cells:
            inner = QRectF(left + PADDING, row.top(), width - 2 * PADDING, row.height())
            match column.id:
                case "name":
                    self._name(painter, inner, model, usual)
                case "state":
                    self._state(painter, inner, model, self._say(model, column))
                case "fit":
                    self._fit(painter, inner, model.fit)
                case "favourite":
                    star = self._say(model, column)
                    self._text(painter, inner, star, self._body, "warn", side=CENTRE)
                case _:
                    font = self._figures if column.figures else self._body
                    said = self._say(model, column)
                    self._text(
                        painter, inner, said, font, usual, side=RIGHT if column.figures else LEFT
                    )

    def _name(self, painter: QPainter, rect: QRectF, model: ShownModel, usual: str) -> None:
        line = QRectF(rect)
        if model.reason:
            line.setHeight(rect.height() - REASON_HEIGHT + 1)
            below = QRectF(rect.left(), line.bottom() - 2, rect.width(), REASON_HEIGHT)
            role = "warn" if model.spec.status is ModelStatus.MISSING else "error"
            self._text(painter, below, model.reason, self._caption, role)
        if model.active:
            line.setRight(line.right() - self._tag(painter, line, model.spec.name))
        # Names hardly come twice: to keep their glyphs costs more than it saves.
        metrics = self._metrics[self._strong]
        shown = metrics.elidedText(model.spec.name, Qt.TextElideMode.ElideRight, int(line.width()))
        base = line.center().y() + (metrics.ascent() - metrics.descent()) / 2
        painter.setFont(self._fonts[self._strong])
        painter.setPen(self._colours[usual])
        painter.drawText(QPointF(line.left(), base), shown)

    def _tag(self, painter: QPainter, line: QRectF, name: str) -> float:
        """Paint "active" behind the name and return the width that it takes."""
        width = self._metrics[self._caption].horizontalAdvance("active") + theme.SPACE_3
        taken = width + theme.SPACE_2
        name_width = self._metrics[self._strong].horizontalAdvance(name)
        left = line.left() + min(name_width + theme.SPACE_2, line.width() - width)
        box = QRectF(left, line.center().y() - 8, width, 16)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colours["accent"])
        painter.drawRoundedRect(box, 8, 8)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        painter.setFont(self._fonts[self._caption])
        painter.setPen(self._colours["on_accent"])
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "active")
        return taken

    def _state(self, painter: QPainter, rect: QRectF, model: ShownModel, said: str) -> None:
        if not said:
            return
        view = model.instance
        role = STATUS_ROLES[model.spec.status] if view is None else STATE_ROLES[view.state]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colours[role])
        painter.drawEllipse(QPointF(rect.left() + DOT / 2, rect.center().y()), DOT / 2, DOT / 2)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        self._text(painter, rect.adjusted(DOT + 6, 0, 0, 0), said, self._figures, "text")

    def _fit(self, painter: QPainter, rect: QRectF, fit: Fit | None) -> None:
        if fit is None:
            return
        bar = QRectF(rect.left(), rect.center().y() - 2, FIT_BAR, 4)
        painter.fillRect(bar, self._colours["border"])
        bar.setWidth(FIT_BAR * FIT_SHARES[fit])
        painter.fillRect(bar, self._colours[FIT_ROLES[fit]])
        words_beside = rect.adjusted(FIT_BAR + 6, 0, 0, 0)
        self._text(painter, words_beside, words.FIT_WORDS[fit], self._body, "text")

    def _text(
        self,
        painter: QPainter,
        rect: QRectF,
        text: str,
        font: int,
        role: str,
        *,
        side: float = LEFT,
    ) -> None:
        if not text:
            return
        laid_out, width, height = self._laid_out(text, font, int(rect.width()))
        left = rect.left() + side * (rect.width() - width)
        painter.setFont(self._fonts[font])
        painter.setPen(self._colours[role])
        painter.drawStaticText(QPointF(left, rect.center().y() - height / 2), laid_out)

    def _lay_out(self, text: str, font: int, width: int) -> tuple[QStaticText, float, float]:
        """A text cut to a width, ready to be drawn, and its size."""
        shown = self._metrics[font].elidedText(text, Qt.TextElideMode.ElideRight, width)
        laid_out = QStaticText(shown)
        laid_out.setTextFormat(Qt.TextFormat.PlainText)
        laid_out.prepare(font=self._fonts[font])
        size = laid_out.size()
        return laid_out, size.width(), size.height()
