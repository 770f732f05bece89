"""A worker starts lean, ends with its parent and keeps its pipe clean."""

import os
import signal
import subprocess
import sys

import pytest

from app.system.processes import command, worker_environment
from app.worker import protocol
from tests.worker.workers import worker


@pytest.mark.parametrize("arguments", [[], ["shell"], ["llama", "more"]])
def test_that_only_known_kinds_of_worker_start(arguments):
    done = subprocess.run(
        [*command("")[:-1], *arguments],
        env=worker_environment(os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"llama, template" in done.stderr
    assert done.stdout == b""


@pytest.mark.parametrize("kind", ["llama", "template"])
def test_that_a_worker_imports_nothing_that_slows_its_start(kind):
    heavy = {"pydantic", "asyncio", "numpy", "PySide6", "app.domain", "keyring", "httpx2"}
    code = (
        "import sys; from app.worker import serve, answer\n"
        f"if {kind!r} == 'llama':\n"
        "    from app.worker import llama; from app.worker.binding import load_binding\n"
        "    assert load_binding().llama_decode\n"
        "else:\n"
        "    from app.worker import template\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert not heavy & set(done.stdout.decode().split())


@pytest.mark.parametrize("kind", ["llama", "template"])
def test_that_a_worker_ends_when_its_stdin_does(kind):
    with worker(kind) as started:
        started.process.stdin.close()
        assert started.process.wait() == 0


def test_that_a_template_without_end_does_not_outlive_the_app():
    endless = "{% for _ in range(99999) %}{% for _ in range(99999) %}{% endfor %}{% endfor %}"
    with worker("template") as started:
        started.send(protocol.Render(endless, [], {}), 1)
        started.process.stdin.close()
        assert started.process.wait() == -signal.SIGALRM


def test_that_a_worker_ends_when_it_is_asked():
    with worker("llama") as started:
        started.send(protocol.Shutdown())
        assert started.process.wait() == 0


def test_that_a_worker_that_is_spoken_to_in_no_frames_ends_with_an_explanation():
    with worker("llama") as started:
        started.process.stdin.write(b"GET / HTTP/1.1\r\n\r\n")
        started.process.stdin.flush()
        assert started.process.wait() == 1
        assert b"ProtocolError" in started.process.stderr.read()


def test_that_stray_prints_stay_out_of_the_frames():
    code = (
        "import os; from app.worker import channel, protocol, serve\n"
        "pipes = channel.Channel(0, serve.claim_stdout())\n"
        "print('stray', flush=True); os.write(1, b'native')\n"
        "pipes.send(protocol.Ready())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == protocol.encode(protocol.Ready())
    assert b"stray" in done.stderr
    assert b"native" in done.stderr
