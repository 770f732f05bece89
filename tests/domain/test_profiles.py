"""Averages that forget, and the figures of a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.generation import FinishReason, GenerationStats
from app.domain.models import ModelId
from app.domain.profiles import (
    HALF_LIFE_SECONDS,
    ModelMetrics,
    ProfileRun,
    ProfileRunId,
    RequestProfile,
    decayed,
    percentile,
    with_request,
)

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
