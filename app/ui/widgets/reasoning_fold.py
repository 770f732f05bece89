"""What an answer was thought about: one line above it, and the reasoning itself on request."""

from PySide6.QtCore import QUrl
from PySide6.QtGui import (
    QFont,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)

from app.ui import theme, words
from app.ui.theme import SPACE_2, SPACE_4, Theme
from app.ui.widgets.markdown_style import set_line_height

SCHEME = "reasoning"
"""Of the links that fold and unfold."""


class ReasoningFold:
    """Draws reasoning at the end of a document, folded until somebody wants to read it."""

    def __init__(self, look: Theme, document: QTextDocument) -> None:
        self._look = look
        self._document = document
        self._unfolded: set[str] = set()
        self._answer = ""
        self._line: QTextCursor | None = None
        """The line of the answer under way."""

    def toggle(self, link: QUrl) -> bool:
        """Fold or unfold an answer's reasoning from the next drawing on; whether it is unfolded."""
        self._unfolded ^= {link.path()}
        return link.path() in self._unfolded

    def draw(self, answer: str, reasoning: str, seconds: float) -> None:
        """Draw a finished answer's reasoning.

        Args:
            answer: the answer's id.
            reasoning: what it was thought about.
            seconds: how long.
        """
        self._draw(answer, reasoning, seconds)

    def begin(self) -> None:
        """Another answer is under way, or none."""
        self._line = None

    def draw_live(self, answer: str, reasoning: str, seconds: float | None) -> None:
        """Draw the reasoning so far of the answer under way; without seconds it goes on."""
        self._answer = answer
        self._line = self._draw(answer, reasoning, seconds)

    def grow(self, more: str) -> bool:
        """Add to the reasoning under way; False when it isn't drawn yet."""
        if self._line is not None and self._answer in self._unfolded:
            self._end().insertText(more, self._format("muted", theme.body()))
        return self._line is not None

    def finish(self, seconds: float) -> None:
        """Say how long the reasoning under way took."""
        if self._line is None:
            return
        cursor = QTextCursor(self._line.block())
        cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self._write_line(cursor, self._answer, seconds)

    def _draw(self, answer: str, reasoning: str, seconds: float | None) -> QTextCursor:
        form = QTextBlockFormat()
        form.setBottomMargin(SPACE_2)
        cursor = self._end()
        cursor.insertBlock(form)
        line = QTextCursor(cursor.block())
        # What is written behind it mustn't take it along.
        line.setKeepPositionOnInsert(True)
        self._write_line(cursor, answer, seconds)
        if answer in self._unfolded:
            form.setProperty(QTextFormat.Property.BlockQuoteLevel, 1)
            form.setLeftMargin(SPACE_4)
            set_line_height(form)
            cursor = self._end()
            cursor.insertBlock(form)
            cursor.insertText(reasoning.strip("\n"), self._format("muted", theme.body()))
        return line

    def _write_line(self, cursor: QTextCursor, answer: str, seconds: float | None) -> None:
        text = f"{words.reasoning(seconds)} · "
        cursor.insertText(text, self._format("muted", theme.caption()))
        link = self._format("accent", theme.caption())
        link.setAnchor(True)
        link.setAnchorHref(f"{SCHEME}:{answer}")
        cursor.insertText("Hide" if answer in self._unfolded else "Show", link)

    def _format(self, role: str, font: QFont) -> QTextCharFormat:
        form = QTextCharFormat()
        form.setFont(font)
        form.setForeground(self._look.color(role))
        return form

    def _end(self) -> QTextCursor:
        cursor = QTextCursor(self._document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor
