"""Everything the manager counts, as one value."""

from collections import Counter
from collections.abc import Mapping, Sequence

from app.domain.base import Frozen
from app.domain.models import ModelId
from app.domain.profiles import ModelMetrics


class Statistics(Frozen):
    """The figures since the state was made; durations in seconds."""

    registered: int
    by_provider: dict[str, int]
    by_status: dict[str, int]
    loaded: int
    inferences: int
    by_model: dict[ModelId, int]
    """Inferences of each model that was used."""
    time_to_first_token: float | None
    """Averaged over models by their inferences; None before the first one."""
    tokens_per_second: float | None
    success_rate: float | None
    """0 to 1; stopped and refused requests aside."""
    by_hour: tuple[int, ...]
    """Inferences by the hour of the day, local time."""
    by_weekday: tuple[int, ...]
    """Inferences by the day of the week from Monday on, local time."""
    last_used_at: float | None
    loads: int
    failed_loads: int
    switches: int
    evictions: int
    crashes: int


def statistics_of(
    kinds: tuple[Sequence[str], Sequence[str]],
    loaded: int,
    metrics: Sequence[ModelMetrics],
    counters: Mapping[str, int],
) -> Statistics:
    """Put together what is known.

    Args:
        kinds: the provider and the status of every model.
        loaded: how many models are loaded.
        metrics: those of every model that was used.
        counters: how often things happened, by the names of the fields.
    """
    requests = sum(item.requests for item in metrics)
    judged = requests - sum(item.cancelled for item in metrics)
    failures = sum(item.failures for item in metrics)
    used = [item.last_used_at for item in metrics if item.last_used_at is not None]
    providers, statuses = kinds
    return Statistics(
        registered=len(providers),
        by_provider=dict(Counter(providers)),
        by_status=dict(Counter(map(str, statuses))),
        loaded=loaded,
        inferences=requests,
        by_model={item.model_id: item.requests for item in metrics if item.requests},
        time_to_first_token=_mean([(m.time_to_first_token, m.requests) for m in metrics]),
        tokens_per_second=_mean([(m.tokens_per_second, m.requests) for m in metrics]),
        success_rate=(judged - failures) / judged if judged else None,
        by_hour=_summed([item.by_hour for item in metrics], 24),
        by_weekday=_summed([item.by_weekday for item in metrics], 7),
        last_used_at=max(used, default=None),
        loads=counters.get("loads", 0),
        failed_loads=counters.get("failed_loads", 0),
        switches=counters.get("switches", 0),
        evictions=counters.get("evictions", 0),
        crashes=counters.get("crashes", 0),
    )


def _mean(weighted: Sequence[tuple[float | None, int]]) -> float | None:
    known = [(value, weight) for value, weight in weighted if value is not None]
    total = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / total if total else None


def _summed(counts: Sequence[tuple[int, ...]], length: int) -> tuple[int, ...]:
    return tuple(sum(column) for column in zip(*counts, strict=True)) if counts else (0,) * length
