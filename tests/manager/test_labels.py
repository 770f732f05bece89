"""Columns of few values, and of too many for a byte."""

from app.manager.labels import Labels


def every(labels):
    return [labels[row] for row in range(len(labels.numbers()))]


def test_that_rows_are_found_by_their_value():
    labels = Labels(["local", "remote", "local"], [0, 1, 2, 1])
    assert labels.values() == ["local", "remote"]
    assert labels.marked([True, False]) == b"\1\0\1\0"
    assert labels.marked([True, False], 1, 3) == b"\0\1"
    assert every(labels) == ["local", "remote", "local", "remote"]
    assert every(labels.picked([1, 0])) == ["remote", "local"]


def test_that_more_values_than_a_byte_holds_are_told_apart():
    labels = Labels([str(number) for number in range(256)], range(256))
    labels.append("one more")
    labels[0] = "another"
    assert every(labels) == ["another", *map(str, range(1, 256)), "one more"]
    wanted = {"another", "255", "one more"}
    marks = [value in wanted for value in labels.values()]
    assert [row for row, one in enumerate(labels.marked(marks)) if one] == [0, 255, 256]
