"""Medians, ratios and their intervals, from rounds that ran in turn."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

T = TypeVar("T")

RESAMPLES = 2000
INTERVAL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure and the interval that the rounds leave it in."""

    value: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> "Estimate":
        """A figure that doesn't vary."""
        return cls(value, value, value)


def estimate(rounds: Sequence[float], figure: Callable[[Sequence[float]], float]) -> Estimate:
    """A figure of independent rounds, `median` for one, with its bootstrap interval."""
    return _bootstrap(list(rounds), figure)


def ratio(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """The ratio of two arms' medians.

    The rounds are drawn in pairs: what slowed the machine in one slowed both arms.
    """
    pairs = list(zip(above, below, strict=True))
    return _bootstrap(
        pairs, lambda drawn: median(a for a, _ in drawn) / median(b for _, b in drawn)
    )


def pooled(processes: Sequence[Sequence[float]], share: float) -> Estimate:
    """A percentile of all samples; whole processes are drawn, as samples of one are alike."""
    return _bootstrap(
        list(processes), lambda drawn: percentile([x for samples in drawn for x in samples], share)
    )


def against_itself(rounds: Sequence[float]) -> float | None:
    """How far one arm's odd rounds lie from its even ones, as a ratio; None below four rounds."""
    if len(rounds) < 4 or not all(rounds):
        return None
    return median(rounds[1::2]) / median(rounds[::2])


def percentile(samples: Sequence[float], share: float) -> float:
    """The value below which a share of the samples lies, interpolated."""
    ordered = sorted(samples)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _bootstrap(rounds: list[T], figure: Callable[[list[T]], float]) -> Estimate:
    generator = random.Random(1)
    drawn = [figure(generator.choices(rounds, k=len(rounds))) for _ in range(RESAMPLES)]
    edge = (1 - INTERVAL) / 2
    return Estimate(figure(rounds), percentile(drawn, edge), percentile(drawn, 1 - edge))
