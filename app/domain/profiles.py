"""Measured behaviour: averages of every use, and runs kept on purpose."""

import math
from typing import NewType

from app.domain.base import Frozen
from app.domain.generation import FinishReason, GenerationStats
from app.domain.models import ModelId

ProfileRunId = NewType("ProfileRunId", str)

HALF_LIFE_SECONDS = 3 * 24 * 3600
"""A figure three days old weighs half of one taken now."""


class ModelMetrics(Frozen):
    """Time-decayed averages over a model's ordinary use; durations in seconds."""

    model_id: ModelId
    requests: int = 0
    failures: int = 0
    last_used_at: float | None = None
    time_to_first_token: float | None = None
    tokens_per_second: float | None = None
    load_seconds: float | None = None


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


def decayed(old: float | None, new: float, elapsed: float) -> float:
    """The average after `new`, `elapsed` seconds after the last sample.

    Each sample weighs at least a tenth, so that a busy hour still moves the figure.
    """
    if old is None:
        return new
    weight = max(0.1, 1 - math.pow(0.5, elapsed / HALF_LIFE_SECONDS))
    return old + weight * (new - old)


def with_request(metrics: ModelMetrics, stats: GenerationStats, now: float) -> ModelMetrics:
    """The metrics after one more request. A cancelled one counts as use, not as a failure."""
    elapsed = now - metrics.last_used_at if metrics.last_used_at is not None else 0.0
    failed = stats.finish is FinishReason.FAILED
    first, speed = stats.time_to_first_token, stats.tokens_per_second
    return metrics.model_copy(
        update={
            "requests": metrics.requests + 1,
            "failures": metrics.failures + failed,
            "last_used_at": now,
            "time_to_first_token": metrics.time_to_first_token
            if first is None
            else decayed(metrics.time_to_first_token, first, elapsed),
            "tokens_per_second": metrics.tokens_per_second
            if speed is None
            else decayed(metrics.tokens_per_second, speed, elapsed),
        }
    )
