"""What ended a model's process."""

from enum import StrEnum

from app.domain.base import Frozen


class CrashCause(StrEnum):
    """The closed list of what a process may have ended for."""

    OUT_OF_MEMORY = "out_of_memory"
    ILLEGAL_INSTRUCTION = "illegal_instruction"
    ASSERTION = "assertion"
    """llama.cpp found itself in a state that it can't go on from, and gave up."""
    DISK = "disk"
    FAULT = "fault"
    """It touched memory that isn't its own, or computed what can't be."""
    KILLED = "killed"
    """Somebody ended it: a person, another program, or a guard of the machine's memory."""
    UNKNOWN = "unknown"


class CrashReport(Frozen):
    """How a process ended, decoded from its exit status and its last words."""

    cause: CrashCause
    how: str = ""
    """"SIGABRT" or "status 3"; empty where llama.cpp gave up in good order and said why."""
    line: str = ""
    """The line of its standard error that names the cause, if one does."""
