"""The life of an instance."""

import pytest

from app.domain.instances import (
    COMING,
    ENDED,
    NEXT_STATES,
    InstanceState,
    InstanceView,
)
from app.domain.models import ModelId


def reachable(state: InstanceState) -> set[InstanceState]:
    found = {state}
    waiting = [state]
    while waiting:
        new = NEXT_STATES[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def test_that_every_state_has_its_transitions_and_can_be_reached():
    assert set(NEXT_STATES) == set(InstanceState)
    assert reachable(InstanceState.QUEUED) == set(InstanceState)


@pytest.mark.parametrize("state", list(InstanceState))
def test_that_every_state_leads_to_an_end_and_an_end_leads_nowhere(state):
    assert reachable(state) & ENDED
    assert (not NEXT_STATES[state]) == (state in ENDED)


@pytest.mark.parametrize("state", list(InstanceState))
def test_that_no_instance_comes_back_to_a_state_it_left(state):
    assert all(state not in reachable(following) for following in NEXT_STATES[state])


@pytest.mark.parametrize("state", sorted(COMING))
def test_that_a_load_can_fail_at_every_step_and_otherwise_gets_there(state):
    assert InstanceState.FAILED in NEXT_STATES[state]
    assert InstanceState.READY in reachable(state)


@pytest.mark.parametrize("state", sorted(COMING - {InstanceState.RESERVING}))
def test_that_a_load_can_be_cancelled_wherever_it_waits(state):
    assert NEXT_STATES[state] & {InstanceState.STOPPED, InstanceState.STOPPING}


def view(state: InstanceState, predicted: int, measured: int | None) -> InstanceView:
    return InstanceView(
        model_id=ModelId("local:1"),
        generation=1,
        state=state,
        memory_predicted=predicted,
        memory_measured=measured,
    )


@pytest.mark.parametrize(
    ("predicted", "measured", "charged"), [(100, None, 100), (100, 80, 100), (100, 120, 120)]
)
def test_that_an_instance_is_charged_the_larger_of_promise_and_measure(
    predicted, measured, charged
):
    assert view(InstanceState.READY, predicted, measured).charged == charged


@pytest.mark.parametrize("state", list(InstanceState))
def test_that_memory_is_charged_until_the_end(state):
    assert view(state, 100, None).charged == (0 if state in ENDED else 100)
