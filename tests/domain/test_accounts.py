"""Accounts, their addresses and where keys may go."""

import pytest

from app.domain.accounts import check_key_travels, is_loopback, new_account_id, read_base_url
from app.domain.errors import SettingError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (" https://api.example.com/v1/ ", "https://api.example.com/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:1234/v1", "http://[::1]:1234/v1"),
    ],
)
def test_that_an_address_is_kept_without_what_surrounds_it(text: str, url: str) -> None:
    assert read_base_url(text) == url


@pytest.mark.parametrize(
    "text",
    ["", "localhost:1234", "ftp://a", "https://", "http://[::1", "http://a:99999", "file:///etc"],
)
def test_that_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="http"):
        read_base_url(text)


@pytest.mark.parametrize("text", ["https://me:key@a.com", "https://a.com?key=1", "https://a.com#x"])
def test_that_an_address_can_hold_no_key(text: str) -> None:
    with pytest.raises(SettingError, match="own field"):
        read_base_url(text)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9", True),
        ("http://localhost:1/v1", True),
        ("http://[::1]:8", True),
        ("http://127.0.0.1.evil.com", False),
        ("http://0.0.0.0", False),
        ("http://192.168.1.2", False),
        ("http://localhost.evil.com", False),
    ],
)
def test_that_only_this_machine_counts_as_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


def test_that_a_key_goes_unencrypted_only_to_this_machine_or_with_consent() -> None:
    check_key_travels("https://a.com", agreed=False)
    check_key_travels("http://127.0.0.1", agreed=False)
    check_key_travels("http://192.168.1.2", agreed=True)
    with pytest.raises(SettingError, match="unencrypted"):
        check_key_travels("http://192.168.1.2", agreed=False)


def test_that_ids_can_be_read_and_are_never_given_twice() -> None:
    assert new_account_id("Work OpenAI", []) == "work-openai"
    assert new_account_id("Work OpenAI", ["work-openai", "work-openai-2"]) == "work-openai-3"
    assert new_account_id("local", []) == "local-2"
    assert new_account_id("日本", []) == "account"
