"""The door of the first instance, and those who come to it."""

import asyncio
import json
import os
import socket
import stat
from contextlib import closing, contextmanager

import pytest

from app.system.handover import MOST_BYTES, Answer, Handover, Reception, hand_over
from app.tasks import in_daemon_thread

BOTH = pytest.mark.parametrize("unix", [True, False])
ASKED = Handover(("/models/a.gguf", "/models/\udcff.gguf"), "token_TIME12")


@contextmanager
def reception(folder, *, unix=True):
    with closing(Reception(folder / "state.db.door", unix=unix)) as first:
        yield first


def door(folder):
    return json.loads((folder / "state.db.door").read_text())


def said(folder, message):
    """What the door answers to some bytes; empty when it closes without a word."""
    address = door(folder)["address"]
    kind = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(kind) as guest:
        guest.settimeout(10)
        guest.connect(address if isinstance(address, str) else ("127.0.0.1", address))
        try:
            guest.sendall(message)
            guest.shutdown(socket.SHUT_WR)
            return guest.recv(100)
        except OSError:
            # It closed while it was still being talked to.
            return b""


@BOTH
async def test_that_what_is_handed_over_is_taken_on_the_loop(tmp_path, unix):
    taken = []
    loop = asyncio.get_running_loop()
    with reception(tmp_path, unix=unix) as first, first.attended(loop, taken.append):
        answer = await in_daemon_thread(hand_over, tmp_path / "state.db.door", ASKED)
    assert answer is Answer.TAKEN
    assert taken == [ASKED]


async def test_that_a_later_start_waits_for_a_window_that_is_on_its_way(tmp_path):
    taken = []
    with reception(tmp_path) as first:
        waiting = in_daemon_thread(hand_over, tmp_path / "state.db.door", ASKED)
        await asyncio.sleep(0.05)
        assert not waiting.done()
        with first.attended(asyncio.get_running_loop(), taken.append):
            assert await waiting is Answer.TAKEN
    assert taken == [ASKED]


async def test_that_one_that_closes_says_so_and_takes_nothing(tmp_path):
    taken = []
    with reception(tmp_path) as first:
        waiting = in_daemon_thread(hand_over, tmp_path / "state.db.door", ASKED)
        await asyncio.sleep(0.05)
        with first.attended(asyncio.get_running_loop(), taken.append):
            pass
        await waiting
        taken.clear()
        answer = await in_daemon_thread(hand_over, tmp_path / "state.db.door", ASKED)
        assert answer is Answer.CLOSING
    assert not taken
    assert hand_over(tmp_path / "state.db.door", ASKED) is None
    assert not [*tmp_path.iterdir()]


async def test_that_a_loop_which_hangs_takes_nothing_late(tmp_path, monkeypatch):
    monkeypatch.setattr("app.system.handover.ANSWER_SECONDS", 0.1)
    taken = []
    with reception(tmp_path) as first, first.attended(asyncio.get_running_loop(), taken.append):
        # This very call holds the loop up.
        assert hand_over(tmp_path / "state.db.door", ASKED) is None
        while first._guests._value < 8:
            pass
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not taken


def test_that_nobody_is_there_where_the_last_one_was_killed(tmp_path):
    place = tmp_path / "state.db.door"
    assert hand_over(place, ASKED) is None
    for unix in (True, False):
        with reception(tmp_path, unix=unix):
            left = place.read_text()
        place.write_text(left)
        assert hand_over(place, ASKED) is None
    for torn in ("", "{", "[]", '{"address": "x"}', '{"address": [], "word": 3}'):
        place.write_text(torn)
        assert hand_over(place, ASKED) is None
    with reception(tmp_path):
        assert door(tmp_path)["word"]


@BOTH
async def test_that_garbage_is_sent_away_and_the_next_one_is_heard(tmp_path, unix):
    taken = []
    with reception(tmp_path, unix=unix) as first:
        word = door(tmp_path)["word"]

        def line(**fields):
            return (
                json.dumps({"word": word, "paths": [], "activation": ""} | fields).encode() + b"\n"
            )

        garbage = [
            b"", b"\n", b"\0\xff\n", b"GET / HTTP/1.1\r\n\r\n", b"[" * 100_000 + b"\n", b"null\n", b"{}\n",
            line(word="another"), line(word=3), line(word="\N{SNOWMAN}"), line(paths=None),
            line(paths=["relative"]), line(paths=[3]), line(paths=["/a\0b"]), line(paths=["/\ud800"]),
            line(paths=["/a"] * 20_001), line(activation=None), line(activation="a\0b"),
            line(activation="x" * 1_001), line()[:-1], b"x" * (MOST_BYTES + 2),
        ]  # fmt: skip
        with first.attended(asyncio.get_running_loop(), taken.append):
            for message in garbage:
                answer = await in_daemon_thread(said, tmp_path, message)
                assert answer == b"", message[:80]
            assert await in_daemon_thread(said, tmp_path, line(paths=["/a"])) == b"taken\n"
    assert taken == [Handover(("/a",))]


async def test_that_silent_ones_keep_nobody_out(tmp_path):
    taken = []
    with reception(tmp_path) as first:
        silent = []
        for _ in range(5):
            guest = socket.socket(socket.AF_UNIX)
            guest.connect(door(tmp_path)["address"])
            silent.append(guest)
        with first.attended(asyncio.get_running_loop(), taken.append):
            answer = await in_daemon_thread(hand_over, tmp_path / "state.db.door", ASKED)
            assert answer is Answer.TAKEN
        for guest in silent:
            guest.close()


def test_that_only_its_owner_finds_the_door(tmp_path):
    with reception(tmp_path):
        for name in ("state.db.door", "state.db.socket"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


async def test_that_a_path_too_long_for_a_unix_socket_has_a_port_instead(tmp_path):
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    taken = []
    with reception(deep) as first:
        assert isinstance(door(deep)["address"], int)
        with first.attended(asyncio.get_running_loop(), taken.append):
            answer = await in_daemon_thread(hand_over, deep / "state.db.door", Handover())
    assert answer is Answer.TAKEN


def test_that_a_later_start_needs_no_event_loop_and_no_database():
    import subprocess
    import sys

    program = (
        "import sys, app.__main__, app.cli.arguments, app.bootstrap.instance; print(*sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=os.environ
    )
    roots = {name.partition(".")[0] for name in ended.stdout.split()}
    assert not roots & {"asyncio", "sqlite3", "pydantic", "PySide6", "psutil", "ssl"}
