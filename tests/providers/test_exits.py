"""A cause is read from how a process ended and what it said last, and never made up."""

import ctypes
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import pytest

from app.domain.crashes import CrashCause
from app.providers.exits import decode, place
from app.system.processes import ENGINE_ENVIRONMENT, LastLines

ABORT = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).ggml_abort(b'/src/a.c', 7, b'GGML_ASSERT(n > 0) failed')"


@dataclass
class Ended:
    code: int
    stderr: str = ""
    starved: bool = False


ASSERT_LINE = "/src/ggml/src/ggml-cpu/ops.cpp:5123: GGML_ASSERT(dst->ne[0] == n) failed"
MLOCK = "warning: failed to mlock 1048576-byte buffer: Cannot allocate memory"


@pytest.mark.parametrize(
    ("ended", "cause", "line"),
    [
        (Ended(-9), CrashCause.KILLED, ""),
        (Ended(-9, starved=True), CrashCause.OUT_OF_MEMORY, ""),
        (Ended(-15, starved=True), CrashCause.KILLED, ""),
        (Ended(-6, f"loading\n{ASSERT_LINE}\n"), CrashCause.ASSERTION, ASSERT_LINE),
        (Ended(-6), CrashCause.ASSERTION, ""),
        (
            Ended(-6, "terminate called after throwing an instance of 'std::bad_alloc'\n  what()"),
            CrashCause.OUT_OF_MEMORY,
            "terminate called after throwing an instance of 'std::bad_alloc'",
        ),
        (Ended(1, "Traceback\nMemoryError"), CrashCause.OUT_OF_MEMORY, "MemoryError"),
        (
            Ended(1, "read error: Input/output error"),
            CrashCause.DISK,
            "read error: Input/output error",
        ),
        (Ended(-11, MLOCK), CrashCause.FAULT, ""),
        (Ended(-8), CrashCause.FAULT, ""),
        (Ended(-4, "out of memory"), CrashCause.ILLEGAL_INSTRUCTION, ""),
        (Ended(-7), CrashCause.DISK, ""),
        (Ended(3), CrashCause.UNKNOWN, ""),
        (Ended(-99), CrashCause.UNKNOWN, ""),
        (Ended(0xC0000017), CrashCause.OUT_OF_MEMORY, ""),
        (Ended(0xC0000005), CrashCause.FAULT, ""),
        (Ended(0xC000001D), CrashCause.ILLEGAL_INSTRUCTION, ""),
    ],
)
def test_that_an_end_is_decoded(ended, cause, line):
    report = decode(ended)
    assert (report.cause, report.line) == (cause, line)
    assert report.how


def test_that_an_assertion_of_llama_cpp_itself_is_found_with_its_place():
    library = next(Path(llama_cpp.__file__).parent.rglob("*ggml-base*"))
    assert ctypes.CDLL(str(library)).ggml_abort
    died = subprocess.run(
        [sys.executable, "-c", ABORT, str(library)],
        stderr=subprocess.PIPE,
        env=ENGINE_ENVIRONMENT,
        check=False,
    )
    assert died.returncode == -signal.SIGABRT
    lines = LastLines()
    lines.feed(died.stderr)
    report = decode(Ended(died.returncode, lines.text()))
    assert (report.cause, report.how) == (CrashCause.ASSERTION, "SIGABRT")
    assert "GGML_ASSERT(n > 0) failed" in report.line
    assert place(report.line) == "a.c:7"
