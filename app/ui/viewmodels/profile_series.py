"""What charts draw of a profiling run; pure."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.profiles import ProfileRun, RequestProfile, percentile

WINDOW = 16
"""Tokens that a rolling speed is taken over."""
ENOUGH_FOR_P95 = 20
ENOUGH_FOR_P99 = 100


@dataclass(frozen=True)
class Series:
    """A run as far as it has come; times in seconds."""

    requests: tuple[RequestProfile, ...] = ()
    gaps: tuple[float, ...] = ()
    """The gap before each token after a request's first, pooled, the request under way included."""


@dataclass(frozen=True)
class Span:
    """One request's speed over the tokens it wrote, counted through the run."""

    first: int
    last: int
    tokens_per_second: float


def series_of(run: ProfileRun) -> Series:
    """A kept run."""
    return Series(requests=run.requests, gaps=tuple(run.token_seconds))


def rolling_speed(gaps: Sequence[float], window: int = WINDOW) -> list[float]:
    """Tokens per second over the last `window` gaps, from the first full window on.

    Shorter runs get one figure over all they have.
    """
    if not gaps:
        return []
    size = min(window, len(gaps))
    sums = list(itertools.accumulate(gaps, initial=0.0))
    return [
        size / (sums[end] - sums[end - size]) if sums[end] > sums[end - size] else 0.0
        for end in range(size, len(gaps) + 1)
    ]


def spans(requests: Sequence[RequestProfile]) -> list[Span]:
    """Where each request's tokens stand in the pooled gaps, counted from 1."""
    found: list[Span] = []
    first = 1
    for request in requests:
        last = first + len(request.token_seconds) - 1
        found.append(Span(first, last, request.tokens_per_second))
        first = last + 1
    return found


def latency_percentiles(gaps: Sequence[float]) -> dict[int, float]:
    """p50, p95 and p99 in seconds; those that so few gaps can't support are left out."""
    values = list(gaps)
    needed = {50: 1, 95: ENOUGH_FOR_P95, 99: ENOUGH_FOR_P99}
    return {p: percentile(values, p) for p, count in needed.items() if len(values) >= count}
