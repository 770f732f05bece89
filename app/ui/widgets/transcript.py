"""What was said in one conversation, with the answer under way as it comes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from PySide6.QtCore import QMargins, QPoint, QRectF, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QCursor,
    QFont,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextFrame,
    QTextFrameFormat,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QTextBrowser, QToolTip, QWidget

from app.domain.conversations import Message, MessageState
from app.domain.errors import ErrorKind
from app.domain.generation import FinishReason, Role
from app.ui import theme, words
from app.ui.theme import RADIUS, SPACE_2, SPACE_3, SPACE_4, SPACE_6, Theme
from app.ui.widgets.markdown_style import (
    CODE_PADDING,
    MarkdownStyle,
    collapse,
    is_code,
    quote_level,
    set_line_height,
)
from app.ui.widgets.markdown_writer import MarkdownWriter
from app.ui.widgets.reasoning_fold import SCHEME, ReasoningFold

FRAME_MS = 33
PROMPT_INDENT = 96
"""Pixels by which a prompt stands in from the left, so that speakers differ at a glance."""
LINE_SLACK = 4
"""Pixels that the line spacing leaves below a last line."""
SHOWN = 20_000
"""Characters of a prompt that are drawn; who pasted more than that knows it."""
AT_BOTTOM = 8
"""Pixels from the end within which the view follows the text."""


class Transcript(QTextBrowser):
    """A read-only column of prompts and answers; answers are Markdown.

    Streamed text is collected and drawn once a frame. Nothing a message refers to is ever fetched.
    """

    link_opened = Signal(QUrl)
    """The user clicked a link."""

    def __init__(self, look: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._fold = ReasoningFold(look, self.document())
        self._messages: list[Message] = []
        self._live: Message | None = None
        self._reasoned: list[str] = []
        self._thought: float | None = None
        """The seconds that its reasoning took, once it is over."""
        self._writer: MarkdownWriter | None = None
        self._written: list[str] = []
        self._waiting: list[str] = []
        self._prompts: list[QTextFrame] = []
        self.cost: Callable[[Message], str] = lambda answer: ""
        """Tells what an answer cost, in words."""
        self._following = True
        """Whether the view stays at the end as the text grows: until the reader scrolls up."""
        self._frame = QTimer(self)
        self._frame.setSingleShot(True)
        self._frame.setInterval(FRAME_MS)
        self._frame.timeout.connect(self.flush)
        self.setObjectName("transcript")
        self.setAccessibleName("Transcript")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setStyleSheet("Transcript { border: none; background: transparent; }")
        self.setOpenLinks(False)
        self.setUndoRedoEnabled(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.document().setDefaultFont(theme.body())
        self.document().setDocumentMargin(0)
        self.anchorClicked.connect(self._open)
        self.highlighted.connect(self._say_where)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        # A long document is laid out bit by bit: its height comes after its text.
        self.verticalScrollBar().rangeChanged.connect(self._stay)
        look.changed.connect(self._redraw)

    def show_messages(
        self,
        messages: Sequence[Message],
        live: Message | None = None,
        partial: str = "",
        reasoning: str = "",
    ) -> None:
        """Show a conversation from its start.

        Args:
            messages: its finished turns.
            live: the answer under way, if any.
            partial: the text of `live` so far.
            reasoning: what `live` was thought about so far.
        """
        self._messages = list(messages)
        self._live = live
        self._written = [partial]
        self._reasoned = [reasoning]
        self._thought = live.reasoning_seconds if live is not None and partial else None
        self._waiting.clear()
        self._following = True
        self._redraw()

    def add_message(self, message: Message) -> None:
        """Show one more finished turn, and go to it."""
        self.flush()
        cause_due = bool(self._messages) and self._messages[-1].error is not None
        self._messages.append(message)
        self._following = True
        with self._kept_in_place():
            if cause_due:
                self._redraw()
            else:
                self._draw(message)

    def begin(self, answer: Message) -> None:
        """Show the head of an answer; its text follows by `append`."""
        self._live = answer
        self._written = []
        self._reasoned = []
        self._thought = None
        self._fold.begin()
        with self._kept_in_place():
            self._draw_head(answer)
        self._writer = None

    def reason(self, text: str) -> None:
        """Add to the reasoning of the answer that has begun."""
        if self._live is None:
            return
        self._reasoned.append(text)
        if self._writer is not None:
            return
        with self._kept_in_place():
            if not self._fold.grow(text):
                self._fold.draw_live(self._live.id, "".join(self._reasoned), None)

    def end_reasoning(self, seconds: float) -> None:
        """Say how long the answer that has begun was thought about."""
        self._thought = seconds
        with self._kept_in_place():
            self._fold.finish(seconds)

    def append(self, text: str) -> None:
        """Add text to the answer that has begun, at the next frame."""
        if text:
            self._waiting.append(text)
        if text and not self._frame.isActive():
            self._frame.start()

    def end(self, answer: Message) -> None:
        """Close the answer that has begun, with its figures or how it ended."""
        self.flush()
        if answer.reasoning_seconds is not None and self._thought is None:
            self.end_reasoning(answer.reasoning_seconds)
        self._messages.append(answer)
        self._live = self._writer = None
        self._fold.begin()
        with self._kept_in_place():
            self._draw_foot(answer)

    def flush(self) -> None:
        """Draw what waits, now."""
        self._frame.stop()
        text = "".join(self._waiting)
        self._waiting.clear()
        if not text or self._live is None:
            return
        self._written.append(text)
        with self._kept_in_place():
            self._write(text)

    def draw_again(self) -> None:
        """Draw everything anew: what is known of the answers has changed."""
        self._redraw()

    def loadResource(self, _kind: int, _name: QUrl | str) -> object:
        """Fetch nothing, wherever it is."""
        return None

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the column readable and in the middle."""
        with self._kept_in_place():
            super().resizeEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Open where the reader was, or at the end."""
        # Qt goes to the text cursor the first time, which is at the start.
        with self._kept_in_place():
            super().showEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the grounds of prompts and code behind the text."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(-self.horizontalScrollBar().value(), -self.verticalScrollBar().value())
        self._paint_prompts(painter)
        self._paint_blocks(painter)
        painter.end()
        super().paintEvent(event)

    def _redraw(self) -> None:
        self._frame.stop()
        place = self.verticalScrollBar().value()
        with self._kept_in_place():
            self._draw_all()
            self.verticalScrollBar().setValue(place)

    def _draw_all(self) -> None:
        self._prompts.clear()
        self._writer = None
        self._fold.begin()
        self._waiting, waiting = [], self._waiting
        self.clear()
        cursor = self._end()
        form = QTextBlockFormat()
        collapse(form)
        cursor.setBlockFormat(form)
        for message in self._messages:
            self._draw(message)
        if self._live is not None:
            self._written += waiting
            self._draw_head(self._live)
            if reasoning := "".join(self._reasoned):
                self._fold.draw_live(self._live.id, reasoning, self._thought)
            if written := "".join(self._written):
                self._write(written)

    def _draw(self, message: Message) -> None:
        if message.role is not Role.ASSISTANT:
            self._draw_prompt(message.text)
            return
        self._draw_head(message)
        if message.reasoning:
            self._fold.draw(message.id, message.reasoning, message.reasoning_seconds or 0.0)
        if message.text:
            self._write(message.text)
        self._writer = None
        self._draw_foot(message)

    def _draw_prompt(self, text: str) -> None:
        form = QTextFrameFormat()
        form.setLeftMargin(PROMPT_INDENT)
        form.setTopMargin(SPACE_4)
        form.setBottomMargin(SPACE_2)
        form.setPadding(SPACE_3)
        cursor = self._end()
        frame = cursor.insertFrame(form)
        self._prompts.append(frame)
        block = QTextBlockFormat()
        set_line_height(block)
        cursor.setBlockFormat(block)
        cursor.insertText(shortened(text), self._text_format("text"))
        cursor = self._end()
        after = QTextBlockFormat()
        collapse(after)
        cursor.setBlockFormat(after)

    def _draw_head(self, answer: Message) -> None:
        if not answer.model_name:
            return
        form = QTextBlockFormat()
        form.setTopMargin(SPACE_2)
        form.setBottomMargin(SPACE_2)
        cursor = self._end()
        cursor.insertBlock(form)
        cursor.insertText(answer.model_name, self._text_format("muted", theme.strong()))

    def _draw_foot(self, answer: Message) -> None:
        parts: list[tuple[str, str]] = []
        if answer.state is MessageState.FAILED:
            cut = answer.error is not None and answer.error.kind is ErrorKind.CUT
            parts.append(("error", "Broke off" if cut else "Failed"))
            # The page shows the last answer's error in full, with what can be done about it.
            if answer.error is not None and answer is not self._messages[-1]:
                parts.append(("error", answer.error.what))
        if answer.state is MessageState.STOPPED:
            parts.append(("warn", "Stopped"))
        if answer.stats is not None and answer.stats.finish is FinishReason.LENGTH:
            tokens = words.amount(answer.stats.output_tokens, "token")
            parts.append(("warn", f"Cut off at {tokens}"))
        if answer.stats is not None and answer.stats.output_tokens:
            parts.append(("muted", words.answer_figures(answer.stats)))
            if cost := self.cost(answer):
                parts.append(("muted", cost))
        parts += [("warn", said) for said in words.answer_notes(answer)]
        if answer.left_out and answer.state is not MessageState.FAILED:
            parts.append(("muted", words.left_out(answer.left_out)))
        form = QTextBlockFormat()
        form.setBottomMargin(SPACE_6)
        cursor = self._end()
        cursor.insertBlock(form)
        for index, (role, text) in enumerate(parts):
            if index:
                cursor.insertText(" · ", self._text_format("muted", theme.caption()))
            cursor.insertText(text, self._text_format(role, theme.caption()))

    def _write(self, text: str) -> None:
        if self._writer is None:
            self._writer = MarkdownWriter(self.document(), MarkdownStyle(self._look.tokens))
        self._writer.write(text)

    def _paint_prompts(self, painter: QPainter) -> None:
        layout = self.document().documentLayout()
        visible = self._visible()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.mix(self._look.tokens.accent, self._look.tokens.window, 0.1)))
        for frame in self._prompts:
            form = frame.frameFormat()
            rect = layout.frameBoundingRect(frame).adjusted(
                form.leftMargin(), form.topMargin(), 0, -form.bottomMargin() - LINE_SLACK
            )
            if rect.intersects(visible):
                painter.drawRoundedRect(rect, RADIUS, RADIUS)

    def _paint_blocks(self, painter: QPainter) -> None:
        block = self.cursorForPosition(QPoint(0, 0)).block()
        bottom = self._visible().bottom()
        while block.isValid():
            rect = self._block_rect(block)
            if rect.top() > bottom:
                break
            if is_code(block):
                block = self._paint_code(painter, block)
            elif quote_level(block):
                painter.fillRect(
                    QRectF(0, rect.top(), 3, rect.height()), self._look.color("border")
                )
            block = block.next()

    def _paint_code(self, painter: QPainter, first: QTextBlock) -> QTextBlock:
        """Paint one ground behind all lines of a code block and return its last line."""
        last = first
        while is_code(last.next()):
            last = last.next()
        rect = self._block_rect(first).united(self._block_rect(last))
        form = first.blockFormat()
        rect.setLeft(form.leftMargin() - CODE_PADDING)
        rect.setRight(self.document().textWidth())
        if is_code(first.previous()):
            rect.setTop(rect.top() - CODE_PADDING - RADIUS)
        else:
            rect.setTop(rect.top() - CODE_PADDING)
        rect.setBottom(rect.bottom() + CODE_PADDING)
        painter.setPen(self._look.color("border"))
        painter.setBrush(self._look.color("surface"))
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        return last

    def _block_rect(self, block: QTextBlock) -> QRectF:
        return self.document().documentLayout().blockBoundingRect(block)

    def _visible(self) -> QRectF:
        return QRectF(
            0, self.verticalScrollBar().value(), self.viewport().width(), self.viewport().height()
        )

    def _text_format(self, role: str, font: QFont | None = None) -> QTextCharFormat:
        form = QTextCharFormat()
        form.setFont(font or theme.body())
        form.setForeground(self._look.color(role))
        return form

    def _end(self) -> QTextCursor:
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor

    def _scrolled(self, value: int) -> None:
        self._following = value >= self.verticalScrollBar().maximum() - AT_BOTTOM

    def _stay(self) -> None:
        if self._following:
            self._to_end()

    def _fit(self) -> None:
        """Centre the column, and show the scroll bar as needed."""
        # Qt's own policy for that changes the width in the middle of an edit.
        policy = Qt.ScrollBarPolicy
        scrolls = self.verticalScrollBar().maximum() > 0
        self.setVerticalScrollBarPolicy(
            policy.ScrollBarAlwaysOn if scrolls else policy.ScrollBarAlwaysOff
        )
        side = max(SPACE_4, (self.width() - theme.READING_WIDTH) // 2)
        bar = self.verticalScrollBar().sizeHint().width() if scrolls else 0
        margins = QMargins(side, 0, max(0, side - bar), 0)
        if self.viewportMargins() != margins:
            self.setViewportMargins(margins)
        # A view that was hidden meanwhile hasn't told its document.
        if self.document().textWidth() != self.viewport().width():
            self.document().setTextWidth(self.viewport().width())

    @contextmanager
    def _kept_in_place(self) -> Iterator[None]:
        """Change the text or the size; a reader who follows the end is there afterwards."""
        following = self._following
        yield
        self._fit()
        # What moved the view meanwhile was the change and not the reader.
        self._following = following
        self._stay()

    def _to_end(self) -> None:
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _open(self, url: QUrl) -> None:
        if url.scheme() != SCHEME:
            self.link_opened.emit(url)
            return
        if self._fold.toggle(url):
            # Who unfolds it wants to read it from its start.
            self._following = False
        self._redraw()

    def _say_where(self, url: QUrl) -> None:
        if url.isEmpty() or url.scheme() == SCHEME:
            QToolTip.hideText()
        else:
            QToolTip.showText(QCursor.pos(), url.toDisplayString(), self)


def shortened(prompt: str) -> str:
    """As much of a prompt as is drawn."""
    more = len(prompt) - SHOWN
    if more <= 0:
        return prompt
    return f"{prompt[:SHOWN]}…\n\n{words.amount(more, 'more character')}"
