"""What answers cost, and a budget over it."""

from datetime import date

import pytest

from app.domain.generation import FinishReason, GenerationStats
from app.domain.models import ModelId
from app.domain.spending import (
    BudgetLevel,
    Price,
    SpendingEntry,
    after_request,
    budget_state,
    cost,
    would_cost,
)

PRICE = Price(input=2.0, output=10.0, cached=0.5, source="a test")
STATS = GenerationStats(
    finish=FinishReason.END,
    prompt_tokens=1000,
    cached_tokens=400,
    output_tokens=101,
    time_to_first_token=0.5,
    tokens_per_second=50.0,
)


def entry(day: str = "2026-11-23", **fields: object) -> SpendingEntry:
    return SpendingEntry(day=day, model_id=ModelId("a:m"), provider="a", **fields)


def test_that_cached_input_has_its_own_price() -> None:
    assert cost(PRICE, 1000, 400, 101) == 600 * 2 + 200 + 1010
    assert cost(PRICE.model_copy(update={"cached": None}), 1000, 400, 0) == 2000


def test_that_a_request_adds_to_its_day() -> None:
    after = after_request(
        after_request(entry(), STATS, PRICE, free=False), STATS, PRICE, free=False
    )
    assert (after.requests, after.input_tokens, after.cached_tokens) == (2, 2000, 800)
    assert after.output_tokens == 202
    assert after.seconds == pytest.approx(2 * 2.5)
    assert after.dollars == pytest.approx(2 * 0.00241)
    assert after.unpriced == 0


def test_that_what_nobody_knows_the_price_of_is_counted_apart() -> None:
    assert after_request(entry(), STATS, None, free=False).unpriced == 1
    own = after_request(entry(), STATS, None, free=True)
    assert (own.unpriced, own.micro_dollars) == (0, 0)


def test_that_local_work_has_a_price_elsewhere() -> None:
    worked = entry(input_tokens=1_000_000, cached_tokens=900_000, output_tokens=100_000)
    assert would_cost([worked], PRICE) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("limit", "level"),
    [
        (None, BudgetLevel.FREE),
        (10.0, BudgetLevel.WITHIN),
        (6.25, BudgetLevel.NEAR),
        (5.0, BudgetLevel.SPENT),
    ],
)
def test_that_a_budget_is_of_this_month_only(limit: float | None, level: BudgetLevel) -> None:
    entries = [
        entry("2026-11-01", micro_dollars=5_000_000),
        entry("2026-10-31", micro_dollars=10**9),
    ]
    state = budget_state(entries, date(2026, 11, 23), limit, stops=True)
    assert (state.level, state.spent) == (level, 5.0)
