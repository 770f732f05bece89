"""The choice of how to switch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.models import ModelId
from app.domain.switching import SwitchMethod, plan_switch

NEW, OLD = ModelId("local:new"), ModelId("local:old")
SIZES = st.integers(min_value=0, max_value=1000)


@pytest.mark.parametrize(
    ("leaving", "need", "free", "freed", "method"),
    [
        (OLD, 0, 0, 0, SwitchMethod.READY),
        (None, 0, 0, 0, SwitchMethod.READY),
        (OLD, 50, 50, 30, SwitchMethod.OVERLAP),
        (None, 50, 50, 0, SwitchMethod.OVERLAP),
        (OLD, 51, 50, 1, SwitchMethod.DRAIN_FIRST),
        (OLD, 52, 50, 1, SwitchMethod.REFUSE),
        (None, 51, 50, 100, SwitchMethod.REFUSE),
    ],
)
def test_that_the_gentlest_way_that_memory_allows_is_chosen(leaving, need, free, freed, method):
    plan = plan_switch(NEW, leaving, need=need, free=free, freed_by_leaving=freed)
    assert plan.method is method
    assert (plan.target, plan.leaving, plan.need, plan.free) == (NEW, leaving, need, free)


GENTLENESS = list(SwitchMethod)


@given(need=SIZES, free=SIZES, more=SIZES, freed=SIZES, leaving=st.sampled_from([OLD, None]))
def test_that_more_memory_never_makes_a_switch_rougher(need, free, more, freed, leaving):
    before, after = (
        plan_switch(NEW, leaving, need=need, free=size, freed_by_leaving=freed).method
        for size in (free, free + more)
    )
    assert GENTLENESS.index(after) <= GENTLENESS.index(before)
