"""Which turns stay when not all of them fit."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.context_window import (
    fits_without_oldest,
    next_cut,
    still_left_out,
    without_oldest,
)
from app.domain.generation import ChatMessage, Role


def turn(role: Role, length: int) -> ChatMessage:
    return ChatMessage(role=role, text="x" * length)


def talk(*lengths: int, system: int = 0) -> tuple[ChatMessage, ...]:
    roles = (Role.USER, Role.ASSISTANT)
    turns = tuple(turn(roles[at % 2], length) for at, length in enumerate(lengths))
    return (turn(Role.SYSTEM, system), *turns) if system else turns


def test_that_the_systems_words_stay():
    turns = talk(1, 2, 3, system=9)
    assert without_oldest(turns, 2) == (turns[0], turns[3])
    assert without_oldest(turns, 0) == turns


def test_that_as_many_go_as_the_length_says_and_a_prompt_comes_first():
    turns = talk(100, 100, 100, 100, 100, 100, 100)
    assert next_cut(turns, 0, share=0.9) == 4
    assert next_cut(turns, 0, share=0.99) == 2
    assert next_cut(turns, 4, share=0.99) == 6
    assert next_cut(turns, 0, share=0.01) == 6
    assert next_cut(turns, 0, share=0) == 2


def test_that_the_last_prompt_never_goes():
    assert next_cut(talk(100), 0, share=0.5) is None
    assert next_cut(talk(100, system=50), 0, share=0.5) is None
    assert next_cut(talk(100, 100, 100), 2, share=0.5) is None
    assert next_cut((), 0, share=0.5) is None


def test_that_a_prompt_that_is_too_long_alone_is_known():
    assert fits_without_oldest(talk(500, 400, 100), share=0.5)
    assert not fits_without_oldest(talk(100, 100, 5000), share=0.5)
    assert not fits_without_oldest(talk(5000), share=0.5)
    assert not fits_without_oldest(talk(100, 100, 100, system=5000), share=0.5)
    assert fits_without_oldest(talk(1, 1, 1), share=0)


def test_that_what_was_left_out_stays_out_until_there_is_room_again():
    turns = talk(100, 100, 100, 100, 100)
    assert still_left_out(turns, 2, prompt_tokens=300, context_length=400) == 2
    assert still_left_out(turns, 2, prompt_tokens=300, context_length=4000) == 0
    assert still_left_out(turns, 0, prompt_tokens=300, context_length=400) == 0
    assert still_left_out(turns, 3, prompt_tokens=300, context_length=400) == 2
    assert still_left_out(talk(100), 2, prompt_tokens=300, context_length=400) == 0


@given(
    lengths=st.lists(st.integers(1, 200), min_size=1, max_size=15),
    share=st.floats(0.01, 0.99),
    system=st.integers(0, 50),
)
def test_that_cuts_grow_to_an_end_and_leave_a_conversation(lengths, share, system):
    turns = talk(*lengths[: len(lengths) - 1 + len(lengths) % 2], system=system)
    cut, last = 0, turns[-1:]
    while (more := next_cut(turns, cut, share)) is not None:
        assert more > cut
        cut = more
        shown = without_oldest(turns, cut)
        assert shown[-1:] == last
        assert shown[bool(system)].role is Role.USER
