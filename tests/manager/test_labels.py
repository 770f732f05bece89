"""Columns of few values, and of too many for a byte."""

from app.manager.labels import Labels


def test_that_rows_are_found_by_their_value():
    labels = Labels(["local", "remote", "local"], [0, 1, 2, 1])
    marks = labels.marks(lambda value: value == "local")
    assert labels.marked(marks, 0, 4) == b"\1\0\1\0"
    assert labels.marked(marks, 1, 3) == b"\0\1"
    assert labels.every() == ["local", "remote", "local", "remote"]


def test_that_rows_that_come_as_bytes_are_the_same():
    values, rows = ["a", "b", "a"], [2, 1, 0, 1]
    assert Labels(values, bytes(rows)).every() == Labels(values, rows).every()


def test_that_more_values_than_a_byte_holds_are_told_apart():
    labels = Labels([str(number) for number in range(256)], range(256))
    labels.append("one more")
    labels[0] = "another"
    assert labels.every() == ["another", *map(str, range(1, 256)), "one more"]
    marks = labels.marks(lambda value: value in {"another", "255", "one more"})
    assert [row for row, one in enumerate(labels.marked(marks, 0, 257)) if one] == [0, 255, 256]
