"""Arms that run in turn, each round of each in a fresh process."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.neighbour import neighbour

ROOT = Path(__file__).resolve().parents[2]
SETTLE_SECONDS = 0.5
"""How long a neighbour is at work before an arm starts."""


class ArmFailed(Exception):
    """An arm's process gave no result."""


@dataclass(frozen=True)
class Arm:
    """A function of one of these modules and what it is called with."""

    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    busy: bool = False
    """Whether a neighbour keeps one core busy meanwhile."""
    limit: float = 120
    """Seconds after which the process is ended."""

    def run(self) -> dict[str, Any]:
        """One round.

        Raises:
            ArmFailed: it ended without a result, or says itself that it has none.
        """
        command = [
            sys.executable, "-m", "tests.benchmarks.arm",
            self.target, json.dumps(self.arguments, default=str),
        ]  # fmt: skip
        with neighbour() if self.busy else nullcontext():
            time.sleep(SETTLE_SECONDS if self.busy else 0)
            try:
                ended = subprocess.run(
                    command,
                    check=False,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=self.limit,
                    cwd=ROOT,
                    env=environment(),
                )
            except subprocess.TimeoutExpired as error:
                raise ArmFailed(f"no result after {self.limit:g} s") from error
        if ended.returncode != 0 or not ended.stdout.strip():
            last = ended.stderr.strip().splitlines()[-1:] or [""]
            raise ArmFailed(f"ended with status {ended.returncode}: {last[0]}")
        result: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
        if reason := result.get("unable"):
            raise ArmFailed(str(reason))
        return result


@dataclass
class Outcome:
    """What the rounds of one arm gave."""

    results: list[dict[str, Any]] = field(default_factory=list)
    failure: str = ""
    """Why there is nothing to go by; the rounds before it don't count."""

    def figures(self, name: str) -> list[float]:
        """One figure of each round."""
        return [float(result[name]) for result in self.results]

    def samples(self, name: str) -> list[list[float]]:
        """The samples that each round took of one figure."""
        return [[float(sample) for sample in result[name]] for result in self.results]


def interleave(rounds: int, arms: Mapping[str, Arm]) -> dict[str, Outcome]:
    """Run A B A B; an arm that fails sits out the rest."""
    outcomes = {name: Outcome() for name in arms}
    for _ in range(rounds):
        for name, arm in arms.items():
            if outcomes[name].failure:
                continue
            try:
                outcomes[name].results.append(arm.run())
            except ArmFailed as error:
                outcomes[name].failure = str(error)
                print(f"  {name}: {error}", file=sys.stderr, flush=True)
    return outcomes


def why_not(outcomes: Sequence[Outcome]) -> str:
    """The first failure among arms that are compared; empty when all of them ran."""
    return next((outcome.failure for outcome in outcomes if outcome.failure), "")


def environment() -> dict[str, str]:
    """This process's own, without what would tune OpenMP for the bare arms."""
    tuned = ("GOMP_", "OMP_", "GGML_")
    return {name: value for name, value in os.environ.items() if not name.startswith(tuned)}
