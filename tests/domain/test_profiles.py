"""Averages that forget, and the figures of a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.generation import FinishReason, GenerationStats
from app.domain.models import ModelId
from app.domain.profiles import (
    DAY_SECONDS,
    HALF_LIFE_DAYS,
    RECENT,
    Average,
    ModelMetrics,
    ProfileRun,
    ProfileRunId,
    RequestProfile,
    busiest_hours,
    decayed,
    percentile,
    with_load,
    with_request,
)

HALF_LIFE_SECONDS = HALF_LIFE_DAYS * DAY_SECONDS
FIGURES = st.floats(min_value=-1e6, max_value=1e6)


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1.0), (25, 1.75), (50, 2.5), (95, 3.85), (100, 4.0)]
)
def test_that_a_percentile_lies_between_the_two_nearest_ranks(percent, value):
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == pytest.approx(value)


@given(st.lists(FIGURES, min_size=1), st.floats(min_value=0, max_value=100))
def test_that_a_percentile_lies_within_its_values(values, percent):
    found = percentile(values, percent)
    slack = 1e-9 * max(1.0, *map(abs, values))
    assert min(values) - slack <= found <= max(values) + slack


def test_that_no_values_have_no_percentile():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_that_the_first_sample_is_the_average():
    assert decayed(None, 7.0, 0.0) == 7.0


def test_that_a_sample_after_a_half_life_weighs_half():
    assert decayed(10.0, 20.0, HALF_LIFE_SECONDS) == pytest.approx(15.0)


def test_that_a_sample_at_once_still_weighs_a_tenth():
    assert decayed(10.0, 20.0, 0.0) == pytest.approx(11.0)


@given(FIGURES, FIGURES, st.floats(min_value=0, max_value=1e9))
def test_that_an_average_stays_between_what_it_was_and_the_sample(old, new, elapsed):
    found = decayed(old, new, elapsed)
    slack = 1e-9 * max(1.0, abs(old), abs(new))
    assert min(old, new) - slack <= found <= max(old, new) + slack


METRICS = ModelMetrics(model_id=ModelId("local:1"))


def stats(finish: FinishReason, first: float | None, speed: float | None) -> GenerationStats:
    return GenerationStats(finish=finish, time_to_first_token=first, tokens_per_second=speed)


def test_that_a_request_counts_and_moves_the_averages():
    once = with_request(METRICS, stats(FinishReason.END, 0.1, 100.0), now=50.0)
    assert once.requests == 1
    assert once.failures == 0
    assert once.last_used_at == 50.0
    assert (once.time_to_first_token, once.tokens_per_second) == (0.1, 100.0)
    twice = with_request(once, stats(FinishReason.END, 0.2, 200.0), 50.0 + HALF_LIFE_SECONDS)
    assert twice.requests == 2
    assert twice.tokens_per_second == pytest.approx(150.0)


def test_that_a_figure_which_was_not_measured_moves_nothing():
    once = with_request(METRICS, stats(FinishReason.END, 0.1, 100.0), now=50.0)
    again = with_request(once, stats(FinishReason.LENGTH, None, None), now=60.0)
    assert (again.time_to_first_token, again.tokens_per_second) == (0.1, 100.0)


@pytest.mark.parametrize("reason", list(FinishReason))
def test_that_only_a_failure_counts_as_one(reason):
    after = with_request(METRICS, stats(reason, None, None), now=1.0)
    assert after.requests == 1
    assert after.failures == (reason is FinishReason.FAILED)


def test_that_a_stopped_request_says_nothing_of_success():
    metrics = METRICS
    assert metrics.success_rate is None
    for finish in (FinishReason.CANCELLED, FinishReason.END, FinishReason.FAILED):
        metrics = with_request(metrics, stats(finish, None, None), now=1.0)
    assert (metrics.requests, metrics.cancelled, metrics.success_rate) == (3, 1, 0.5)


def test_that_the_first_request_after_a_load_is_kept_apart():
    once = with_request(METRICS, stats(FinishReason.END, 9.0, 100.0), now=1.0, first=True)
    assert once.after_load.value == 9.0
    assert once.time_to_first_token is None
    twice = with_request(once, stats(FinishReason.END, 0.1, 100.0), now=2.0)
    assert (twice.after_load.value, twice.time_to_first_token) == (9.0, 0.1)


def test_that_an_average_goes_on_from_a_figure_that_was_kept_without_samples():
    before = METRICS.model_copy(update={"tokens_per_second": 100.0, "last_used_at": 0.0})
    after = with_request(before, stats(FinishReason.END, None, 200.0), now=HALF_LIFE_SECONDS)
    assert after.tokens_per_second == pytest.approx(150.0)


def test_that_a_load_ages_by_the_time_since_the_last_one():
    once = with_load(METRICS, 1.0, now=0.0)
    twice = with_load(once, 3.0, now=HALF_LIFE_SECONDS)
    assert (twice.loads, twice.load_seconds) == (2, pytest.approx(2.0))


def test_that_percentiles_are_of_a_bounded_number_of_the_latest_samples():
    average = Average()
    for number in range(1000):
        average = average.moved(float(number), now=float(number))
    assert len(average.recent) == RECENT
    assert average.recent[-1] == 999
    assert average.percentile(50) == pytest.approx(967.5)


def test_that_the_slow_end_of_few_samples_is_not_told():
    average = Average().moved(1.0, now=0.0)
    assert (average.percentile(50), average.percentile(95)) == (1.0, None)
    assert Average().percentile(50) is None


def test_that_uses_are_counted_by_hour_and_weekday():
    metrics = METRICS
    for _ in range(3):
        metrics = with_request(metrics, stats(FinishReason.END, None, None), now=1_790_000_000.0)
    assert (sum(metrics.by_hour), sum(metrics.by_weekday)) == (3, 3)
    assert (max(metrics.by_hour), max(metrics.by_weekday)) == (3, 3)


def test_that_the_busiest_hours_may_lie_around_midnight():
    assert busiest_hours([0] * 24) is None
    assert busiest_hours([5, *[0] * 22, 4]) == (23, 1)


def test_that_a_run_is_told_by_its_medians_and_all_its_gaps():
    requests = tuple(
        RequestProfile(
            prompt_tokens=5,
            time_to_first_token=first,
            tokens_per_second=speed,
            token_seconds=(1 / speed,) * 2,
        )
        for first, speed in ((0.1, 100.0), (0.5, 10.0), (0.2, 50.0))
    )
    run = ProfileRun(
        id=ProfileRunId("r"),
        model_id=ModelId("local:1"),
        model_name="tiny",
        started_at=0,
        context_length=2048,
        requests=requests,
    )
    assert run.tokens_per_second == 50.0
    assert run.time_to_first_token == 0.2
    assert run.token_seconds == [0.01, 0.01, 0.1, 0.1, 0.02, 0.02]
