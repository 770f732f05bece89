"""What answers took: tokens, seconds and money, by model and day; and a budget over it."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from app.domain.base import Frozen
from app.domain.generation import GenerationStats
from app.domain.models import ModelId

PER_MILLION = 1_000_000
WARNING_SHARE = 0.8
"""Of the budget; from there on a person is warned."""


class Price(Frozen):
    """What a provider is thought to charge, in US dollars for a million tokens."""

    input: float
    output: float
    cached: float | None = None
    """Input that the provider had kept; None where it costs like any other."""
    source: str
    """Who says so, in words a person reads."""
    as_of: str = ""
    """When that was looked up, as far as it is known."""


class SpendingEntry(Frozen):
    """What one model took on one day."""

    day: str
    """ISO 8601, as the person's calendar has it."""
    model_id: ModelId
    provider: str
    """The account; "local" for files on this machine."""
    requests: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    """Those of the input's tokens that the provider had kept."""
    output_tokens: int = 0
    seconds: float = 0.0
    micro_dollars: int = 0
    """An estimate, in millionths of a US dollar."""
    unpriced: int = 0
    """Requests whose price nobody knows; they cost something all the same."""

    @property
    def dollars(self) -> float:
        """The estimate in US dollars."""
        return self.micro_dollars / PER_MILLION


class BudgetLevel(StrEnum):
    """How a month's spending stands."""

    FREE = "free"
    """There is no budget."""
    WITHIN = "within"
    NEAR = "near"
    SPENT = "spent"


class BudgetState(Frozen):
    """A month's spending against its budget, in US dollars."""

    level: BudgetLevel
    spent: float
    limit: float | None = None
    stops: bool = False
    """Whether requests that cost money are refused once it is spent."""


def cost(price: Price, input_tokens: int, cached_tokens: int, output_tokens: int) -> int:
    """The price of some tokens in millionths of a US dollar; cached ones are part of the input."""
    cached = price.input if price.cached is None else price.cached
    fresh = max(0, input_tokens - cached_tokens)
    return round(fresh * price.input + cached_tokens * cached + output_tokens * price.output)


def seconds_of(stats: GenerationStats) -> float:
    """How long an answer took, from the request to its last token."""
    speed, count = stats.tokens_per_second, stats.output_tokens
    return (stats.time_to_first_token or 0.0) + (max(0, count - 1) / speed if speed else 0.0)


def after_request(
    entry: SpendingEntry, stats: GenerationStats, price: Price | None, *, free: bool
) -> SpendingEntry:
    """An entry with one more request.

    Args:
        entry: the day's entry so far.
        stats: what the request took.
        price: what the provider charges, as far as that is known.
        free: it was served on this machine.
    """
    counts = stats.prompt_tokens, stats.cached_tokens, stats.output_tokens
    paid = cost(price, *counts) if price is not None and not free else 0
    return entry.model_copy(
        update={
            "requests": entry.requests + 1,
            "input_tokens": entry.input_tokens + stats.prompt_tokens,
            "cached_tokens": entry.cached_tokens + stats.cached_tokens,
            "output_tokens": entry.output_tokens + stats.output_tokens,
            "seconds": entry.seconds + seconds_of(stats),
            "micro_dollars": entry.micro_dollars + paid,
            "unpriced": entry.unpriced + (price is None and not free),
        }
    )


def would_cost(entries: Iterable[SpendingEntry], price: Price) -> float:
    """US dollars that the same work would have cost elsewhere, nothing of it being cached."""
    micro = sum(cost(price, item.input_tokens, 0, item.output_tokens) for item in entries)
    return micro / PER_MILLION


def budget_state(
    entries: Iterable[SpendingEntry], today: date, limit: float | None, *, stops: bool
) -> BudgetState:
    """How this month's spending stands."""
    month = today.isoformat()[:7]
    spent = sum(item.micro_dollars for item in entries if item.day.startswith(month)) / PER_MILLION
    if limit is None:
        return BudgetState(level=BudgetLevel.FREE, spent=spent)
    level = BudgetLevel.SPENT if spent >= limit else BudgetLevel.WITHIN
    if level is BudgetLevel.WITHIN and spent >= WARNING_SHARE * limit:
        level = BudgetLevel.NEAR
    return BudgetState(level=level, spent=spent, limit=limit, stops=stops)
