"""Axis ranges and ticks that are easy to read and seldom move."""

import math

_ENDS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
SHRINK_BELOW = 0.4
"""A range shrinks only when its data fills less than this share, so that it doesn't flicker."""
HEAD = 1.08
"""Free space above the largest value."""


def ceiling(value: float, figures: tuple[float, ...] = _ENDS) -> float:
    """The next round figure at or above `value`; 1 for nothing.

    Args:
        value: what has to fit.
        figures: the leading figures that count as round, ending with 10.
    """
    if value <= 0 or not math.isfinite(value):
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(figure * unit for figure in figures if figure * unit >= value * (1 - 1e-9))


def stepped(current: float | None, largest: float) -> float:
    """The upper end of a zero-based axis for data up to `largest`.

    It stays at `current` while the data fits and fills a fair share of it.
    """
    wanted = ceiling(largest * HEAD)
    if current is None or largest > current or largest < current * SHRINK_BELOW:
        return wanted
    return current


def ticks(end: float, count: int = 4) -> list[float]:
    """Round positions from 0 to `end`, about `count` steps of them."""
    if end <= 0 or not math.isfinite(end):
        return [0.0]
    step = ceiling(end / count, _STEPS)
    return [step * index for index in range(int(end / step + 1e-9) + 1)]


def tick_text(value: float, step: float) -> str:
    """A tick's figure with as many decimals as its step needs."""
    decimals = next((n for n in range(6) if _is_whole(step * 10**n)), 6)
    return f"{value:,.{decimals}f}"


def _is_whole(value: float) -> bool:
    return value >= 1 and abs(value - round(value)) < 1e-6
