"""What a worker's exit status and its last words tell about its end."""

import re
import signal

from app.domain.crashes import CrashCause, CrashReport
from app.ports.processes import Exit

NT_STATUS = {
    0xC0000005: "SIGSEGV",
    0xC0000409: "SIGABRT",
    0xC000001D: "SIGILL",
    0xC0000006: "SIGBUS",
    0xC0000094: "SIGFPE",
}
"""What Windows says where other systems raise a signal."""
NT_NO_MEMORY = frozenset({0xC0000017, 0xC000012D})

BY_SIGNAL = {
    "SIGILL": CrashCause.ILLEGAL_INSTRUCTION,
    "SIGBUS": CrashCause.DISK,
    "SIGABRT": CrashCause.ASSERTION,
    "SIGSEGV": CrashCause.FAULT,
    "SIGFPE": CrashCause.FAULT,
    "SIGKILL": CrashCause.KILLED,
    "SIGTERM": CrashCause.KILLED,
    "SIGINT": CrashCause.KILLED,
    "SIGHUP": CrashCause.KILLED,
    "SIGQUIT": CrashCause.KILLED,
}

OUT_OF_MEMORY = re.compile(
    r"bad_alloc|MemoryError|(failed|unable) to allocate|out of memory|cannot allocate memory"
    r"|insufficient memory|allocation of .* failed",
    re.IGNORECASE,
)
HARMLESS = re.compile(r"mlock", re.IGNORECASE)
"""What can't be locked into memory is used all the same."""
DISK = re.compile(
    r"input/output error|no space left on device|\bread error\b|stale file handle", re.IGNORECASE
)
PLACE = re.compile(r"(?P<file>[\w.-]+\.(?:c|cc|cpp|h|hpp|cu|m|mm)):(?P<line>\d+)")
ASSERTION = re.compile(rf"GGML_ASSERT\(|assertion .*failed|{PLACE.pattern}: ", re.IGNORECASE)


def decode(ended: Exit) -> CrashReport:
    """Why a process ended on its own, as far as it can be known."""
    how = ending(ended.code)
    cause = BY_SIGNAL.get(how, CrashCause.UNKNOWN)
    starved = ended.starved and how == "SIGKILL"
    if starved or ended.code in NT_NO_MEMORY:
        return CrashReport(cause=CrashCause.OUT_OF_MEMORY, how=how)
    # A signal from outside, or one that names its cause, leaves what was said before aside.
    if cause in {CrashCause.ASSERTION, CrashCause.FAULT, CrashCause.UNKNOWN}:
        for said, pattern in (
            (CrashCause.OUT_OF_MEMORY, OUT_OF_MEMORY),
            (CrashCause.DISK, DISK),
            (CrashCause.ASSERTION, ASSERTION),
        ):
            if line := _last_line(ended.stderr, pattern):
                return CrashReport(cause=said, how=how, line=line)
    return CrashReport(cause=cause, how=how)


def ending(code: int) -> str:
    """An exit status in words: "SIGKILL", "status 0xc0000374" or "status 3"."""
    if code in NT_STATUS:
        return NT_STATUS[code]
    if code >= 2**31:
        return f"status {code:#x}"
    if code >= 0:
        return f"status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def no_memory_line(text: str) -> str:
    """The line that says that an allocation failed; empty when none does."""
    return _last_line(text, OUT_OF_MEMORY)


def place(line: str) -> str:
    """The source line that an assertion names, "ggml.c:123"; empty when it names none."""
    found = PLACE.search(line)
    return f"{found['file']}:{found['line']}" if found else ""


def _last_line(text: str, pattern: re.Pattern[str]) -> str:
    lines = (line.strip() for line in reversed(text.splitlines()))
    return next((x for x in lines if pattern.search(x) and not HARMLESS.search(x)), "")
