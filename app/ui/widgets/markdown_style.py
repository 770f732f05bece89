"""How Markdown looks: fonts, colours and space of a text document's blocks."""

from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextTable,
)

from app.ui import theme
from app.ui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4, Tokens

_LINE_HEIGHT_PERCENT = 135.0
_CODE_LINE_HEIGHT_PERCENT = 120.0
CODE_PADDING = SPACE_3


def is_code(block: QTextBlock) -> bool:
    """Whether the block is a line of a fenced or indented code block."""
    if not block.isValid():
        return False
    form = block.blockFormat()
    return form.hasProperty(QTextFormat.Property.BlockCodeFence) or form.hasProperty(
        QTextFormat.Property.BlockCodeLanguage
    )


def quote_level(block: QTextBlock) -> int:
    """How deep the block is quoted; 0 for plain text."""
    return block.blockFormat().intProperty(QTextFormat.Property.BlockQuoteLevel)


def set_line_height(form: QTextBlockFormat, percent: float = _LINE_HEIGHT_PERCENT) -> None:
    """Space a block's lines in percent of their font's own height."""
    form.setLineHeight(percent, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)


def collapse(form: QTextBlockFormat) -> None:
    """Take all height from an empty block that the document needs beside a frame or table."""
    form.setTopMargin(0)
    form.setBottomMargin(0)
    form.setLineHeight(1, QTextBlockFormat.LineHeightTypes.FixedHeight.value)


class MarkdownStyle:
    """The look of a theme's Markdown."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def apply(self, document: QTextDocument, start: int) -> None:
        """Restyle what Qt's Markdown importer wrote, from `start` to the document's end."""
        tables = _tables(document, start)
        for table in tables:
            _tidy(table)
        blocks = _blocks(document, start)
        for block in blocks:
            self._replace_images(block)
        # One edit block for all formats: the layout follows once. What adds or takes away frames
        # must stay outside, or Qt's layout keeps pointers to tables that are gone.
        edit = QTextCursor(document)
        edit.beginEditBlock()
        for block in blocks:
            self._style_block(block)
            self._style_text(block)
        edit.endEditBlock()
        for table in tables:
            self._style_table(table)

    def _style_block(self, block: QTextBlock) -> None:
        form = block.blockFormat()
        level = quote_level(block)
        form.setNonBreakableLines(False)
        set_line_height(form)
        if is_code(block):
            set_line_height(form, _CODE_LINE_HEIGHT_PERCENT)
            edge = CODE_PADDING + SPACE_1
            form.setTopMargin(0 if is_code(block.previous()) else edge)
            form.setBottomMargin(0 if is_code(block.next()) else edge + SPACE_2)
            form.setLeftMargin(CODE_PADDING)
            form.setRightMargin(CODE_PADDING)
        elif form.headingLevel():
            form.setTopMargin(SPACE_4)
            form.setBottomMargin(SPACE_1)
        elif block.textList() is not None:
            form.setTopMargin(SPACE_1 / 2)
            form.setBottomMargin(SPACE_1 / 2 if block.next().textList() is not None else SPACE_3)
        elif QTextCursor(block).currentTable() is not None:
            set_line_height(form, 100.0)
            form.setTopMargin(0)
            form.setBottomMargin(0)
        elif not block.text():
            collapse(form)
        else:
            form.setTopMargin(0)
            form.setBottomMargin(SPACE_3)
            form.setLeftMargin(SPACE_4 * level)
        QTextCursor(block).setBlockFormat(form)

    def _style_text(self, block: QTextBlock) -> None:
        heading = block.blockFormat().headingLevel()
        cursor = QTextCursor(block)
        for position, length, old in _runs(block):
            cursor.setPosition(position)
            cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
            cursor.setCharFormat(self._text_format(block, old, heading))

    def _text_format(
        self, block: QTextBlock, old: QTextCharFormat, heading: int
    ) -> QTextCharFormat:
        code = is_code(block) or old.fontFixedPitch()
        font = QFont(theme.mono() if code else _text_font(heading))
        bold = old.fontWeight() >= QFont.Weight.Bold or _in_table_head(block)
        if bold and not heading:
            font.setWeight(QFont.Weight.DemiBold)
        font.setItalic(old.fontItalic())
        font.setStrikeOut(old.fontStrikeOut())
        form = QTextCharFormat()
        form.setFont(font)
        colour = self._tokens.muted if quote_level(block) else self._tokens.text
        if old.isAnchor():
            form.setAnchor(True)
            form.setAnchorHref(old.anchorHref())
            form.setFontUnderline(True)
            colour = self._tokens.accent
        if old.fontFixedPitch() and not is_code(block):
            form.setBackground(QColor(self._tokens.surface))
            form.setProperty(QTextFormat.Property.FontFixedPitch, True)
        form.setForeground(QColor(colour))
        return form

    def _replace_images(self, block: QTextBlock) -> None:
        """Put a link in place of each image: nothing a model wrote is fetched."""
        images = [run for run in _runs(block) if run[2].isImageFormat()]
        for position, length, old in reversed(images):
            source = old.toImageFormat().name()
            words = old.stringProperty(QTextFormat.Property.ImageAltText) or source
            link = QTextCharFormat()
            link.setAnchor(True)
            link.setAnchorHref(source)
            cursor = QTextCursor(block)
            cursor.setPosition(position)
            cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
            cursor.insertText(f"[image: {words}]", link)

    def _style_table(self, table: QTextTable) -> None:
        form = table.format()
        form.setBorder(1)
        form.setBorderCollapse(True)
        form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        form.setBorderBrush(QBrush(QColor(self._tokens.border)))
        form.setCellPadding(SPACE_1 + 2)
        form.setTopMargin(SPACE_1)
        form.setBottomMargin(SPACE_3)
        table.setFormat(form)


def _text_font(heading: int) -> QFont:
    if not heading:
        return theme.body()
    font = QFont(theme.section() if heading <= 2 else theme.body())
    font.setWeight(QFont.Weight.DemiBold)
    return font


def _in_table_head(block: QTextBlock) -> bool:
    table: QTextTable | None = QTextCursor(block).currentTable()
    return table is not None and table.cellAt(block.position()).row() == 0


def _tables(document: QTextDocument, start: int) -> list[QTextTable]:
    return [
        frame
        for frame in document.rootFrame().childFrames()
        if isinstance(frame, QTextTable) and frame.lastPosition() >= start
    ]


def _tidy(table: QTextTable) -> None:
    """Take away the empty line that Qt leaves in the first cell of a table after quotes and code."""
    cell = table.cellAt(0, 0)
    cursor = cell.firstCursorPosition()
    if not cursor.block().text() and cell.lastCursorPosition().block() != cursor.block():
        cursor.deleteChar()


def _blocks(document: QTextDocument, start: int) -> list[QTextBlock]:
    found: list[QTextBlock] = []
    block = document.findBlock(start)
    while block.isValid():
        found.append(block)
        block = block.next()
    return found


def _runs(block: QTextBlock) -> list[tuple[int, int, QTextCharFormat]]:
    """Position, length and format of each run of equal format in the block."""
    found: list[tuple[int, int, QTextCharFormat]] = []
    iterator = block.begin()
    while not iterator.atEnd():
        fragment = iterator.fragment()
        found.append((fragment.position(), fragment.length(), fragment.charFormat()))
        iterator += 1
    return found
