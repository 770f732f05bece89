"""Reasoning is told apart, however an answer is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.reasoning import FORMATS, ReasoningFormat, ReasoningSplit, format_of

THINK = FORMATS[0]
HARMONY = next(form for form in FORMATS if form.framed)
FINAL = "<|start|>assistant<|channel|>final<|message|>"


def split(form: ReasoningFormat, pieces: list[str], prompt: str = "") -> tuple[str, str]:
    splitter = ReasoningSplit(form, prompt)
    parts = [*(splitter.feed(piece) for piece in pieces), splitter.rest()]
    return "".join(part.text for part in parts), "".join(part.reasoning for part in parts)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.opening)
@given(cuts=st.lists(st.integers(1, 9), max_size=60))
def test_that_every_format_is_split_wherever_it_is_cut(form, cuts):
    text = f"\n{form.opening}\nis 1 < 2?\n{form.closing}\n\nyes, 1 < 2\n"
    pieces = []
    for size in cuts:
        pieces.append(text[:size])
        text = text[size:]
    assert split(form, [*pieces, text]) == ("yes, 1 < 2\n", "is 1 < 2?\n")


@given(st.text(alphabet="<think>/ a\n"))
def test_that_no_text_but_the_marks_and_the_space_around_them_is_lost(text):
    answer, reasoning = split(THINK, list(text))
    marks = [mark for mark in (THINK.opening, THINK.closing) if mark in text]
    if not text.lstrip().startswith(THINK.opening):
        assert (answer, reasoning) == (text, "")
    assert len(answer) + len(reasoning) <= len(text)
    if len(marks) < 1:
        assert answer == text


@pytest.mark.parametrize(
    ("prompt", "text", "expected"),
    [
        ("<|im_start|>assistant\n<think>\n", "hm</think>yes", ("yes", "hm")),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", "yes", ("yes", "")),
        ("", "<think>still at it", ("", "still at it")),
        ("", "<think>cut off</thi", ("", "cut off</thi")),
        ("", "The tag <think> opens</think>", ("The tag <think> opens</think>", "")),
        ("", "<think>a</think>Write </think> to end.", ("Write </think> to end.", "a")),
        ("", "  <thi", ("  <thi", "")),
        ("", "", ("", "")),
    ],
)
def test_that_reasoning_begins_where_the_prompt_or_the_answer_opens_it(prompt, text, expected):
    assert split(THINK, [text], prompt) == expected
    assert split(THINK, list(text), prompt) == expected


def test_that_text_comes_as_soon_as_it_can_be_no_mark():
    splitter = ReasoningSplit(THINK, "")
    assert splitter.feed("Hel").text == "Hel"
    splitter = ReasoningSplit(THINK, "")
    assert splitter.feed("<thi").text == ""
    assert splitter.feed("s").text == "<this"
    splitter = ReasoningSplit(THINK, "<think>")
    assert splitter.feed("a </thi").reasoning == "a "
    both = splitter.feed("nk>b")
    assert (both.reasoning, both.text) == ("", "b")


def test_that_frames_around_parts_are_no_text():
    analysis = f"{HARMONY.opening}one{HARMONY.closing}"
    assert split(HARMONY, list(f"{analysis}{FINAL}yes")) == ("yes", "one")
    twice = f"{analysis}<|start|>assistant{HARMONY.opening}two{HARMONY.closing}{FINAL}yes"
    assert split(HARMONY, [twice]) == ("yes", "onetwo")
    said = f"<|channel|>commentary<|message|>wait<|end|><|start|>assistant{HARMONY.opening}a<|end|>"
    assert split(HARMONY, [f"{said}{FINAL}yes"]) == ("waityes", "a")


def test_that_the_template_tells_the_format_before_the_vocabulary_does():
    assert format_of("{{ a }}[THINK]", ("<think>", "</think>")).opening == "[THINK]"
    assert format_of("{% if '</think>' in a %}", ()) is THINK
    assert format_of("", ("<think>", "</think>")) is THINK
    assert format_of("<|channel|>final", ()) is HARMONY


def test_that_most_models_have_no_format():
    assert format_of("<|im_start|>{{ a }}<|end|>", ("<|end|>", "<think>")) is None
