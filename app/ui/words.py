"""Figures and states in the words that people read; pure formatting."""

import html
import math

from PySide6.QtCore import QDateTime, QLocale

from app.domain.chat_templates import ChatTemplate, TemplateSource
from app.domain.conversations import Message
from app.domain.crashes import CrashCause, CrashReport
from app.domain.generation import GenerationStats
from app.domain.instances import InstanceState, InstanceView
from app.domain.memory import Fit
from app.domain.memory_plans import MemoryPart, PlanSource
from app.domain.models import ModelStatus, Store

ENGLISH = QLocale(QLocale.Language.English)
NOTHING = "\N{EN DASH}"
"""Stands where a figure isn't known."""

STATE_WORDS: dict[InstanceState, str] = {
    InstanceState.QUEUED: "queued",
    InstanceState.RESERVING: "making room",
    InstanceState.STARTING: "starting",
    InstanceState.LOADING: "loading",
    InstanceState.WARMING: "warming up",
    InstanceState.CONNECTING: "connecting",
    InstanceState.READY: "ready",
    InstanceState.DRAINING: "finishing answers",
    InstanceState.STOPPING: "ejecting",
    InstanceState.STOPPED: "ejected",
    InstanceState.FAILED: "failed",
    InstanceState.CRASHED: "crashed",
}
CAUSE_WORDS: dict[CrashCause, str] = {
    CrashCause.OUT_OF_MEMORY: "Out of memory",
    CrashCause.ILLEGAL_INSTRUCTION: "Unknown instruction",
    CrashCause.ASSERTION: "llama.cpp gave up",
    CrashCause.DISK: "Unreadable file",
    CrashCause.FAULT: "Memory fault",
    CrashCause.KILLED: "Ended from outside",
    CrashCause.UNKNOWN: "Ended on its own",
}
FIT_WORDS: dict[Fit, str] = {Fit.FITS: "fits", Fit.TIGHT: "tight", Fit.TOO_BIG: "too big"}
PLAN_WORDS: dict[PlanSource, str] = {
    PlanSource.FORMULA: "from the file's header",
    PlanSource.DRY_RUN: "from a dry run",
    PlanSource.MEASURED: "measured last time; its parts are estimated",
}
PART_WORDS: dict[MemoryPart, str] = {
    MemoryPart.WEIGHTS: "Weights",
    MemoryPart.CACHE: "Conversations",
    MemoryPart.COMPUTE: "Scratch",
    MemoryPart.PROCESS: "Process",
}
UNTAKEN_WORDS = {
    "top_k": "top-k",
    "top_p": "top-p",
    "min_p": "min-p",
    "typical_p": "typical-p",
    "repeat_penalty": "repeat penalty",
    "frequency_penalty": "frequency penalty",
    "presence_penalty": "presence penalty",
    "penalty_last_n": "penalty window",
    "logit_bias": "logit bias",
    "json_schema": "JSON schema",
    "ignore_end": "a fixed length",
}
"""What can be asked for and may not be taken, where its name isn't a word."""
STATUS_WORDS: dict[ModelStatus, str] = {
    ModelStatus.AVAILABLE: "",
    ModelStatus.ADAPTER: "adapter",
    ModelStatus.MISSING: "missing",
    ModelStatus.INVALID: "invalid",
}
STORE_WORDS: dict[Store, str] = {
    Store.HUGGING_FACE: "Hugging Face",
    Store.LM_STUDIO: "LM Studio",
    Store.OLLAMA: "Ollama",
    Store.JAN: "Jan",
    Store.GPT4ALL: "GPT4All",
    Store.TEXT_GENERATION_WEBUI: "text-generation-webui",
}

_BYTE_UNITS = ((1e9, "GB", 1), (1e6, "MB", 0), (1e3, "KB", 0))
_PARAMETER_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def locale() -> QLocale:
    """How numbers and dates are written here."""
    system = QLocale()
    # The C locale groups no digits; a person is better served by the language of the words.
    return ENGLISH if system.name() == "C" else system


def _decimal(value: float, digits: int) -> str:
    return locale().toString(float(value), "f", digits)


def count(n: int | None) -> str:
    """A whole number with the locale's separators: "8,192"."""
    return NOTHING if n is None else locale().toString(n)


def amount(n: int, singular: str, plural: str = "") -> str:
    """A number with its noun: "1 model", "1,204 models"."""
    return f"{count(n)} {singular if n == 1 else plural or singular + 's'}"


def leaving(name: str, copies: int = 0) -> str:
    """That a model goes to the trash, or some of the files that hold it."""
    if not copies:
        return f"{name} goes to the trash."
    return f"{amount(copies, 'copy', 'copies')} of {name} {'goes' if copies == 1 else 'go'} to the trash."


def size(n: int | None) -> str:
    """Bytes: "4.7 GB", "379 MB"."""
    if n is None:
        return NOTHING
    for unit, name, digits in _BYTE_UNITS:
        # Half a step below the next unit already rounds up to it.
        if n >= unit * 0.9995:
            return f"{_decimal(n / unit, digits)} {name}"
    return f"{count(n)} B"


def parameters(n: int | None) -> str:
    """A number of weights: "7.6 B", "135 M"."""
    if n is None:
        return NOTHING
    for unit, name in _PARAMETER_UNITS:
        if n >= unit:
            figure = round(n / unit, 1 if n < 100 * unit else 0)
            return f"{_decimal(figure, 0 if figure.is_integer() else 1)} {name}"
    return count(n)


def speed(tokens_per_second: float | None) -> str:
    """A rate: "24.1 tok/s", "142 tok/s"."""
    if tokens_per_second is None:
        return NOTHING
    return f"{_decimal(tokens_per_second, 1 if tokens_per_second < 100 else 0)} tok/s"


def share(part: float | None) -> str:
    """A part of a whole: "98 %"; one that isn't whole never says 100."""
    if part is None:
        return NOTHING
    return f"{100 if part >= 1 else math.floor(part * 100)} %"


def duration(seconds: float | None) -> str:
    """A time with two significant digits: "38 ms", "0.21 s", "4.2 s"; minutes from 100 s."""
    if seconds is None:
        return NOTHING
    if seconds < 0.0995:
        return f"{_significant(seconds * 1000)} ms"
    if seconds < 99.5:
        return f"{_significant(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{_significant(seconds / 3600)} h"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def _significant(value: float) -> str:
    if value <= 0:
        return "0"
    digits = max(0, 1 - math.floor(math.log10(value)))
    # Rounding may carry into the next power of ten: 0.999 is "1.0", not "1.00".
    digits = max(0, 1 - math.floor(math.log10(round(value, digits) or value)))
    return _decimal(value, digits)


def context(n: int | None) -> str:
    """A context length in short: "32k", "128k", "512"."""
    if n is None:
        return NOTHING
    if n < 1000:
        return count(n)
    for unit, name in ((1_000_000, "M"), (1 << 20, "M"), (1000, "k"), (1024, "k")):
        if n >= unit and n % unit == 0:
            return f"{count(n // unit)}{name}"
    return f"{_decimal(n / 1000, 1 if n < 10_000 else 0)}k"


def percent(share: float) -> str:
    """A share of one: "42 %"."""
    return f"{round(share * 100)} %"


def moment(at: float) -> str:
    """A point in time, seconds since the epoch, in the locale's short form."""
    when = QDateTime.fromMSecsSinceEpoch(int(at * 1000))
    return locale().toString(when, QLocale.FormatType.ShortFormat)


def state(view: InstanceView) -> str:
    """An instance's state: "loading 42 %", "answering", "ready"."""
    if view.state is InstanceState.LOADING and view.progress is not None:
        return f"loading {percent(view.progress)}"
    if view.state is InstanceState.READY and view.leases:
        return "answering"
    return STATE_WORDS[view.state]


def stay(view: InstanceView, now: float) -> str:
    """How long a model stays or what it waits for: "kept loaded", "unloads in 4 min"."""
    if view.reason:
        return view.reason
    if view.pinned:
        return "kept loaded"
    if view.unloads_at is None:
        return ""
    left = max(0.0, view.unloads_at - now)
    minutes = math.ceil(left / 60)
    return f"unloads in {count(minutes)} min" if left > 60 else f"unloads in {math.ceil(left)} s"


def crash(report: CrashReport | None) -> str:
    """A crash in short: "Out of memory · SIGKILL"; empty when there was none."""
    if report is None:
        return ""
    return " · ".join(filter(None, (CAUSE_WORDS[report.cause], report.how)))


def tooltip(text: str) -> str:
    """Text that others wrote, for a tooltip: Qt would take what looks like markup for markup."""
    if "<" not in text:
        return text
    lines = html.escape(text, quote=False).replace("\n", "<br>")
    return f"<span>{lines}</span>"


def button_text(text: str) -> str:
    """Text that others wrote, for a button or a menu, where a single "&" marks a key."""
    return text.replace("&", "&&")


def template(chat: ChatTemplate) -> str:
    """Where a chat template comes from: "the file's own", "ChatML", "plain script"."""
    match chat.source:
        case TemplateSource.FILE:
            return "the file's own"
        case TemplateSource.KNOWN:
            return chat.name
        case TemplateSource.SCRIPT:
            return "plain script"


def template_note(name: str, chat: ChatTemplate) -> str:
    """What stands in for the template that a model's file lacks; empty where it has one."""
    match chat.source:
        case TemplateSource.FILE:
            return ""
        case TemplateSource.KNOWN:
            return f"{name} brings no chat template: the known one for {chat.name} is used."
        case TemplateSource.SCRIPT:
            return f"{name} brings no chat template: it continues a plain script."


def reasoning(seconds: float | None) -> str:
    """The line above an answer's reasoning: "Thought for 3.2 s", "Thinking…" while it goes on."""
    return "Thinking…" if seconds is None else f"Thought for {duration(seconds)}"


def left_out(turns: int) -> str:
    """That a model wasn't shown a conversation's beginning: "The 6 oldest turns were left out"."""
    if turns == 1:
        return "The oldest turn was left out"
    return f"The {count(turns)} oldest turns were left out"


def answer_figures(stats: GenerationStats) -> str:
    """The muted line under an answer: "0.21 s to first token · 24.1 tok/s · 312 tokens"."""
    parts = []
    if stats.time_to_first_token is not None:
        parts.append(f"{duration(stats.time_to_first_token)} to first token")
    if stats.tokens_per_second is not None:
        parts.append(speed(stats.tokens_per_second))
    parts.append(amount(stats.output_tokens, "token"))
    return " · ".join(parts)


def answer_notes(answer: Message) -> tuple[str, ...]:
    """What else to know of an answer: whom it stands in for, and what wasn't taken."""
    notes = [
        f"Instead of {item.model_name}: {item.error.what.rstrip('.')}"
        for item in answer.passed_over
    ]
    if answer.stats is not None and answer.stats.untaken:
        said = ", ".join(UNTAKEN_WORDS.get(name, name) for name in answer.stats.untaken)
        notes.append(f"Not taken by the provider: {said}")
    return tuple(notes)
