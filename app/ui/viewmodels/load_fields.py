"""The fields of the load settings: their words, and how what is typed becomes a value."""

import re
from dataclasses import dataclass
from enum import Enum

from app.domain.load_settings import CacheType, Pooling, RopeScaling

LONGEST = 40
"""Characters; no number that means anything is longer."""
GROUPING = re.compile(r"(?<=\d)[,\s'](?=\d)")
"""What separates thousands, in one language or another."""


class Kind(Enum):
    """How a field is filled in."""

    WHOLE = "whole"
    NUMBER = "number"
    NUMBERS = "numbers"
    CHOICE = "choice"
    SWITCH = "switch"
    ADAPTERS = "adapters"


TYPED = frozenset({Kind.WHOLE, Kind.NUMBER, Kind.NUMBERS})


@dataclass(frozen=True)
class Field:
    """One load setting as a person meets it; `name` is that of the domain."""

    name: str
    label: str
    hint: str = ""
    kind: Kind = Kind.WHOLE
    choices: tuple[tuple[object, str], ...] = ()
    """Values with their words; the first one leaves the choice to the app."""
    automatic: str = ""
    """What the app chooses, where its settings don't say."""


@dataclass(frozen=True)
class FormSection:
    """Fields under one heading."""

    title: str
    fields: tuple[Field, ...]


CHOICE_WORDS: dict[CacheType | RopeScaling | Pooling, str] = {
    **{kind: kind.value.upper() for kind in CacheType},
    RopeScaling.NONE: "None",
    RopeScaling.LINEAR: "Linear",
    RopeScaling.YARN: "YaRN",
    RopeScaling.LONGROPE: "LongRoPE",
    Pooling.MEAN: "Mean",
    Pooling.CLS: "First token (CLS)",
    Pooling.LAST: "Last token",
}


def _choices(*values: CacheType | RopeScaling | Pooling) -> tuple[tuple[object, str], ...]:
    return ((None, ""), *((value, CHOICE_WORDS.get(value, value.value)) for value in values))


def _either(on: str, off: str) -> tuple[tuple[object, str], ...]:
    return ((None, ""), (True, on), (False, off))


SECTIONS = (
    FormSection(
        "Context and conversations",
        (
            Field("context_length", "Context length"),
            Field(
                "slots",
                "Conversations side by side",
                "Answers that are computed at the same time; each has a context of its own.",
            ),
        ),
    ),
    FormSection(
        "Speed",
        (
            Field(
                "threads",
                "Threads",
                "Automatic follows the machine's load and leaves busy cores to other programs.",
            ),
            Field("batch_threads", "Threads for prompts", automatic="as Threads"),
            Field(
                "flash_attention",
                "Flash attention",
                kind=Kind.CHOICE,
                choices=_either("On", "Off"),
                automatic="where it helps",
            ),
            Field("batch", "Batch", "Tokens of a prompt that are handed over at once."),
            Field(
                "micro_batch",
                "Micro-batch",
                "Tokens that are computed at once; fewer need less memory.",
            ),
        ),
    ),
    FormSection(
        "Memory",
        (
            Field(
                "cache_type_k",
                "K cache",
                kind=Kind.CHOICE,
                choices=_choices(*CacheType),
            ),
            Field(
                "cache_type_v",
                "V cache",
                "Smaller types hold long conversations in less memory, at some loss of quality.",
                kind=Kind.CHOICE,
                choices=_choices(*CacheType),
            ),
            Field(
                "mmap",
                "Weights",
                kind=Kind.CHOICE,
                choices=_either("Mapped from the file", "Read into memory"),
                automatic="mapped",
            ),
            Field(
                "mlock",
                "Lock in memory",
                "The system may not move the weights to disk.",
                kind=Kind.SWITCH,
            ),
        ),
    ),
    FormSection(
        "GPU",
        (
            Field("gpu_layers", "Layers on the GPU"),
            Field("main_gpu", "Main GPU", "Its number, from 0.", automatic="0"),
            Field(
                "tensor_split",
                "Tensor split",
                "Each GPU's share of the weights, such as 3, 1.",
                kind=Kind.NUMBERS,
                automatic="even",
            ),
        ),
    ),
    FormSection(
        "Position scaling (RoPE)",
        (
            Field(
                "rope_scaling",
                "Method",
                kind=Kind.CHOICE,
                choices=_choices(*RopeScaling),
                automatic="from the file",
            ),
            Field("rope_base", "Base frequency", kind=Kind.NUMBER, automatic="from the file"),
            Field(
                "rope_scale",
                "Frequency scale",
                "Below 1 stretches: 0.5 for twice the trained length.",
                kind=Kind.NUMBER,
                automatic="from the file",
            ),
        ),
    ),
    FormSection(
        "LoRA adapters",
        (Field("adapters", "LoRA adapters", kind=Kind.ADAPTERS),),
    ),
    FormSection(
        "Embeddings",
        (
            Field(
                "pooling",
                "Pooling",
                "How the tokens' vectors become one.",
                kind=Kind.CHOICE,
                choices=_choices(*Pooling),
                automatic="from the file",
            ),
        ),
    ),
    FormSection(
        "Answers",
        (
            Field(
                "seed",
                "Seed",
                "For prompts that bring none; the same seed repeats an answer.",
                automatic="new each time",
            ),
        ),
    ),
)
FIELDS = {field.name: field for section in SECTIONS for field in section.fields}


class Unreadable(Exception):
    """What was typed isn't of the field's kind; two sentences for the person who typed it."""


def read(field: Field, text: str) -> object:
    """The value of a field that is typed; None, or no numbers, where it is empty.

    Raises:
        Unreadable: the text isn't of the field's kind.
    """
    text = text.strip()
    if field.kind is Kind.NUMBERS:
        parts = [part for part in re.split(r"[,;:\s]+", text) if part]
        return tuple(_number(field, part) for part in parts)
    if not text:
        return None
    return _whole(field, text) if field.kind is Kind.WHOLE else _number(field, text)


def written(value: object) -> str:
    """A value as `read` takes it."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(written(part) for part in value)
    return str(value).removesuffix(".0")


def _whole(field: Field, text: str) -> int:
    plain = GROUPING.sub("", text)
    if len(plain) > LONGEST or not re.fullmatch(r"[+-]?\d+", plain, re.ASCII):
        raise Unreadable(
            f"{field.label} must be a whole number. Type digits, or leave it empty for automatic."
        )
    return int(plain)


def _number(field: Field, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Unreadable(
            f"{field.label} must be a number. Type one such as 0.5, or leave it empty."
        ) from None
