"""Markdown written into a text document while it is still growing."""

from PySide6.QtGui import QTextBlockFormat, QTextCharFormat, QTextCursor, QTextDocument

from app.ui.widgets.markdown_style import MarkdownStyle
from app.ui.widgets.markdown_tail import ends_in_code, may_end_code, settled_length

_DIALECT = (
    QTextDocument.MarkdownFeature.MarkdownDialectGitHub
    | QTextDocument.MarkdownFeature.MarkdownNoHTML
)
_GUARD = "x\n\n"
"""A paragraph in front of each piece: Qt drops the first block's own format when it inserts."""


class MarkdownWriter:
    """Writes one text at the end of a document.

    Finished blocks stay as they are; each write replaces only the tail that could still change,
    so that the cost of a write doesn't grow with the text.
    """

    def __init__(self, document: QTextDocument, style: MarkdownStyle) -> None:
        """Start in a new, empty block at the end of `document`."""
        self._document = document
        self._style = style
        self._tail = ""
        self._in_code = False
        self._held = ""
        cursor = self._end()
        cursor.insertBlock(QTextBlockFormat(), QTextCharFormat())
        self._start = cursor.position()

    def write(self, more: str) -> None:
        """Add text."""
        last_line = self._tail.rpartition("\n")[2]
        self._tail += more
        if self._in_code and not may_end_code(last_line, more):
            self._add_code(more)
        else:
            self._write_tail()

    def _write_tail(self) -> None:
        self._clear()
        settled = settled_length(self._tail)
        if settled:
            self._insert(self._tail[:settled])
            self._tail = self._tail[settled:]
            cursor = self._end()
            cursor.insertBlock(QTextBlockFormat(), QTextCharFormat())
            self._start = cursor.position()
        self._insert(self._tail)
        self._in_code = ends_in_code(self._tail)
        self._held = "\n" if self._tail.endswith("\n") else ""

    def _add_code(self, more: str) -> None:
        # The line break that ends a fence's text so far isn't shown until a line follows it.
        text = self._held + more
        self._held = "\n" if text.endswith("\n") else ""
        cursor = self._end()
        at = cursor.position()
        cursor.insertText(text.removesuffix("\n"))
        self._style.apply(self._document, at)

    def _clear(self) -> None:
        cursor = QTextCursor(self._document)
        cursor.setPosition(self._start)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        cursor.setBlockFormat(QTextBlockFormat())
        cursor.setBlockCharFormat(QTextCharFormat())
        cursor.setCharFormat(QTextCharFormat())

    def _insert(self, text: str) -> None:
        if not text.strip():
            return
        cursor = QTextCursor(self._document)
        cursor.setPosition(self._start)
        cursor.insertMarkdown(_GUARD + text, _DIALECT)
        self._remove_guard()
        self._style.apply(self._document, self._start)

    def _remove_guard(self) -> None:
        cursor = QTextCursor(self._document)
        cursor.setPosition(self._start)
        following = self._document.findBlock(self._start).next()
        # A table needs a block before it: only the guard's letter goes.
        if following.isValid() and QTextCursor(following).currentTable() is None:
            cursor.setPosition(following.position(), QTextCursor.MoveMode.KeepAnchor)
        else:
            cursor.movePosition(
                QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor
            )
        cursor.removeSelectedText()

    def _end(self) -> QTextCursor:
        cursor = QTextCursor(self._document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor
