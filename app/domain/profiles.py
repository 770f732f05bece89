"""Measured behaviour: averages of every use, and runs kept on purpose."""

import math
import time
from collections.abc import Sequence
from typing import NewType

from app.domain.base import Frozen
from app.domain.generation import FinishReason, GenerationStats
from app.domain.models import ModelId

ProfileRunId = NewType("ProfileRunId", str)

HALF_LIFE_DAYS = 3.0
"""A figure three days old weighs half of one taken now."""
DAY_SECONDS = 24 * 3600
MEDIAN = 50
RECENT = 64
"""The latest samples that percentiles are taken of."""
ENOUGH = 20
"""Below so many samples the slow end of them is chance."""


class Average(Frozen):
    """A time-decayed average, and the latest samples behind it."""

    value: float | None = None
    at: float | None = None
    """When the last sample came, in seconds since the epoch."""
    recent: tuple[float, ...] = ()
    """The latest samples, oldest first."""

    def percentile(self, percent: float) -> float | None:
        """A percentile of the latest samples; None while there are too few to say."""
        if not self.recent or (percent > MEDIAN and len(self.recent) < ENOUGH):
            return None
        return percentile(list(self.recent), percent)

    def moved(self, sample: float | None, now: float) -> "Average":
        """The average after one more sample; None is none."""
        if sample is None:
            return self
        elapsed = max(0.0, now - self.at) if self.at is not None else 0.0
        # Four digits are more than a measurement is good for, and keep the row short.
        recent = (*self.recent[1 - RECENT :], float(f"{sample:.4g}"))
        return Average(value=decayed(self.value, sample, elapsed), at=now, recent=recent)


class ModelMetrics(Frozen):
    """What a model's ordinary use was like; durations in seconds.

    The first request after a load pays for what later ones find done, so it counts apart.
    """

    model_id: ModelId
    requests: int = 0
    failures: int = 0
    cancelled: int = 0
    """Requests that were stopped; they are use, and say nothing of success."""
    loads: int = 0
    last_used_at: float | None = None
    time_to_first_token: float | None = None
    tokens_per_second: float | None = None
    load_seconds: float | None = None
    first_token: Average = Average()
    speed: Average = Average()
    load: Average = Average()
    after_load: Average = Average()
    """The time to first token of first requests."""
    by_hour: tuple[int, ...] = (0,) * 24
    """Requests by the hour of the day, local time."""
    by_weekday: tuple[int, ...] = (0,) * 7
    """Requests by the day of the week from Monday on, local time."""

    @property
    def success_rate(self) -> float | None:
        """The share of requests that ended well, 0 to 1; None before there is one to judge by."""
        judged = self.requests - self.cancelled
        return (judged - self.failures) / judged if judged > 0 else None


class RequestProfile(Frozen):
    """One request of a profiling run."""

    prompt_tokens: int
    time_to_first_token: float
    tokens_per_second: float
    token_seconds: tuple[float, ...]
    """The gap before each token after the first."""


class ProfileRun(Frozen):
    """A kept result: several requests of the same length, after a warm-up that isn't counted."""

    id: ProfileRunId
    model_id: ModelId
    model_name: str
    started_at: float
    """Seconds since the epoch."""
    context_length: int
    requests: tuple[RequestProfile, ...]

    @property
    def tokens_per_second(self) -> float:
        """The median over the run's requests."""
        return percentile([item.tokens_per_second for item in self.requests], 50)

    @property
    def time_to_first_token(self) -> float:
        """The median over the run's requests, in seconds."""
        return percentile([item.time_to_first_token for item in self.requests], 50)

    @property
    def token_seconds(self) -> list[float]:
        """Every gap between tokens, pooled over the requests."""
        return [gap for item in self.requests for gap in item.token_seconds]


class ProfileProgress(Frozen):
    """One step of a run under way, for live charts."""

    request: int
    """0 is the warm-up."""
    requests: int
    done: RequestProfile | None = None
    """Set when this step ends a counted request."""
    token_seconds: tuple[float, ...] = ()
    """Gaps that came since the last step, in seconds."""


def percentile(values: list[float], percent: float) -> float:
    """The percentile by linear interpolation between the two nearest ranks.

    Raises:
        ValueError: when there are no values.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    position = (len(ordered) - 1) * percent / 100
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def decayed(
    old: float | None, new: float, elapsed: float, half_life_days: float = HALF_LIFE_DAYS
) -> float:
    """The average after `new`, `elapsed` seconds after the last sample.

    Each sample weighs at least a tenth, so that a busy hour still moves the figure.
    """
    if old is None:
        return new
    weight = max(0.1, 1 - math.pow(0.5, elapsed / (half_life_days * DAY_SECONDS)))
    return old + weight * (new - old)


def with_request(
    metrics: ModelMetrics, stats: GenerationStats, now: float, *, first: bool = False
) -> ModelMetrics:
    """The metrics after one more request. A cancelled one counts as use, not as a failure.

    Args:
        metrics: those before it.
        stats: how it went.
        now: seconds since the epoch.
        first: whether it was the first one after a load.
    """
    used_at = metrics.last_used_at
    first_token = _from(metrics.first_token, metrics.time_to_first_token, used_at)
    speed = _from(metrics.speed, metrics.tokens_per_second, used_at)
    after_load = metrics.after_load
    if first:
        after_load = after_load.moved(stats.time_to_first_token, now)
    else:
        first_token = first_token.moved(stats.time_to_first_token, now)
    speed = speed.moved(stats.tokens_per_second, now)
    return with_use(metrics, stats.finish, now).model_copy(
        update={
            "first_token": first_token,
            "after_load": after_load,
            "speed": speed,
            "time_to_first_token": first_token.value,
            "tokens_per_second": speed.value,
        }
    )


def with_use(metrics: ModelMetrics, finish: FinishReason, now: float) -> ModelMetrics:
    """The metrics after a request that says nothing of how fast answers come.

    Args:
        metrics: those before it.
        finish: how it ended.
        now: seconds since the epoch.
    """
    local = time.localtime(now)
    return metrics.model_copy(
        update={
            "requests": metrics.requests + 1,
            "failures": metrics.failures + (finish is FinishReason.FAILED),
            "cancelled": metrics.cancelled + (finish is FinishReason.CANCELLED),
            "last_used_at": now,
            "by_hour": _counted(metrics.by_hour, local.tm_hour),
            "by_weekday": _counted(metrics.by_weekday, local.tm_wday),
        }
    )


def with_load(metrics: ModelMetrics, seconds: float, now: float) -> ModelMetrics:
    """The metrics after one more load to READY."""
    load = _from(metrics.load, metrics.load_seconds, metrics.last_used_at).moved(seconds, now)
    return metrics.model_copy(
        update={"loads": metrics.loads + 1, "load": load, "load_seconds": load.value}
    )


def busiest_hours(by_hour: Sequence[int], length: int = 2) -> tuple[int, int] | None:
    """The hours of the day that hold most uses, from the first up to before the last.

    Returns:
        The start and end, 0 to 23; None when there are no uses.
    """
    if not any(by_hour):
        return None
    hours = len(by_hour)

    def uses(start: int) -> int:
        return sum(by_hour[(start + step) % hours] for step in range(length))

    start = max(range(hours), key=uses)
    return start, (start + length) % hours


def _from(average: Average, value: float | None, at: float | None) -> Average:
    """An average that goes on from a figure which was kept without its samples."""
    return average if average.value is not None else Average(value=value, at=at)


def _counted(counts: tuple[int, ...], place: int) -> tuple[int, ...]:
    return (*counts[:place], counts[place] + 1, *counts[place + 1 :])
