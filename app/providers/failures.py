"""What a worker's end or refusal means, worded for people."""

import signal

from app.domain.errors import (
    AppError,
    ContextOverflow,
    DoesNotFit,
    InvalidFile,
    ModelError,
    RequestError,
    SettingError,
    WorkerCrashed,
)
from app.ports import Exit
from app.worker.protocol import Refusal, Refused

CAUSES = {
    "SIGKILL": (
        "by the system for want of memory, or by hand",
        "Try again; if it happens again, eject another model or choose a shorter context.",
    ),
    "SIGTERM": ("by another program", "Load the model again."),
    "SIGABRT": (
        "because llama.cpp met something that it can't handle",
        "Load the model again; if it happens again, download the file anew.",
    ),
    "SIGSEGV": (
        "by a fault in llama.cpp or a damaged file",
        "Load the model again; if it happens again, download the file anew.",
    ),
    "SIGBUS": (
        "most likely because its file changed or its drive was removed",
        "Check that the file is still there, then load the model again.",
    ),
    "SIGILL": (
        "because this processor lacks an instruction that llama.cpp was built for",
        "Install Modelyard anew on this computer, so that llama.cpp is built for it.",
    ),
}
"""The likely cause and the remedy by signal."""

NT_STATUS = {
    0xC0000005: "SIGSEGV",
    0xC0000409: "SIGABRT",
    0xC000001D: "SIGILL",
    0xC0000006: "SIGBUS",
}
"""What Windows says where other systems raise a signal."""

FAULTS_OF_THE_FILE = frozenset({"SIGABRT", "SIGSEGV", "SIGFPE"})
"""Ends that, while a file is loaded, are the file's doing."""

OUT_OF_MEMORY = ("bad_alloc", "failed to allocate", "unable to allocate", "out of memory")


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


def crash(name: str, ended: Exit) -> WorkerCrashed:
    """The error for a loaded model whose process ended on its own."""
    how = ending(ended.code)
    cause, remedy = CAUSES.get(how, ("on its own", "Load the model again."))
    return WorkerCrashed(
        f"The process of {name} was ended by {how}, {cause}."
        if how in CAUSES
        else f"The process of {name} ended {cause} with {how}.",
        remedy,
        ended.stderr,
    )


def crash_while_loading(name: str, ended: Exit) -> ModelError:
    """The error for a process that ended before its model was loaded."""
    how = ending(ended.code)
    if _out_of_memory(ended.stderr):
        return no_memory(name, ended.stderr)
    if how in FAULTS_OF_THE_FILE:
        return unloadable(name, f"{ended.stderr}\nThe process was ended by {how}.".strip())
    return crash(name, ended)


def refused_load(name: str, refused: Refused) -> AppError:
    """The error for a file that llama.cpp gave back."""
    if _out_of_memory(refused.detail):
        return no_memory(name, refused.detail)
    if refused.reason == Refusal.CONTEXT:
        return InvalidFile(
            f"llama.cpp can't make a context for {name}.",
            "Load it with a shorter context; if that fails too, download the file anew.",
            refused.detail,
        )
    if refused.reason == Refusal.SETTING:
        return SettingError(
            f"{name} can't be loaded with these settings.",
            "Change the setting that the details name, then load it again.",
            refused.detail,
        )
    return unloadable(name, refused.detail)


def unloadable(name: str, detail: str) -> InvalidFile:
    """The error for a file that the engine can't run."""
    return InvalidFile(
        f"llama.cpp can't load {name}.",
        "Download the file again, or choose another model; the details say what it stumbled on.",
        detail,
    )


def no_memory(name: str, detail: str) -> DoesNotFit:
    """The error for an allocation that failed."""
    return DoesNotFit(
        f"There isn't enough memory to load {name}.",
        "Eject another model or load this one with a shorter context.",
        detail,
    )


def too_long(name: str, characters: int, limit: int) -> ContextOverflow:
    """The error for a prompt that isn't even sent."""
    return ContextOverflow(
        f"The prompt has {characters:,} characters, and {name} takes {limit:,} at most.",
        "Shorten it, or split it into several prompts.",
        share=limit / characters,
    )


def refused_request(name: str, refused: Refused) -> AppError:
    """The error for a request that the engine can't serve."""
    match refused.reason:
        case Refusal.OVERFLOW:
            return ContextOverflow(
                f"The conversation has {refused.prompt_tokens:,} tokens and leaves no room for an "
                f"answer in {name}'s context of {refused.context_length:,}.",
                "Shorten the conversation, or load the model with a longer context.",
                share=refused.context_length / max(1, refused.prompt_tokens),
            )
        case Refusal.SAMPLING:
            return RequestError(
                f"{name} can't write in the form that was asked for.",
                "Correct the grammar, JSON schema or token bias; the details say what is wrong.",
                refused.detail,
            )
        case Refusal.EMPTY:
            return RequestError("There is nothing to answer.", "Write a prompt first.")
        case _:
            return RequestError(
                f"llama.cpp can't compute an answer of {name}.",
                "Try it again; if it fails again, load the model anew.",
                refused.detail,
            )


def _out_of_memory(text: str) -> bool:
    lowered = text.lower()
    return any(sign in lowered for sign in OUT_OF_MEMORY)
