"""Titles, and what a model is shown of a conversation."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.conversations import (
    TITLE_LENGTH,
    ConversationId,
    Message,
    MessageId,
    MessageState,
    check_prompt,
    ending,
    title_from,
    turns,
)
from app.domain.errors import ContextOverflow, RequestError
from app.domain.generation import PROMPT_LIMIT, ChatMessage, FinishReason, Role

LONG = "Tell me everything there is to know about sheep, please, and be brief"


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("Hello", "Hello"),
        ("\n\n  Hello there  \nsecond line", "Hello there"),
        ("", "New conversation"),
        (" \n\t ", "New conversation"),
        ("a" * TITLE_LENGTH, "a" * TITLE_LENGTH),
        ("a" * 60, "a" * TITLE_LENGTH + "…"),
        (LONG, "Tell me everything there is to know about…"),
    ],
)
def test_that_a_title_is_the_first_line_cut_at_a_word(prompt, title):
    assert title_from(prompt) == title


@given(st.text())
def test_that_a_title_is_one_short_line_whatever_the_prompt(prompt):
    title = title_from(prompt)
    assert title.strip()
    assert len(title) <= TITLE_LENGTH + 1
    assert len(title.splitlines()) == 1


def message(role: Role, text: str, state: MessageState = MessageState.COMPLETE) -> Message:
    return Message(
        id=MessageId(text),
        conversation_id=ConversationId("c"),
        role=role,
        text=text,
        created_at=0,
        state=state,
    )


def test_that_a_model_sees_neither_failed_nor_empty_answers():
    messages = (
        message(Role.USER, "one"),
        message(Role.ASSISTANT, "stopped by the user", MessageState.STOPPED),
        message(Role.USER, "two"),
        message(Role.ASSISTANT, "cut short by a crash", MessageState.FAILED),
        message(Role.ASSISTANT, "", MessageState.STREAMING),
    )
    assert turns(messages) == (
        ChatMessage(role=Role.USER, text="one"),
        ChatMessage(role=Role.ASSISTANT, text="stopped by the user"),
        ChatMessage(role=Role.USER, text="two"),
    )


def test_that_prompts_whose_answers_are_left_out_become_one_turn():
    messages = (
        message(Role.USER, "one"),
        message(Role.ASSISTANT, "cut short by a crash", MessageState.FAILED),
        message(Role.USER, "two"),
    )
    assert turns(messages) == (ChatMessage(role=Role.USER, text="one\n\ntwo"),)


@given(
    st.lists(
        st.builds(
            message,
            st.sampled_from([Role.USER, Role.ASSISTANT]),
            st.text(),
            st.sampled_from(MessageState),
        )
    )
)
def test_that_no_role_ever_speaks_twice_in_a_row(messages):
    shown = turns(messages)
    assert all(first.role is not second.role for first, second in pairwise(shown))


def test_that_a_model_never_sees_its_reasoning_again():
    answer = message(Role.ASSISTANT, "four").model_copy(update={"reasoning": "two and two"})
    assert turns((message(Role.USER, "2 + 2?"), answer))[-1].text == "four"
    only = message(Role.ASSISTANT, "").model_copy(update={"reasoning": "cut off"})
    assert [turn.text for turn in turns((message(Role.USER, "2 + 2?"), only))] == ["2 + 2?"]


def test_that_prompts_are_refused_for_being_empty_or_endless():
    check_prompt("x" * PROMPT_LIMIT)
    with pytest.raises(ContextOverflow, match=r"10,000,000 characters.*Shorten"):
        check_prompt("x" * 10_000_000)
    with pytest.raises(RequestError, match="empty"):
        check_prompt(" \n")


@pytest.mark.parametrize(
    ("finish", "failed", "expected"),
    [
        (FinishReason.END, False, (MessageState.COMPLETE, FinishReason.END)),
        (FinishReason.LENGTH, False, (MessageState.COMPLETE, FinishReason.LENGTH)),
        (FinishReason.CANCELLED, False, (MessageState.STOPPED, FinishReason.CANCELLED)),
        (None, False, (MessageState.STOPPED, FinishReason.CANCELLED)),
        (FinishReason.END, True, (MessageState.FAILED, FinishReason.FAILED)),
        (None, True, (MessageState.FAILED, FinishReason.FAILED)),
    ],
)
def test_that_an_answer_ends_as_the_model_and_the_error_say(finish, failed, expected) -> None:
    assert ending(finish, failed=failed) == expected
