from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.benchmarks.arms import Arm, ArmFailed, interleave
from tests.benchmarks.neighbour import neighbour

HERE = "tests.benchmarks.probes"


def test_that_an_arm_runs_in_a_process_of_its_own() -> None:
    first, second = (Arm(f"{HERE}:pid").run()["pid"] for _ in range(2))
    assert first != second


def test_that_a_coroutine_runs_on_the_apps_loop() -> None:
    assert Arm(f"{HERE}:loop").run() == {"qt": True}


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        ("unable", {}, "not today"),
        ("failing", {}, "ZeroDivisionError"),
        ("ending", {"status": 7}, "status 7"),
    ],
)
def test_that_an_arm_without_a_result_says_why(
    function: str, arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ArmFailed, match=reason):
        Arm(f"{HERE}:{function}", arguments).run()


def test_that_an_arm_that_hangs_is_ended() -> None:
    with pytest.raises(ArmFailed, match="no result"):
        Arm(f"{HERE}:hanging", limit=1).run()


def test_that_arms_take_turns_and_one_that_fails_sits_out(tmp_path: Path) -> None:
    log = tmp_path / "turns"

    def arm(name: str, fail: bool = False) -> Arm:
        return Arm(f"{HERE}:turn", {"log": str(log), "name": name, "fail": fail})

    outcomes = interleave(2, {"A": arm("A"), "B": arm("B"), "C": arm("C", fail=True)})
    assert log.read_text() == "ABCAB"
    assert outcomes["A"].figures("value") == [1, 1]
    assert not outcomes["B"].failure
    assert "turn" in outcomes["C"].failure


def test_that_openmp_is_untuned_for_arms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "1000")
    assert Arm(f"{HERE}:tuned").run() == {"tuned": []}


def test_that_a_neighbour_has_a_session_of_its_own_and_leaves() -> None:
    own = psutil.Process()
    with neighbour():
        (spinning,) = (child for child in own.children() if "parent" in " ".join(child.cmdline()))
        assert Arm(f"{HERE}:session", {"pid": spinning.pid}).run()["session"] == spinning.pid
    assert not spinning.is_running()
