"""What a step computes, and where a prompt goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.worker.schedule import (
    CHUNK,
    EXPLORE_AGAIN,
    SHORTEST,
    Held,
    Pace,
    Step,
    Waiting,
    choose_slot,
    chunk_for,
    common_length,
    plan,
)

BATCH = 2048


def planned(*waiting: tuple[int, int, int]) -> Step:
    return plan([Waiting(*slot) for slot in waiting], batch=BATCH, micro_batch=512, chunk=CHUNK)


def test_that_streams_get_one_token_each_in_the_order_of_their_slots():
    assert planned((2, 1, 1), (0, 1, 3), (1, 1, 2)) == Step((0, 1, 2), None, 0)


def test_that_a_prompt_that_keeps_nobody_waiting_is_computed_whole():
    assert planned((0, 2000, 1)) == Step((), 0, 2000)
    assert planned((0, 5000, 1)) == Step((), 0, BATCH)


def test_that_a_prompt_beside_streams_is_computed_in_chunks():
    assert planned((0, 1, 1), (1, 2000, 2)) == Step((0,), 1, CHUNK)


def test_that_the_oldest_prompt_goes_first():
    assert planned((0, 300, 5), (1, 400, 4), (2, 500, 6)) == Step((), 1, 400)


def test_that_the_last_token_of_a_prompt_joins_the_streams():
    assert planned((0, 1, 1), (1, 1, 2)) == Step((0, 1), None, 0)


@given(
    st.lists(
        st.tuples(st.integers(1, 10_000), st.integers(1, 99)),
        min_size=1,
        max_size=8,
    )
)
def test_that_every_step_moves_something_and_never_more_than_there_is(slots):
    waiting = [Waiting(slot, tokens, arrival) for slot, (tokens, arrival) in enumerate(slots)]
    step = plan(waiting, batch=BATCH, micro_batch=512, chunk=CHUNK)
    assert step.streams or step.prompt is not None
    assert all(waiting[slot].tokens == 1 for slot in step.streams)
    if step.prompt is not None:
        assert 1 <= step.part <= waiting[step.prompt].tokens


def test_that_chunks_follow_the_measured_speed_within_bounds():
    assert chunk_for(None) == CHUNK
    assert chunk_for(100_000) == CHUNK
    assert chunk_for(200) == SHORTEST
    assert chunk_for(1) == SHORTEST


@given(st.integers(2, 10_000), st.sampled_from([SHORTEST, CHUNK]), st.booleans())
def test_that_a_prompt_leaves_no_few_tokens_for_its_end(tokens, chunk, beside_a_stream):
    parts, left = [], tokens
    stream = [Waiting(1, 1, 1)] if beside_a_stream else []
    while left > 1:
        prompt = Waiting(0, left, 2)
        parts.append(plan([prompt, *stream], batch=BATCH, micro_batch=512, chunk=chunk).part)
        left -= parts[-1]
    micro_batches = [min(512, part - at) for part in parts for at in range(0, part, 512)]
    assert sum(parts) == tokens
    if tokens >= SHORTEST:
        assert min(micro_batches) >= SHORTEST


def test_that_a_prompt_goes_where_its_beginning_is():
    free = [Held(0, 900, 0, 5), Held(1, 800, 700, 9), Held(2, 0, 0, 0)]
    assert choose_slot(free).slot == 1


def test_that_a_short_common_beginning_costs_no_other_conversation():
    free = [Held(0, 900, 50, 9), Held(1, 0, 0, 0)]
    assert choose_slot(free).slot == 1


def test_that_the_slot_used_least_recently_goes():
    assert choose_slot([Held(0, 9, 0, 5), Held(1, 9, 0, 3), Held(2, 9, 0, 4)]).slot == 1


@given(
    st.lists(st.integers(0, 1), max_size=12),
    st.lists(st.integers(0, 1), max_size=12),
)
def test_that_the_common_length_is_what_a_plain_search_finds(left, right):
    plain = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        plain += 1
    assert common_length(left, right) == plain


def run(pace: Pace, streams: int, steps: int, together: float, apart: float) -> list[bool]:
    chosen = []
    for _ in range(steps):
        batched = pace.batched(streams)
        pace.note(streams, batched, together if batched else apart)
        chosen.append(batched)
    return chosen


@pytest.mark.parametrize(("together", "apart"), [(1.0, 2.0), (2.0, 1.0)])
def test_that_streams_are_computed_the_faster_way_once_both_are_measured(together, apart):
    chosen = run(Pace(), 3, 200, together, apart)
    assert {True, False} == set(chosen[:4])
    assert set(chosen[4:]) == {together < apart}


def test_that_the_slower_way_gets_another_chance():
    pace = Pace()
    run(pace, 2, EXPLORE_AGAIN, together=1.0, apart=2.0)
    assert False in run(pace, 2, 10, together=2.0, apart=1.0)
    assert not any(run(pace, 2, 100, together=2.0, apart=1.0)[10:])


def test_that_numbers_of_streams_are_learned_apart():
    pace = Pace()
    run(pace, 2, 50, together=2.0, apart=1.0)
    assert not pace.batched(2)
    assert pace.batched(4)
