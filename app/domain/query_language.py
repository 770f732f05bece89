"""The query line: plain words and fields, as in `coder cap:tools size:<8GB ctx:>=32k fits`."""

import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from functools import lru_cache

from app.domain.base import Frozen
from app.domain.model_kinds import Kind
from app.domain.models import Capability, ModelStatus


class Field(StrEnum):
    """What a term may ask about with a value."""

    CAPABILITY = "cap"
    QUANTISATION = "quant"
    SIZE = "size"
    CONTEXT = "ctx"
    PARAMETERS = "params"
    PROVIDER = "provider"
    ARCHITECTURE = "arch"
    STATUS = "status"
    TAG = "tag"
    NAME = "name"
    PATH = "path"


class Flag(StrEnum):
    """What a term may ask about without one."""

    LOADED = "loaded"
    FITS = "fits"
    FAVOURITE = "favourite"
    DUPLICATE = "duplicate"


NUMBERS = frozenset({Field.SIZE, Field.CONTEXT, Field.PARAMETERS})
KIND = frozenset(
    {
        *(Field.CAPABILITY, Field.QUANTISATION, Field.CONTEXT, Field.PARAMETERS),
        *(Field.PROVIDER, Field.ARCHITECTURE, Field.STATUS),
    }
)
"""Fields that many models answer alike, so that an index can for all of them at once."""
_SCALES: Mapping[Field, Mapping[str, float]] = {
    Field.SIZE: {"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "k": 1e3, "m": 1e6,
                 "g": 1e9, "kib": 2**10, "mib": 2**20, "gib": 2**30},
    Field.CONTEXT: {"": 1, "k": 1024, "m": 1024**2},
    Field.PARAMETERS: {"": 1, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12},
}  # fmt: skip
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
_BARE = {Field.SIZE: "<=", Field.CONTEXT: ">=", Field.PARAMETERS: "="}
"""What a number without a sign means: so large at most, so long at least."""
PARSED = 128
"""Lines that are kept parsed: each keystroke asks for the whole line and for each facet's piece."""
_TOKEN = re.compile(r'(?P<minus>-?)(?:(?P<field>[a-z]+):)?(?P<value>"[^"]*"?|\S*)', re.IGNORECASE)
_NUMBER = re.compile(
    r"(?P<sign><=|>=|<|>|=)?\s*(?P<number>\d+(?:[.,]\d+)?)\s*(?P<unit>[a-z]*)", re.IGNORECASE
)
_NEAR = 0.1
"""How far "7B" may be from what is counted."""


class Term(Frozen):
    """One condition."""

    field: Field | Flag
    value: str = ""
    """In small letters; empty for a flag."""
    sign: str = ""
    """A comparison, for a number."""
    number: float = 0
    negated: bool = False


class ParsedQuery(Frozen):
    """A query line, understood as far as it can be."""

    words: str = ""
    """Each has to occur in what is shown of a model."""
    excluded: tuple[str, ...] = ()
    """None of these may."""
    terms: tuple[Term, ...] = ()
    problems: tuple[str, ...] = ()
    """What isn't understood, in sentences; such a term asks for nothing."""

    @property
    def simple(self) -> bool:
        """Whether it asks for words alone."""
        return not self.terms and not self.excluded


class Completion(Frozen):
    """A way to go on at the cursor."""

    start: int
    """Where the text that it takes the place of begins; it ends at the cursor."""
    text: str


@lru_cache(PARSED)
def parse(text: str) -> ParsedQuery:
    """Understand a query line; it never fails, for it is read while it is typed."""
    words: list[str] = []
    excluded: list[str] = []
    terms: list[Term] = []
    problems: list[str] = []
    for match in _TOKEN.finditer(text):
        minus, name, raw = bool(match["minus"]), match["field"], match["value"]
        value = raw.strip('"').casefold()
        known = _field(name) if name else None
        if known is not None:
            term = _term(known, value, negated=minus)
            if isinstance(term, Term):
                terms.append(term)
            elif value:
                problems.append(term)
        elif not name and value in set(Flag) and not raw.startswith('"'):
            terms.append(Term(field=Flag(value), negated=minus))
        else:
            word = (f"{name}:{raw}" if name else raw).strip('"')
            if word:
                (excluded if minus else words).append(word)
    return ParsedQuery(
        words=" ".join(words),
        excluded=tuple(word.casefold() for word in excluded),
        terms=tuple(terms),
        problems=tuple(problems),
    )


def matcher(terms: Iterable[Term]) -> Callable[[Kind], bool]:
    """Whether models are what terms of the fields in `KIND` ask for; the others are left out."""
    tests = [(_test(term), term.negated) for term in terms if term.field in KIND]
    return lambda kind: all(test(kind) is not negated for test, negated in tests)


def comparison(term: Term) -> Callable[[float, float], bool]:
    """How a number is compared with the term's."""
    return _COMPARISONS[term.sign]


def completions(
    text: str, cursor: int, values: Mapping[Field, Collection[str]]
) -> tuple[Completion, ...]:
    """The ways to go on with the word at the cursor, the likeliest first.

    Args:
        text: the line.
        cursor: where it is being typed.
        values: what is there to ask for, by field; capabilities and statuses are known anyway.
    """
    start = text.rfind(" ", 0, cursor) + 1
    typed = text[start:cursor].casefold()
    start += typed.startswith("-")
    typed = typed.removeprefix("-")
    name, colon, begun = typed.partition(":")
    if not colon:
        if not typed:
            return ()
        offered = [*(f"{known}:" for known in Field), *Flag]
        return tuple(Completion(start=start, text=t) for t in offered if t.startswith(typed))
    known = _field(name)
    if known is None:
        return ()
    fixed: Mapping[Field, Collection[str]] = {
        Field.CAPABILITY: [*Capability],
        Field.STATUS: [*ModelStatus],
        Field.SIZE: ["<4GB", "<8GB", "<16GB", ">8GB"],
        Field.CONTEXT: [">=8k", ">=32k", ">=128k"],
        Field.PARAMETERS: ["<4B", "<9B", ">=30B"],
    }
    offered = sorted({value.casefold() for value in values.get(known, ())}) or [
        *fixed.get(known, ())
    ]
    at = start + len(name) + 1
    return tuple(
        Completion(start=at, text=_quoted(value))
        for value in offered
        if value.casefold().startswith(begun.lstrip('"')) and value.casefold() != begun
    )


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value


def _field(name: str) -> Field | None:
    folded = name.casefold()
    return Field(folded) if folded in set(Field) else None


def _term(known: Field, value: str, *, negated: bool) -> Term | str:
    """The term, or what is wrong with it."""
    if not value:
        return ""
    if known in NUMBERS:
        match = _NUMBER.fullmatch(value)
        scale = _SCALES[known].get(match["unit"]) if match else None
        if match is None or scale is None:
            return f"{known}:{value} isn't a number with a unit, as in {known}:{_EXAMPLES[known]}."
        number = float(match["number"].replace(",", ".")) * scale
        return Term(field=known, sign=match["sign"] or _BARE[known], number=number, negated=negated)
    if known is Field.CAPABILITY:
        value = value.replace("-", "_")
        if value not in set(Capability):
            return f"No capability is called {value}."
    return Term(field=known, value=value, negated=negated)


_EXAMPLES = {Field.SIZE: "<8GB", Field.CONTEXT: ">=32k", Field.PARAMETERS: "<9B"}


def _test(term: Term) -> Callable[[Kind], bool]:
    if term.field in NUMBERS:
        return _number_test(term)
    asks, wanted = _TEXT_TESTS[Field(term.field)], term.value
    return lambda kind: asks(kind, wanted)


_TEXT_TESTS: Mapping[Field, Callable[[Kind, str], bool]] = {
    Field.CAPABILITY: lambda kind, wanted: Capability(wanted) in kind.abilities,
    Field.QUANTISATION: lambda kind, wanted: wanted in kind.quantisation.casefold(),
    Field.PROVIDER: lambda kind, wanted: kind.provider.casefold().startswith(wanted),
    Field.ARCHITECTURE: lambda kind, wanted: kind.architecture.casefold().startswith(wanted),
    Field.STATUS: lambda kind, wanted: kind.status.value.startswith(wanted),
}


def _number_test(term: Term) -> Callable[[Kind], bool]:
    compare, bound, of_parameters = comparison(term), term.number, term.field is Field.PARAMETERS
    if of_parameters and term.sign == "=":
        return lambda kind: abs((kind.parameters or 0) - bound) <= _NEAR * bound

    def test(kind: Kind) -> bool:
        value = kind.parameters if of_parameters else kind.context_length
        return value is not None and compare(value, bound)

    return test
