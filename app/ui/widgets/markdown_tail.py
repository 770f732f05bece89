"""Which part of a Markdown text under way can still change its look."""

import re

_FENCE = re.compile(r"\s*(`{3,}|~{3,})(.*)")
_CONTINUES = re.compile(r"\s|>|[-*+](\s|$)|\d{1,9}([.)]|$)")
"""A line that belongs, or may yet grow to belong, to the list or quote before the blank line."""


def settled_length(text: str) -> int:
    """How many characters at the start of `text` are finished blocks.

    They end behind the last blank line outside a code fence that is followed by a line of its
    own: what comes later can't change how they look.
    """
    settled = position = 0
    fence: str | None = None
    after_blank = False
    for line in text.splitlines(keepends=True):
        blank = not line.strip()
        if fence is None and after_blank and not blank and not _CONTINUES.match(line):
            settled = position
        fence = _fence_after(line, fence)
        after_blank = blank and fence is None
        position += len(line)
    return settled


def ends_in_code(text: str) -> bool:
    """Whether the next character just adds to code that is shown already.

    Code inside a list doesn't count: its indentation is taken away when it is shown.
    """
    fence: str | None = None
    code = flush = False
    for line in text.splitlines(keepends=True):
        before, fence = fence, _fence_after(line, fence)
        if before is None:
            flush = not line[:1].isspace()
            code = False
        else:
            code = fence is not None and flush and (code or bool(line.strip()))
    return code


def may_end_code(last_line: str, more: str) -> bool:
    """Whether `more`, written behind `last_line` of a code fence, could close the fence."""
    return any(line.lstrip()[:1] in {"`", "~"} for line in (last_line + more).split("\n"))


def _fence_after(line: str, fence: str | None) -> str | None:
    match = _FENCE.match(line)
    if match is None:
        return fence
    marks, rest = match.groups()
    if fence is None:
        return marks
    closes = marks[0] == fence[0] and len(marks) >= len(fence) and not rest.strip()
    return None if closes else fence
