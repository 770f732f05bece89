import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.benchmarks import __main__ as program
from tests.benchmarks import engine, families, notes
from tests.benchmarks.judging import Effort
from tests.benchmarks.rows import Bar, Part, Row
from tests.benchmarks.statistics import Estimate

BAR = Bar(2, "ms")


def row(name: str, value: float) -> Row:
    return Row(name, [Part("all", BAR, Estimate.exact(value))])


def broken(_: Effort) -> list[Row]:
    raise RuntimeError("no such thing")


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    made = SimpleNamespace(
        TITLE="Made up",
        FAMILIES=(
            families.Family(("late", "good"), lambda _: [row("Late", 1), row("Good", 1)]),
            families.Family(("bad",), lambda _: [row("Bad", 3)]),
            families.Family(("broken",), broken),
        ),
        ORDER=("good", "bad", "late", "broken"),
    )
    monkeypatch.setattr("importlib.import_module", lambda _: made)
    monkeypatch.setattr(notes, "NOTES", tmp_path / "RESULTS.md")
    return made


def test_that_the_last_line_is_json_with_the_rows_in_order(
    benchmark: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["engine", "--quick"]) == 1
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["benchmark"] == "engine"
    assert result["quick"] is True
    figures = [(row["figure"], row["value"], row["holds"]) for row in result["rows"]]
    assert figures[:3] == [("Good", 1, True), ("Bad", 3, False), ("Late", 1, True)]
    assert figures[3][1:] == (None, False)


def test_that_the_exit_status_is_0_when_every_bar_holds(
    benchmark: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["engine", "--rows", "[gl]*"]) == 0
    assert "quick" not in json.loads(capsys.readouterr().out)


def test_that_rows_that_nobody_knows_are_an_error(
    benchmark: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["engine", "--rows", "nothing"]) == 2
    assert "good" in capsys.readouterr().err


def test_that_a_failing_family_is_told_and_does_not_stop_the_others(
    benchmark: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    program.main(["engine"])
    assert "no such thing" in capsys.readouterr().err


def test_that_the_notes_are_written_anew_and_keep_other_benchmarks(
    benchmark: SimpleNamespace,
) -> None:
    notes.NOTES.write_text(notes.replace("", "other", "<!-- benchmark: other -->\nkept\n"))
    for _ in range(2):
        program.main(["engine", "--write", "--rows", "bad"])
    written = notes.NOTES.read_text()
    assert written.count("## Made up") == 1
    assert "kept" in written
    assert "| Bad | all | 3 | 3 to 3 | ≤ 2 ms |" in written
    assert "**no**" in written


def test_that_the_engines_rows_are_those_that_its_families_measure() -> None:
    measured = [name for family in engine.FAMILIES for name in family.names]
    assert sorted(measured) == sorted(engine.ORDER)
    assert len(set(engine.ORDER)) == 16
