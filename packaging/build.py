"""Build dist/modelyard/, the program with everything that it needs, and try it.

`python3 packaging/run.py --bundle` installs what this needs and runs it with `--check`.
"""

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.worker import protocol  # noqa: E402 - found by the line above

FOLDER = ROOT / "dist" / "modelyard"
PROGRAM = FOLDER / ("modelyard.exe" if os.name == "nt" else "modelyard")
INSTALL = "pip install --constraint packaging/constraints.txt --editable '.[bundle,test]'"
LIMIT_SECONDS = 60
WINDOW_SECONDS = 3
"""How long the window stays before it is asked to close."""
POLL_SECONDS = 0.1


class Broken(Exception):
    """The bundle doesn't do what it must."""


def main() -> int:
    """Build, and try the result when asked to; the exit status."""
    parser = argparse.ArgumentParser(description="Build dist/modelyard/ with PyInstaller.")
    parser.add_argument("--check", action="store_true", help="then run the built program")
    parser.add_argument("--check-only", action="store_true", help="run what was built before")
    options = parser.parse_args()
    lacking = [name for name in ("PyInstaller", "gguf") if not importlib.util.find_spec(name)]
    if lacking:
        print(f"{' and '.join(lacking)} missing. Install with:\n  {INSTALL}", file=sys.stderr)
        return 2
    if not options.check_only:
        build()
    if options.check or options.check_only:
        try:
            check()
        except (Broken, OSError, ValueError, subprocess.SubprocessError) as error:
            print(f"The bundle is broken: {error}", file=sys.stderr)
            return 1
    return 0


def build() -> None:
    """Make the bundle anew."""
    started = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level=WARN"]
    places = ["--distpath", str(ROOT / "dist"), "--workpath", str(ROOT / "build")]
    subprocess.check_call([*command, *places, str(ROOT / "packaging" / "modelyard.spec")])
    size = sum(path.lstat().st_size for path in FOLDER.rglob("*"))
    print(f"Built {FOLDER}: {size / 1e6:.0f} MB in {time.monotonic() - started:.0f} s")


def check() -> None:
    """Run the built program in each of its ways.

    Raises:
        Broken: one of them doesn't work; says which and what came instead.
    """
    from tests.support.models import write_llama  # noqa: PLC0415 - only the check makes models

    with tempfile.TemporaryDirectory() as folder:
        model = write_llama(Path(folder) / "models" / "tiny.gguf")
        state = Path(folder) / "state"
        environ = {
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "MODEL_MANAGER_PERSISTENCE_PATH": str(state),
        }
        _check_version(environ)
        _check_scan(model, environ)
        _check_worker(model, environ)
        _check_window(state, environ)


def _check_version(environ: dict[str, str]) -> None:
    words = _output(["--version"], environ)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if project["version"] not in words:
        raise Broken(f"--version printed {words!r}")
    print("version: ok")


def _check_scan(model: Path, environ: dict[str, str]) -> None:
    lines = _output(["scan", str(model.parent), "--json"], environ).splitlines()
    if len(lines) != 1 or json.loads(lines[0])["name"] != "Tiny Llama":
        raise Broken(f"scan printed {lines}")
    print("scan: ok")


def _check_worker(model: Path, environ: dict[str, str]) -> None:
    load = protocol.Load(path=str(model), context_length=256, threads=1, embedding=False)
    generate = protocol.Generate(
        prompt="Hello", special=False, temperature=0.0, top_k=40, top_p=1.0, min_p=0.0, seed=1,
        max_tokens=8, stop=[], ignore_end=True,
    )  # fmt: skip
    started = time.monotonic()
    with _running(["--worker", "llama"], environ) as worker:
        messages = _messages(worker)
        _send(load, worker)
        _wait_for(protocol.Loaded, messages)
        loaded = time.monotonic() - started
        _send(generate, worker)
        _wait_for(protocol.Done, messages)
    print(f"worker: ok, a small model loaded in {loaded:.2f} s")


def _check_window(state: Path, environ: dict[str, str]) -> None:
    with _running([], environ) as window:
        while window.poll() is None and not any(state.glob("*.db")):
            time.sleep(POLL_SECONDS)
        time.sleep(WINDOW_SECONDS)
        if window.poll() is None:
            window.terminate()
        status = window.wait()
        # Windows has no polite way to ask; there it is enough that the window stayed.
        if status != 0 and os.name == "posix":
            raise Broken(f"the window ended with status {status}")
    print("window: ok")


def _output(arguments: list[str], environ: dict[str, str]) -> str:
    return subprocess.check_output(
        [str(PROGRAM), *arguments], env=environ, text=True, timeout=LIMIT_SECONDS
    )


@contextmanager
def _running(arguments: list[str], environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The program at work; it is ended on the way out, and in any case after the limit.

    What it wrote to standard error is shown when it doesn't do what it must.
    """
    pipe = subprocess.PIPE
    command = [str(PROGRAM), *arguments]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, stderr=errors) as process,
    ):
        limit = threading.Timer(LIMIT_SECONDS, process.kill)
        limit.start()
        try:
            yield process
        except Broken:
            errors.seek(0)
            print(errors.read().decode(errors="replace"), file=sys.stderr)
            raise
        finally:
            limit.cancel()
            process.kill()


def _send(message: protocol.Message, worker: subprocess.Popen[bytes]) -> None:
    assert worker.stdin is not None
    worker.stdin.write(protocol.encode(message, request=1))
    worker.stdin.flush()


def _messages(worker: subprocess.Popen[bytes]) -> Iterator[protocol.Message]:
    assert worker.stdout is not None
    frames = protocol.FrameReader()
    while data := os.read(worker.stdout.fileno(), 65536):
        yield from map(protocol.decode, frames.feed(data))


def _wait_for(kind: type[protocol.Message], messages: Iterator[protocol.Message]) -> None:
    for message in messages:
        if isinstance(message, kind):
            return
        if isinstance(message, protocol.Refused):
            raise Broken(f"the worker refused: {message}")
    raise Broken(f"the worker ended before it sent {kind}")


if __name__ == "__main__":
    sys.exit(main())
