"""The transcript: Markdown while it grows, and nothing fetched."""

import itertools
import random

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QTextDocument

from app.domain.conversations import ConversationId, Message, MessageId, MessageState
from app.domain.error_reports import ErrorReport
from app.domain.errors import ErrorKind
from app.domain.generation import FinishReason, GenerationStats, Role
from app.domain.settings import Theme as Choice
from app.ui.theme import LIGHT, Theme
from app.ui.widgets.markdown_style import MarkdownStyle
from app.ui.widgets.markdown_tail import ends_in_code, may_end_code, settled_length
from app.ui.widgets.markdown_writer import MarkdownWriter
from app.ui.widgets.transcript import Transcript

TEXTS = (
    "# Title\n\nA `code` and **bold** and a [link](https://x.example) <b>no html</b>\n\nend",
    "```python\ndef f():\n\n    return `1`\n\n```\n\nafter\n\n> quote\n\n> more\n\n**Bold** start\n",
    "1. one\n\n2. two\n   - sub\n\npara\n\n- a\n- b\n\n- c\n\ntext\n---\n\nlast",
    "a\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n| c |\n|---|\n| 3 |\n\nend",
    "1. x\n\n   ```sh\n   ls\n\n   cd\n   ```\n\n2. y\n\nz",
    "```\n\n\ncode ` tick\n~~~\n\n```\n\n\n~~~\nx\n\n  y\n",
)
counter = itertools.count()


def message(role: Role, text: str, **fields: object) -> Message:
    return Message(
        id=MessageId(str(next(counter))),
        conversation_id=ConversationId("c"),
        role=role,
        text=text,
        created_at=0.0,
        **fields,
    )


def written(pieces: list[str]) -> list[str]:
    document = QTextDocument()
    writer = MarkdownWriter(document, MarkdownStyle(LIGHT))
    for piece in pieces:
        writer.write(piece)
    return [line for line in document.toPlainText().split("\n") if line]


def whole(text: str) -> list[str]:
    features = QTextDocument.MarkdownFeature
    document = QTextDocument()
    document.setMarkdown(text, features.MarkdownDialectGitHub | features.MarkdownNoHTML)
    return [line for line in document.toPlainText().split("\n") if line]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("seed", range(6))
def test_that_streamed_markdown_reads_like_the_whole(qapp, text: str, seed: int) -> None:
    chance = random.Random(seed)
    pieces, at = [], 0
    while at < len(text):
        size = chance.randrange(1, 12)
        pieces.append(text[at : at + size])
        at += size
    assert written(pieces) == whole(text)


def test_that_only_what_cannot_change_is_settled() -> None:
    assert settled_length("one\n\ntwo") == len("one\n\n")
    assert settled_length("one\n\n") == 0
    assert settled_length("- a\n\n- b") == 0
    assert settled_length("1. a\n\n2") == 0
    assert settled_length("a\n\n**b**") == len("a\n\n")
    assert settled_length("```\na\n\nb") == 0
    assert settled_length("```\na\n```\n\nb") == len("```\na\n```\n\n")


def test_that_code_is_only_added_to_where_it_shows() -> None:
    assert not ends_in_code("```py\n")
    assert ends_in_code("```py\nx")
    assert not ends_in_code("- a\n  ```\n  x")
    assert not ends_in_code("```\nx\n```\n")
    assert may_end_code("", "``")
    assert may_end_code("``", "`")
    assert not may_end_code("a ", "`b`")


def test_that_images_become_links_and_nothing_is_fetched(qtbot) -> None:
    look = Theme()
    look.apply(Choice.LIGHT)
    view = Transcript(look)
    qtbot.addWidget(view)
    asked: list[object] = []
    original = view.loadResource
    view.loadResource = lambda kind, name: asked.append(name) or original(kind, name)
    text = "Look: ![a cat](https://evil.example/cat.png)\n\n![x](file:///etc/passwd)"
    view.show_messages([message(Role.ASSISTANT, text, model_name="m")])
    view.show()
    assert "[image: a cat]" in view.toPlainText()
    assert "￼" not in view.toPlainText()
    assert view.loadResource(2, QUrl("file:///etc/passwd")) is None


def test_that_a_table_after_a_quote_has_no_empty_line(qapp) -> None:
    document = QTextDocument()
    MarkdownWriter(document, MarkdownStyle(LIGHT)).write("> q\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    table = document.rootFrame().childFrames()[0]
    first = table.cellAt(0, 0)
    assert first.firstCursorPosition().block() == first.lastCursorPosition().block()
    assert first.firstCursorPosition().block().text() == "a"


def test_that_text_is_drawn_once_a_frame_and_the_timer_rests(qtbot) -> None:
    look = Theme()
    view = Transcript(look)
    qtbot.addWidget(view)
    view.show_messages([])
    view.begin(message(Role.ASSISTANT, "", model_name="m", state=MessageState.STREAMING))
    for word in ("one ", "two ", "three"):
        view.append(word)
    assert "one" not in view.toPlainText()
    qtbot.waitUntil(lambda: "one two three" in view.toPlainText())
    assert not view._frame.isActive()


def test_that_the_view_follows_the_end_unless_the_reader_scrolled_up(qtbot) -> None:
    look = Theme()
    view = Transcript(look)
    qtbot.addWidget(view)
    view.resize(500, 200)
    view.show()
    view.show_messages([])
    view.begin(message(Role.ASSISTANT, "", model_name="m"))
    view.append("line\n\n" * 60)
    view.flush()
    bar = view.verticalScrollBar()
    assert bar.maximum() > 0
    assert bar.value() == bar.maximum()
    bar.setValue(10)
    view.append("more\n\n" * 10)
    view.flush()
    assert bar.value() == 10
    view.end(message(Role.ASSISTANT, "", model_name="m"))
    view.add_message(message(Role.USER, "next"))
    assert bar.value() == bar.maximum()


def test_that_a_theme_change_keeps_every_word(qtbot) -> None:
    look = Theme()
    look.apply(Choice.LIGHT)
    view = Transcript(look)
    qtbot.addWidget(view)
    stats = GenerationStats(
        finish=FinishReason.END,
        output_tokens=312,
        time_to_first_token=0.21,
        tokens_per_second=24.1,
    )
    error = ErrorReport(kind=ErrorKind.CRASHED, what="It was killed.", remedy="Try again.")
    view.show_messages(
        [
            message(Role.USER, "Hi"),
            message(Role.ASSISTANT, "Hello", model_name="m", stats=stats),
            message(Role.USER, "And"),
            message(Role.ASSISTANT, "par", model_name="m", state=MessageState.FAILED, error=error),
            message(Role.USER, "Now"),
        ],
        message(Role.ASSISTANT, "", model_name="n"),
        "some ",
    )
    view.append("more")
    view.flush()
    before = view.toPlainText()
    assert "0.21 s to first token · 24.1 tok/s · 312 tokens" in before
    assert "Failed · It was killed." in before
    view.append(" text")
    look.apply(Choice.DARK)
    assert view.toPlainText() == before + " text"


@pytest.mark.parametrize(
    ("finish", "foot"),
    [(FinishReason.LENGTH, "Cut off at 1,024 tokens · "), (FinishReason.END, "0.21 s")],
)
def test_that_an_answer_that_was_cut_off_says_so(qtbot, finish, foot) -> None:
    view = Transcript(Theme())
    qtbot.addWidget(view)
    stats = GenerationStats(
        finish=finish, output_tokens=1024, time_to_first_token=0.21, tokens_per_second=24.1
    )
    view.show_messages([message(Role.ASSISTANT, "and then", model_name="m", stats=stats)])
    assert view.toPlainText().splitlines()[-1].startswith(foot)


def test_that_an_answer_says_what_its_model_was_not_shown(qtbot) -> None:
    view = Transcript(Theme())
    qtbot.addWidget(view)
    for left_out, foot in ((6, "The 6 oldest turns were left out"), (1, "The oldest turn was")):
        view.show_messages([message(Role.ASSISTANT, "yes", model_name="m", left_out=left_out)])
        assert view.toPlainText().splitlines()[-1].startswith(foot)


def test_that_each_answer_unfolds_its_own_reasoning(qtbot) -> None:
    view = Transcript(Theme())
    qtbot.addWidget(view)
    fields = {"model_name": "m", "reasoning_seconds": 3.24}
    one = message(Role.ASSISTANT, "yes", reasoning="why not", **fields)
    two = message(Role.ASSISTANT, "no", reasoning="because", **fields)
    view.show_messages([one, two])
    assert "Thought for 3.2 s · Show" in view.toPlainText()
    opened: list[QUrl] = []
    view.link_opened.connect(opened.append)
    view.anchorClicked.emit(QUrl(f"reasoning:{two.id}"))
    assert "why not" not in view.toPlainText()
    assert "because" in view.toPlainText()
    assert opened == []
