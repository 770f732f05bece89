from statistics import median

import pytest

from tests.benchmarks.statistics import against_itself, estimate, percentile, pooled, ratio


def test_that_a_ratio_is_of_medians_and_its_interval_holds_it() -> None:
    figure = ratio([2.0, 2.2, 2.1, 9.0, 2.0], [1.0, 1.1, 1.0, 1.0, 1.0])
    assert figure.value == pytest.approx(2.1)
    assert figure.low <= figure.value <= figure.high


def test_that_what_slows_both_arms_of_a_round_leaves_the_ratio_certain() -> None:
    slowed = [1.0, 0.5, 0.25, 0.8, 0.4, 0.9]
    figure = ratio([2 * speed for speed in slowed], slowed)
    assert figure.low == figure.high == pytest.approx(2)


def test_that_more_rounds_narrow_the_interval() -> None:
    few = estimate([1.0, 2.0, 3.0, 4.0], median)
    many = estimate([1.0, 2.0, 3.0, 4.0] * 20, median)
    assert many.high - many.low < few.high - few.low


def test_that_one_round_gives_a_figure_all_the_same() -> None:
    figure = estimate([3.0], median)
    assert (figure.low, figure.value, figure.high) == (3, 3, 3)


def test_that_a_pooled_percentile_counts_every_sample() -> None:
    assert pooled([[1.0, 2.0], [3.0, 4.0, 5.0]], 0.5).value == 3


def test_that_percentiles_lie_between_samples() -> None:
    assert percentile([1.0, 2.0], 0.9) == pytest.approx(1.9)
    assert percentile([4.0], 0.9) == 4


def test_that_an_arm_is_held_against_itself_once_there_are_rounds_enough() -> None:
    assert against_itself([1.0, 2.0, 3.0]) is None
    assert against_itself([1.0, 1.5, 1.0, 1.5]) == 1.5
