"""What can be done about a failure, and what is said of it meanwhile."""

from app.domain.error_reports import report_of
from app.domain.errors import WorkerCrashed
from app.ui.viewmodels.loaded import kept_series
from app.ui.viewmodels.ways_out import (
    ANYWAY_NOTE,
    LEAVE_DOWN,
    LOAD_ANYWAY,
    RETRY,
    far_beyond,
    of_restart,
    restarting,
    ways_out,
)


def test_that_a_model_that_starts_again_by_itself_has_no_other_remedy() -> None:
    report = report_of(WorkerCrashed("It crashed.", "Load it again."))
    assert of_restart(report, 29.2).remedy == "It starts again by itself in 30 s."
    assert of_restart(report).remedy == "It starts again by itself soon."
    assert of_restart(report).what == "It crashed."
    assert restarting(ways_out(safer=None, refused=False)).actions == (RETRY, LEAVE_DOWN)


def test_that_a_load_far_beyond_the_memory_says_what_to_expect() -> None:
    assert far_beyond(11 * 10**9, 10 * 10**9) == ""
    said = far_beyond(40 * 10**9, 10 * 10**9)
    assert "It needs about 40.0 GB, and this machine has 10.0 GB." in said
    offered = ways_out(safer=None, refused=True, beyond=said)
    assert offered.actions[0] == LOAD_ANYWAY
    assert offered.note == said
    assert ways_out(safer=None, refused=True).note == ANYWAY_NOTE


def test_that_a_model_keeps_its_colour_while_others_come_and_go() -> None:
    series = kept_series({}, ["a", "b", "c"])
    assert series == {"a": 0, "b": 1, "c": 2}
    series = kept_series(series, ["b", "c"])
    assert series == {"b": 1, "c": 2}
    assert kept_series(series, ["c", "d", "b"]) == {"c": 2, "b": 1, "d": 0}
