"""The pins, the README and the gate say the same."""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TEST_COMMAND = "python3 packaging/run.py --tests"


def pins() -> dict[str, str]:
    lines = (ROOT / "packaging" / "constraints.txt").read_text().splitlines()
    exact = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if line[:1] != "#"]
    assert None not in exact, "a line is no exact pin"
    return {canonicalize_name(match[1]): match[2] for match in exact if match}


def test_that_every_requirement_has_a_pin_that_satisfies_it() -> None:
    extras = PROJECT["optional-dependencies"].values()
    listed = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    pinned = pins()
    for requirement in map(Requirement, listed):
        pin = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pin), requirement


def test_that_what_they_require_in_turn_has_a_pin_too() -> None:
    pinned = pins()
    asked = list(map(Requirement, PROJECT["dependencies"]))
    seen: set[str] = set()
    while asked:
        requirement = asked.pop()
        name = canonicalize_name(requirement.name)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and name not in seen:
            seen.add(name)
            assert name in pinned
            asked += map(Requirement, requires(name) or ())


def test_that_the_gate_runs_the_readmes_test_command() -> None:
    readme = (ROOT / "README.md").read_text().splitlines()
    assert f"    {TEST_COMMAND}" in readme
    gate = (ROOT / ".ci" / "run").read_text().splitlines()
    assert gate[-1] == f'stage "tests" {TEST_COMMAND}'
