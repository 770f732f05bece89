"""What a support bundle holds, and what it must not say."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from urllib.parse import quote

from app.domain.base import Frozen
from app.domain.error_reports import ErrorReport
from app.domain.errors import ErrorKind

PRIVATE = "[private]"
HOME = "~"
USER = "[user]"
SHORTEST_NAME = 2
"""A shorter user name would riddle every line, and gives nobody away."""
RUN = 5
"""So many words in a row that were said in a conversation are a quotation of it."""
LONG_WORD = 8
"""Letters; a single word of fewer is no secret, and found everywhere."""


class BundlePart(Frozen):
    """One file of a support bundle."""

    name: str
    """Its path in the bundle."""
    what: str
    """What it tells, in a few words."""
    size_bytes: int | None = None
    """None for what is only written when the bundle is."""


_QUOTING = frozenset(
    {
        *(ErrorKind.REQUEST, ErrorKind.TEMPLATE, ErrorKind.CONTENT, ErrorKind.REMOTE),
        *(ErrorKind.WRONG_SERVER, ErrorKind.CUT, ErrorKind.RATE_LIMITED, ErrorKind.OVERLOADED),
        *(ErrorKind.QUOTA, ErrorKind.CONTEXT_OVERFLOW, ErrorKind.HISTORY_OVERFLOW),
    }
)
"""Errors whose detail may repeat what was asked, in a server's or a template's own words."""


def unquoting(report: ErrorReport) -> ErrorReport:
    """An error without a detail that may repeat a prompt."""
    hides = report.kind in _QUOTING and report.detail
    return report.model_copy(update={"detail": PRIVATE}) if hides else report


def without_person(text: str, homes: Iterable[str], users: Iterable[str]) -> str:
    """A text that doesn't say whose machine it is from.

    Args:
        text: any text; paths may be written as JSON writes them.
        homes: the home directory, in every form that it has.
        users: the user's names.
    """
    forms = {
        form
        for home in homes
        if len(home) > 1
        for form in (home, home.replace("\\", "/"), home.replace("\\", "\\\\"), quote(home))
    }
    for form in sorted(forms, key=len, reverse=True):
        # A folder beside it whose name merely begins like it isn't the home directory.
        text = re.sub(rf"{re.escape(form)}(?![\w-])", HOME, text, flags=re.IGNORECASE)
    for user in users:
        if len(user) >= SHORTEST_NAME:
            whole = rf"(?<![^\W_]){re.escape(user)}(?![^\W_])"
            text = re.sub(whole, USER, text, flags=re.IGNORECASE)
    return text


class Echoes:
    """Finds what texts repeat of conversations, and takes it out.

    It keeps the runs of words of the texts and not the conversations, of which there may be many.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._runs = {run for text in texts for run in _runs(_split(text))}
        self._heard: set[int] = set()
        self._short: set[tuple[str, ...]] = set()

    def hear(self, said: str) -> None:
        """Take in a prompt, an answer or a title."""
        words = _split(said)
        if 0 < len(words) < RUN:
            if len(words) > 1 or len(words[0]) >= LONG_WORD:
                self._short.add((*words,))
        else:
            self._heard.update(run for run in _runs(words) if run in self._runs)

    def without(self, text: str) -> str:
        """A text with every quotation replaced."""
        places = [
            (match.start(1), match.end(1)) for match in _words().finditer(text) if match.group(1)
        ]
        words = [text[start:end].casefold() for start, end in places]
        spans: list[tuple[int, int]] = []
        for at, length in self._found(words):
            start, end = places[at][0], places[at + length - 1][1]
            if spans and start <= spans[-1][1]:
                spans[-1] = spans[-1][0], max(end, spans[-1][1])
            else:
                spans.append((start, end))
        parts, done = [], 0
        for start, end in spans:
            parts += [text[done:start], PRIVATE]
            done = end
        return "".join((*parts, text[done:]))

    def _found(self, words: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Where quotations begin, in order, and of how many words they are."""
        runs = [*_runs(words)]
        lengths = sorted({len(short) for short in self._short}, reverse=True)
        for at in range(len(words)):
            if at < len(runs) and runs[at] in self._heard:
                yield at, RUN
                continue
            for length in lengths:
                if (*words[at : at + length],) in self._short:
                    yield at, length
                    break


def _split(text: str) -> list[str]:
    return [match.group(1).casefold() for match in _words().finditer(text) if match.group(1)]


def _runs(words: Sequence[str]) -> Iterator[int]:
    return (hash((*words[at : at + RUN],)) for at in range(len(words) - RUN + 1))


@cache
def _words() -> re.Pattern[str]:
    """Made when first needed: compiling ranges so wide would hold up every start."""
    return re.compile(
        # What JSON and Python write for a line's end and the like is no part of a word.
        r"\\(?:u[0-9a-f]{4}|[nrtbf\"'/\\])"
        # Scripts without spaces: each character counts as a word.
        "|([\u2e80-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
        "|[^\\W\u2e80-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]+)",
        re.IGNORECASE,
    )
