"""The log files: their form, their rotation and what never gets into them."""

import json
import logging
import stat
import warnings
from contextlib import contextmanager

import pytest

from app.system import logs
from app.system.logs import FILE, REDACTED, redact, redacted, start_logging

log = logging.getLogger("tests.logs")


@contextmanager
def logging_to(folder):
    stop = start_logging(folder)
    try:
        yield
    finally:
        stop()


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch):
    monkeypatch.setattr(logs, "_secrets", set())


def lines(folder):
    return [json.loads(line) for line in (folder / FILE).read_text("utf-8").splitlines()]


def test_that_each_record_is_one_json_object_on_one_line(tmp_path):
    with logging_to(tmp_path):
        log.info("Loaded %s\nin %.1f s", "Zoë 🐑", 1.5)
    (line,) = lines(tmp_path)
    assert line["message"] == "Loaded Zoë 🐑\nin 1.5 s"
    assert line["level"] == "info"
    assert line["logger"] == "tests.logs"
    assert line["thread"] == "MainThread"
    assert line["time"].endswith("+00:00")


def test_that_a_name_which_is_no_text_costs_no_line(tmp_path):
    with logging_to(tmp_path):
        log.info("Found %s", b"caf\xe9.gguf".decode("utf-8", "surrogateescape"))
    (line,) = lines(tmp_path)
    assert "gguf" in line["message"]


def test_that_debug_records_are_left_out(tmp_path):
    with logging_to(tmp_path):
        log.debug("noise")
    assert lines(tmp_path) == []


def test_that_warnings_of_libraries_are_logged(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with logging_to(tmp_path):
            warnings.warn("old ways with sk-abcdefgh12345678", DeprecationWarning, stacklevel=1)
    (line,) = lines(tmp_path)
    assert "old ways" in line["message"]
    assert "abcdefgh" not in line["message"]


def test_that_nothing_is_written_after_it_was_stopped(tmp_path):
    level = logging.getLogger().level
    with logging_to(tmp_path):
        log.warning("before")
    log.warning("after")
    assert [line["message"] for line in lines(tmp_path)] == ["before"]
    assert logging.getLogger().level == level


def test_that_the_files_rotate_and_are_for_their_owner_only(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "FILE_BYTES", 2_000)
    with logging_to(tmp_path):
        for number in range(200):
            log.info("line %d", number)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 5
    assert all(file.stat().st_size <= 2_000 for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert lines(tmp_path)[-1]["message"] == "line 199"


def test_that_a_log_left_open_to_others_is_closed_to_them(tmp_path):
    (tmp_path / FILE).write_text("")
    (tmp_path / FILE).chmod(0o644)
    with logging_to(tmp_path):
        log.info("private")
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


UNUSUAL = 'my "exact" key \\ with ünusual characters'


def fail(cause=None):
    raise ValueError(f"in the exception {UNUSUAL}") from cause


def test_that_a_registered_secret_is_hidden_wherever_it_comes_from(tmp_path):
    redact(UNUSUAL)
    with logging_to(tmp_path):
        log.info(f"in the message {UNUSUAL}")  # noqa: G004 - what careless code does
        log.info("in the arguments %s", UNUSUAL)
        log.info("in a structure %s", {UNUSUAL})
        log.info("in a body %s", json.dumps({"key": UNUSUAL}))
        try:
            fail()
        except ValueError as error:
            log.exception("caught")
            try:
                fail(error)
            except ValueError:
                log.exception("chained")
    written = (tmp_path / FILE).read_text("utf-8")
    assert "exact" not in written
    assert [json.dumps(line).count(REDACTED) for line in lines(tmp_path)] == [1, 1, 1, 1, 1, 2]


@pytest.mark.parametrize(
    "key",
    [
        "sk-abcdefghijklmnop",
        "sk-proj-abc_DEF-123456",
        "sk-ant-api03-abc_DEF-123456",
        "hf_abcdefghijklmnop",
        "AIzaSyA-abcdefghijk_lmnop",
    ],
)
def test_that_anything_shaped_like_a_key_is_hidden(key):
    assert redacted(f"it said '{key}', sadly") == f"it said '{REDACTED}', sadly"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [redacted]"),
        ("{'authorization': 'bearer tok=='}", "{'authorization': 'bearer [redacted]'}"),
        ("GET https://x/v1?key=abc&alt=sse HTTP", "GET https://x/v1?key=[redacted]&alt=sse HTTP"),
        ("https://x/v1?a=b&api_key=abc#top", "https://x/v1?a=b&api_key=[redacted]#top"),
    ],
)
def test_that_credentials_in_headers_and_addresses_are_hidden(text, clean):
    assert redacted(text) == clean


@pytest.mark.parametrize(
    "text",
    ["task-manager-window started", "/models/desk-lamp-model.gguf", "monkey=banana", "sk-short"],
)
def test_that_ordinary_text_stays_as_it_is(text):
    assert redacted(text) == text


def test_that_a_placeholder_for_a_key_does_not_riddle_the_log():
    redact("")
    redact("none")
    assert redacted("none of it") == "none of it"


def test_that_a_secret_which_begins_with_another_is_hidden_whole():
    redact("correct horse")
    redact("correct horse battery")
    assert redacted("<correct horse battery>") == f"<{REDACTED}>"
