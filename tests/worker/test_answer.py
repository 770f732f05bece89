"""Answers show whole characters and no stop sequence, however the bytes are cut into tokens."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.worker.answer import AnswerText, first_stop, held_length


def streamed(pieces, stop=()):
    answer = AnswerText(stop)
    shown = [answer.feed(piece) for piece in pieces]
    return [*shown, answer.rest()], answer.stopped


def test_that_bytes_that_end_inside_a_character_wait_for_the_rest():
    shown, _ = streamed([b"a\xe2", b"\x82", b"\xacb"])
    assert shown == ["a", "", "€b", ""]


def test_that_a_character_that_never_ends_is_dropped():
    shown, _ = streamed([b"a\xf0\x9f"])
    assert shown == ["a", ""]


def test_that_bytes_that_are_no_character_are_replaced():
    shown, _ = streamed([b"a\xffb"])
    assert "".join(shown) == "a\ufffdb"


def test_that_a_stop_sequence_across_tokens_is_honoured_and_not_shown():
    shown, stopped = streamed([b"Hello\n", b"Us", b"er: hi", b"more"], ["\nUser:"])
    assert stopped
    assert shown == ["Hello", "", "", "", ""]


def test_that_text_held_for_a_stop_sequence_is_shown_once_it_can_be_none():
    shown, stopped = streamed([b"a\nUs", b"ual"], ["\nUser:"])
    assert not stopped
    assert shown == ["a", "\nUsual", ""]


def test_that_text_held_at_the_end_of_an_answer_is_shown():
    shown, stopped = streamed([b"a\nUser"], ["\nUser:"])
    assert not stopped
    assert "".join(shown) == "a\nUser"


@pytest.mark.parametrize("stop", [["b", "ab"], ["ab", "b"]])
def test_that_the_earliest_of_several_stop_sequences_cuts(stop):
    shown, stopped = streamed([b"xab"], stop)
    assert stopped
    assert "".join(shown) == "x"


def test_that_an_empty_stop_sequence_stops_nothing():
    shown, stopped = streamed([b"abc"], [""])
    assert not stopped
    assert "".join(shown) == "abc"


@given(
    st.text("aab€\n", max_size=30),
    st.lists(st.text("ab€\n", min_size=1, max_size=4), max_size=3),
    st.data(),
)
def test_that_cutting_into_tokens_never_changes_the_answer(text, stop, data):
    raw = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    edges = [0, *cuts, len(raw)]
    pieces = [raw[start:end] for start, end in itertools.pairwise(edges)]
    shown, stopped = streamed(pieces, stop)
    cut = first_stop(text, stop)
    assert stopped == (cut is not None)
    if cut is None:
        assert "".join(shown) == text
    else:
        assert text.startswith("".join(shown))
        assert first_stop("".join(shown), stop) is None


def test_that_the_longest_possible_beginning_is_held():
    assert held_length("xxaab", ["aabc", "bb"]) == 3
    assert held_length("xx", ["aabc"]) == 0
