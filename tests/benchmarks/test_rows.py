import json

import pytest

from tests.benchmarks.rows import Bar, Part, Row, rounded, unmeasured
from tests.benchmarks.statistics import Estimate

AT_LEAST = Bar(0.98, "ratio", at_least=True)
AT_MOST = Bar(50, "ms")


@pytest.mark.parametrize(
    ("bar", "low", "high", "holds"),
    [
        (AT_LEAST, 0.99, 1.01, True),
        (AT_LEAST, 0.96, 1.0, True),
        (AT_LEAST, 0.95, 0.99, False),
        (AT_LEAST, 0.95, 0.97, False),
        (AT_MOST, 40, 49, True),
        (AT_MOST, 40, 60, True),
        (AT_MOST, 45, 60, False),
        (AT_MOST, 51, 60, False),
    ],
)
def test_that_a_bar_is_missed_when_the_value_is_beyond_it_whatever_the_interval(
    bar: Bar, low: float, high: float, holds: bool
) -> None:
    assert Part("a", bar, Estimate((low + high) / 2, low, high)).holds is holds


def test_that_a_part_without_a_figure_does_not_hold() -> None:
    row = Row("stop", [unmeasured("a", AT_MOST, "no worker")])
    assert not row.holds
    written = row.as_json()
    assert (written["value"], written["bar"], written["holds"]) == (None, 50, False)
    assert written["parts"][0]["note"] == "no worker"


def test_that_the_part_that_misses_speaks_for_the_row() -> None:
    good = Part("good", AT_MOST, Estimate.exact(49))
    bad = Part("bad", Bar(100, "ms"), Estimate.exact(101))
    assert Row("stop", [good, bad]).deciding is bad
    assert not Row("stop", [good, bad]).holds


def test_that_the_part_nearest_to_its_bar_speaks_for_a_row_that_holds() -> None:
    near, far = (Part(str(value), AT_MOST, Estimate.exact(value)) for value in (49, 10))
    row = Row("stop", [far, near])
    assert row.holds
    assert row.deciding is near


def test_that_rows_are_json_with_the_fields_that_are_promised() -> None:
    row = Row("stop", [Part("a", AT_MOST, Estimate(12.3456, 1, 2), rounds=3)])
    written = json.loads(json.dumps(row.as_json()))
    assert {"figure", "value", "bar", "unit", "holds"} <= set(written)
    assert written["value"] == 12.35
    assert written["unit"] == "ms, at most"


def test_that_rounding_keeps_four_digits() -> None:
    assert rounded(12345.6) == 12350
    assert rounded(0.00123456) == 0.001235
