"""From what arms gave to the parts of a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.arms import Outcome, why_not
from tests.benchmarks.rows import Bar, Part, unmeasured
from tests.benchmarks.statistics import Estimate, against_itself, estimate, pooled, ratio


@dataclass(frozen=True)
class Effort:
    """How much a run may take."""

    rounds: int
    quick: bool = False

    def few(self, rounds: int = 3) -> int:
        """Rounds of what hardly varies."""
        return min(rounds, self.rounds)


def ratio_part(  # noqa: PLR0913 - a comparison has this many sides
    name: str,
    bar: Bar,
    above: Outcome,
    below: Outcome,
    figure: str,
    *,
    twin: Outcome | None = None,
    note: str = "",
) -> Part:
    """One arm's figure over another's.

    Args:
        name: what is compared, told apart from the row's other parts.
        bar: what the ratio is held against.
        above: the arm whose figure is divided.
        below: the arm to measure up to.
        figure: the result's key.
        twin: a second arm like `below`; without one its odd rounds face its even ones.
        note: a word on how it was measured.
    """
    if failure := why_not([above, below]):
        return unmeasured(name, bar, failure)
    ours, theirs = above.figures(figure), below.figures(figure)
    twins = twin.figures(figure) if twin is not None and not twin.failure else None
    return Part(
        name,
        bar,
        ratio(ours, theirs),
        rounds=len(ours),
        against_itself=median(twins) / median(theirs) if twins else against_itself(theirs),
        note="; ".join(filter(None, (f"{median(ours):.4g} / {median(theirs):.4g}", note))),
    )


def median_part(
    name: str, bar: Bar, outcome: Outcome, figure: str, *, scale: float = 1, note: str = ""
) -> Part:
    """The median of a figure that each round gives once; `scale` turns it into the bar's unit."""
    if outcome.failure:
        return unmeasured(name, bar, outcome.failure)
    values = [scale * value for value in outcome.figures(figure)]
    return Part(
        name,
        bar,
        estimate(values, median),
        rounds=len(values),
        against_itself=against_itself(values),
        note=note,
    )


def pooled_part(
    name: str, bar: Bar, outcome: Outcome, figure: str, share: float, *, scale: float = 1
) -> Part:
    """A percentile of the samples of all rounds."""
    if outcome.failure:
        return unmeasured(name, bar, outcome.failure)
    samples = [[scale * value for value in taken] for taken in outcome.samples(figure)]
    return Part(
        name,
        bar,
        pooled(samples, share),
        rounds=len(samples),
        against_itself=against_itself([median(taken) for taken in samples]),
        note=f"{sum(map(len, samples))} samples",
    )


def worst_part(name: str, bar: Bar, values: Sequence[float], note: str = "") -> Part:
    """The largest of figures that each stand for themselves."""
    return Part(name, bar, Estimate.exact(max(values)), rounds=len(values), note=note)
