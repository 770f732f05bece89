"""Rows selected as bytes."""

from app.manager.selections import both, either, runs, without


def test_that_selections_are_joined_row_by_row():
    one, other = b"\1\1\0\0", b"\1\0\1\0"
    assert both(one, other) == b"\1\0\0\0"
    assert either([one, other]) == b"\1\1\1\0"
    assert without(one, other) == b"\0\1\0\0"


def test_that_nothing_is_selected_by_none():
    assert either([]) == b""
    assert without(b"\1\0", b"") == b"\1\0"


def test_that_runs_of_ones_are_cut_where_they_are_long():
    assert list(runs(0b1110_0110, 2)) == [(1, 3), (5, 7), (7, 8)]
    assert list(runs(0, 2)) == []
