"""Keys show themselves to nobody."""

import copy
import json
import pickle

import pytest
from pydantic import TypeAdapter

from app.domain.errors import KeyUnusable
from app.domain.secrets import LONGEST_KEY, Secret, read_key

KEY = "sk-canary-0123456789-wxyz"


def test_that_no_way_of_writing_a_secret_down_shows_it() -> None:
    secret = Secret(KEY)
    for text in (repr(secret), str(secret), f"{secret}", f"{secret:>40}", "%s %r" % (secret, secret),  # noqa: UP031
                 repr({"key": secret}), str(dir(secret))):  # fmt: skip
        assert KEY not in text
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_that_a_secret_is_neither_pickled_nor_copied_nor_json(way: object) -> None:
    with pytest.raises(TypeError) as caught:
        way(Secret(KEY))  # type: ignore[operator]
    assert KEY not in str(caught.value)


def test_that_a_secret_is_no_field_of_a_value() -> None:
    with pytest.raises(Exception, match="schema"):
        TypeAdapter(Secret)


def test_that_a_key_is_known_by_its_last_four_characters() -> None:
    assert Secret(KEY).hint == "wxyz"
    assert Secret("none").hint == ""


def test_that_secrets_compare_by_what_they_hold() -> None:
    assert Secret(KEY) == Secret(KEY)
    assert len({Secret(KEY), Secret(KEY), Secret("other")}) == 2
    assert Secret(KEY) != KEY


def test_that_what_surrounds_a_pasted_key_goes() -> None:
    assert read_key(f"  {KEY}\r\n").reveal() == KEY


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no key"),
        (" \n", "no key"),
        ("sk-two words", "plain ASCII"),
        ("sk-two\nlines", "plain ASCII"),
        ("sk-ünicode", "plain ASCII"),
        ("sk-\u200bhidden", "plain ASCII"),
        ("k" * (LONGEST_KEY + 1), "1,201 characters"),
    ],
)
def test_that_what_no_header_or_keyring_takes_is_refused_without_being_told(
    text: str, words: str
) -> None:
    with pytest.raises(KeyUnusable, match=words) as caught:
        read_key(text)
    assert not text.strip() or text.strip() not in repr(caught.value) + caught.value.detail
