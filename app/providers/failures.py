"""What a worker's end or refusal means, worded for people."""

from app.domain.crashes import CrashCause, CrashReport
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
from app.ports.processes import Exit
from app.providers.exits import decode, no_memory_line, place
from app.worker.protocol import Refusal, Refused

CAUSES: dict[CrashCause, tuple[str, str]] = {
    CrashCause.OUT_OF_MEMORY: (
        "because the memory ran out",
        "Load it more safely, or eject another model first.",
    ),
    CrashCause.ILLEGAL_INSTRUCTION: (
        "because this processor lacks an instruction that llama.cpp was built for",
        "Install Modelyard anew on this computer, so that llama.cpp is built for it.",
    ),
    CrashCause.ASSERTION: (
        "because llama.cpp met something that it can't handle",
        "Load it again, or more safely; if that fails too, download the file anew.",
    ),
    CrashCause.DISK: (
        "because its file can't be read, or its drive is full or gone",
        "Check its drive, then load it again.",
    ),
    CrashCause.FAULT: (
        "a fault in llama.cpp or a damaged file",
        "Load it again, or more safely; if that fails too, download the file anew.",
    ),
    CrashCause.KILLED: (
        "by hand, by another program, or by one that guards the memory",
        "Load it again; if it happens again, load it more safely or eject another model.",
    ),
    CrashCause.UNKNOWN: (
        "for a reason that isn't known",
        "Load it again, or more safely; the details have its last words.",
    ),
}
"""Why, and the remedy."""

FAULTS_OF_THE_FILE = frozenset({CrashCause.ASSERTION, CrashCause.FAULT})
"""Ends that, while a file is loaded, are the file's doing."""


def crash(name: str, ended: Exit) -> WorkerCrashed:
    """The error for a loaded model whose process ended on its own."""
    return _crashed(name, decode(ended), ended.stderr)


def crash_while_loading(name: str, ended: Exit) -> ModelError:
    """The error for a process that ended before its model was loaded."""
    report = decode(ended)
    if report.cause is CrashCause.OUT_OF_MEMORY:
        return no_memory(name, ended.stderr, report)
    if report.cause in FAULTS_OF_THE_FILE:
        said = f"{ended.stderr}\nThe process was ended by {report.how}.".strip()
        return unloadable(name, said, report)
    return _crashed(name, report, ended.stderr)


def _crashed(name: str, report: CrashReport, stderr: str) -> WorkerCrashed:
    why, remedy = CAUSES[report.cause]
    verb = "ended with" if report.how.startswith("status") else "was ended by"
    mark = "" if why.startswith(("because", "for")) else ":"
    where = place(report.line)
    at = f" ({where})" if where else ""
    return WorkerCrashed(
        f"The process of {name} {verb} {report.how}{mark} {why}{at}.", remedy, stderr, report
    )


def refused_load(name: str, refused: Refused) -> AppError:
    """The error for a file that llama.cpp gave back."""
    if line := no_memory_line(refused.detail):
        report = CrashReport(cause=CrashCause.OUT_OF_MEMORY, line=line)
        return no_memory(name, refused.detail, report)
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


def unloadable(name: str, detail: str, report: CrashReport | None = None) -> InvalidFile:
    """The error for a file that the engine can't run, or crashed on."""
    return InvalidFile(
        f"llama.cpp can't load {name}.",
        "Download the file again, or choose another model; the details say what it stumbled on.",
        detail,
        report,
    )


def no_memory(name: str, detail: str, report: CrashReport) -> DoesNotFit:
    """The error for an allocation that failed."""
    return DoesNotFit(
        f"There isn't enough memory to load {name}.",
        "Load it more safely, with a shorter context for example, or eject another model first.",
        detail,
        report,
    )


def too_long(name: str, characters: int, limit: int) -> ContextOverflow:
    """The error for a prompt that isn't even sent."""
    return ContextOverflow(
        f"The prompt has {characters:,} characters, and {name} takes {limit:,} at most.",
        "Shorten it, or split it into several prompts.",
        share=limit / characters,
    )


def refused_request(name: str, refused: Refused, trained: int | None = None) -> AppError:
    """The error for a request that the engine can't serve.

    Args:
        name: the model's.
        refused: what the engine said.
        trained: the context length that the model was trained for, where that is known.
    """
    match refused.reason:
        case Refusal.OVERFLOW:
            longest = trained is not None and refused.context_length >= trained
            way = "ask a model" if longest else "load the model"
            return ContextOverflow(
                f"The conversation has {refused.prompt_tokens:,} tokens and leaves no room for an "
                f"answer in {name}'s context of {refused.context_length:,}.",
                f"Shorten the conversation, or {way} with a longer context.",
                share=refused.context_length / max(1, refused.prompt_tokens),
                longest=longest,
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
