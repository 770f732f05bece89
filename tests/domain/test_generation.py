"""The figures of a request."""

import pytest

from app.domain.generation import FinishReason, measure

SECOND = 1_000_000_000


def figures(submitted: float, *stamps: float):
    stamps_ns = tuple(int(stamp * SECOND) for stamp in stamps)
    return measure(int(submitted * SECOND), stamps_ns, finish=FinishReason.END, prompt_tokens=5)


def test_that_speed_leaves_out_the_wait_for_the_first_token():
    stats = figures(1.0, 3.0, 3.5, 4.0, 4.5, 5.0)
    assert stats.time_to_first_token == 2.0
    assert stats.tokens_per_second == 2.0
    assert stats.output_tokens == 5
    assert stats.prompt_tokens == 5
    assert stats.finish is FinishReason.END


def test_that_one_token_has_a_wait_and_no_speed():
    stats = figures(1.0, 1.25)
    assert stats.time_to_first_token == 0.25
    assert stats.tokens_per_second is None


def test_that_no_token_has_no_figures():
    stats = figures(1.0)
    assert stats.output_tokens == 0
    assert stats.time_to_first_token is None
    assert stats.tokens_per_second is None


def test_that_tokens_which_came_at_once_have_no_infinite_speed():
    assert figures(1.0, 2.0, 2.0, 2.0).tokens_per_second is None


@pytest.mark.parametrize("reason", list(FinishReason))
def test_that_the_reason_of_the_end_is_kept(reason):
    assert measure(0, (1, 2), finish=reason, prompt_tokens=0).finish is reason
