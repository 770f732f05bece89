"""Models without a chat template are given a script to continue."""

from app.domain.generation import ChatMessage, Role
from app.providers.prompts import PLAIN_STOP, plain_prompt


def test_that_turns_become_a_script_that_ends_with_the_assistants_name():
    turns = [
        ChatMessage(role=Role.SYSTEM, text="Be brief."),
        ChatMessage(role=Role.USER, text="Hi"),
    ]
    assert plain_prompt(turns) == "System: Be brief.\nUser: Hi\nAssistant:"


def test_that_the_script_ends_where_the_users_next_line_would_begin():
    assert plain_prompt([ChatMessage(role=Role.USER, text="Hi")] * 2).count(PLAIN_STOP[0]) == 1
