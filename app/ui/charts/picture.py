"""What a chart shows, as a value; and the pictures of a profiling run. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from app.domain.profiles import percentile
from app.ui import words
from app.ui.viewmodels.profile_series import (
    Series,
    latency_percentiles,
    rolling_speed,
    spans,
)

MS = 1000.0


class Mark(Enum):
    """How a trace is drawn."""

    LINE = auto()
    SEGMENTS = auto()
    """Each pair of points is a line of its own."""
    BARS = auto()


class Dash(Enum):
    """What tells lines apart where colours don't."""

    SOLID = auto()
    DASHED = auto()
    DOTTED = auto()


@dataclass(frozen=True)
class Trace:
    """One thing that is drawn, with its words in the legend."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    series: int
    """Its place in the theme's series of colours."""
    mark: Mark = Mark.LINE
    dash: Dash = Dash.SOLID


@dataclass(frozen=True)
class Picture:
    """Everything about a chart at one moment; both axes begin at zero."""

    traces: tuple[Trace, ...]
    x_end: float
    y_largest: float
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """The same figures as a table."""
    summary: str
    """The same in a sentence, for who can't see it."""
    first: float = 0.0
    """Where the x axis begins."""


def speed_picture(series: Series) -> Picture:
    """Tokens per second: rolling, and of each request."""
    rolling = rolling_speed(series.gaps)
    offset = len(series.gaps) - len(rolling) + 1
    parts = spans(series.requests)
    requests = [part.tokens_per_second for part in parts]
    traces = (
        Trace("rolling, 16 tokens", [offset + n for n in range(len(rolling))], rolling, 0),
        Trace(
            "per request",
            [x for part in parts for x in (part.first, part.last)],
            [part.tokens_per_second for part in parts for _ in range(2)],
            1,
            Mark.SEGMENTS,
            Dash.DASHED,
        ),
    )
    median = f"median {words.speed(percentile(requests, 50))} over " if requests else ""
    return Picture(
        traces=traces,
        x_end=len(series.gaps),
        y_largest=max([*rolling, *requests], default=0.0),
        columns=("Request", "Speed"),
        rows=tuple((str(n), words.speed(value)) for n, value in enumerate(requests, 1)),
        summary=f"Tokens per second: {median}{words.amount(len(requests), 'request')}.",
    )


def first_token_picture(series: Series, expected: int = 0) -> Picture:
    """Time to first token of each request; room for `expected` of them."""
    seconds = [request.time_to_first_token for request in series.requests]
    values = [value * MS for value in seconds]
    numbers = list(range(1, len(values) + 1))
    median = f": median {words.duration(percentile(seconds, 50))}" if seconds else ""
    return Picture(
        traces=(Trace("per request", numbers, values, 2, Mark.BARS),),
        x_end=max(len(values), expected) + 0.5,
        y_largest=max(values, default=0.0),
        columns=("Request", "Time to first token"),
        rows=tuple((str(n), words.duration(value)) for n, value in enumerate(seconds, 1)),
        summary=f"Time to first token{median} over {words.amount(len(seconds), 'request')}.",
        first=0.5,
    )


def latency_picture(series: Series) -> Picture:
    """Time of each token after a request's first, with the percentiles that it supports."""
    values = [gap * MS for gap in series.gaps]
    levels = latency_percentiles(series.gaps)
    end = float(len(values))
    figures = {p: f"p{p} {words.duration(value)}" for p, value in levels.items()}
    dashes = {50: Dash.SOLID, 95: Dash.DASHED, 99: Dash.DOTTED}
    colours = {50: 3, 95: 1, 99: 5}
    traces = (
        Trace("each token", list(range(1, len(values) + 1)), values, 4),
        *(
            Trace(figures[p], (0.0, end), (level * MS, level * MS), colours[p], dash=dashes[p])
            for p, level in levels.items()
        ),
    )
    return Picture(
        traces=traces,
        x_end=end,
        y_largest=max(values, default=0.0),
        columns=("Percentile", "Token latency"),
        rows=tuple((f"p{p}", words.duration(level)) for p, level in levels.items()),
        summary=f"Token latency over {words.amount(len(values), 'token')}: "
        f"{', '.join(figures.values()) or 'nothing measured yet'}.",
    )
