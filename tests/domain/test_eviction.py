"""Who leaves for whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.eviction import (
    COMPARED,
    NOTHING,
    Decision,
    Holding,
    Room,
    Verdict,
    Want,
    choose,
    decide,
    excess,
    shed,
    total,
)
from app.domain.models import ModelId

NOW = 1000.0


def holding(name: str, size: int = 10, used: float = 0.0, **more: object) -> Holding:
    return Holding(model_id=ModelId(name), size=size, used_at=used, **more)


def names(leaving) -> list[str]:
    return sorted(item.model_id for item in leaving)


@st.composite
def crowds(draw, most=COMPARED + 3):
    count = draw(st.integers(0, most))
    return [
        holding(
            f"m{number}",
            size=draw(st.integers(0, 50)),
            used=draw(st.floats(0, NOW)),
            ready=draw(st.booleans()),
            going=draw(st.booleans()),
            busy=draw(st.booleans()),
            kept=draw(st.booleans()),
            reload_seconds=draw(st.none() | st.floats(0, 100)),
        )
        for number in range(count)
    ]


@given(st.lists(st.floats(0, NOW - 1), min_size=1, max_size=COMPARED + 4, unique=True), st.data())
def test_that_equal_models_leave_in_the_order_of_their_last_use(times, data):
    models = [holding(str(at), used=at, reload_seconds=2.0) for at in times]
    count = data.draw(st.integers(1, len(times)))
    leaving = choose(models, Room(size=10 * count, places=0), NOW)
    assert sorted(item.used_at for item in leaving) == sorted(times)[:count]


def test_that_a_model_that_is_quickly_back_leaves_before_one_that_takes_long():
    slow = holding("slow", used=900.0, reload_seconds=60.0)
    quick = holding("quick", used=950.0, reload_seconds=2.0)
    assert names(choose([slow, quick], Room(size=5, places=0), NOW)) == ["quick"]


def test_that_one_small_model_leaves_where_it_is_enough():
    large = holding("large", size=40, used=0.0, reload_seconds=40.0)
    small = holding("small", size=10, used=0.0, reload_seconds=4.0)
    assert names(choose([large, small], Room(size=8, places=0), NOW)) == ["small"]
    assert names(choose([large, small], Room(size=11, places=0), NOW)) == ["large"]


@given(crowds(), st.integers(1, 200), st.integers(0, 5))
def test_that_those_who_leave_are_enough_and_none_of_them_too_many(crowd, size, places):
    lacking = Room(size=size, places=places)
    leaving = choose(crowd, lacking, NOW)
    if leaving is None:
        assert not total(crowd).holds(lacking)
        return
    assert total(leaving).holds(lacking)
    for item in leaving:
        assert not total(other for other in leaving if other is not item).holds(lacking)


@given(crowds(), st.integers(0, 300), st.integers(-20, 100), st.integers(-1, 3), st.booleans())
def test_that_nobody_leaves_who_is_kept_or_for_nothing(crowd, size, free, places, overdue):
    room = Room(size=free, places=places)
    decision = decide(Want(size=size, overdue=overdue), crowd, room, NOW)
    leaving = [item for item in crowd if item.model_id in decision.models]
    if decision.verdict is Verdict.EVICT:
        assert not any(item.kept or item.going or not item.ready for item in leaving)
        assert overdue or not any(item.busy for item in leaving)
        gone = [item for item in crowd if item.going]
        assert (room + total(gone) + total(leaving)).holds(Room(size=size, places=1))
    if decision.verdict is Verdict.LOAD:
        assert room.holds(Room(size=size, places=1))
    if decision.verdict is Verdict.REFUSE:
        assert decision == Decision(verdict=Verdict.REFUSE)


@pytest.mark.parametrize("overdue", [False, True])
def test_that_busy_models_leave_only_for_one_that_has_waited_its_time(overdue):
    decision = decide(
        Want(size=10, overdue=overdue), [holding("busy", busy=True)], Room(size=0, places=5), NOW
    )
    assert decision.verdict is (Verdict.EVICT if overdue else Verdict.WAIT)
    assert decision.models == ("busy",)
    assert decision.claims is overdue


def test_that_idle_models_stay_where_they_are_not_enough_and_all_are_refused_what_never_fits():
    crowd = [holding("idle"), holding("pinned", size=90, kept=True)]
    assert decide(Want(size=30), crowd, Room(size=5, places=5), NOW).verdict is Verdict.REFUSE
    crowd = [holding("idle"), holding("busy", size=90, busy=True)]
    decision = decide(Want(size=30), crowd, Room(size=5, places=5), NOW)
    assert (decision.verdict, decision.models) == (Verdict.WAIT, ("busy",))


def test_that_what_is_on_its_way_out_for_another_is_not_promised_twice():
    crowd = [holding("gone", size=10, going=True), holding("idle", size=10)]
    room = Room(size=0, places=5)
    first = decide(Want(size=10), crowd, room, NOW)
    assert (first.verdict, first.claims) == (Verdict.WAIT, True)
    second = decide(Want(size=10), crowd, room, NOW, claimed=Want(size=10).room)
    assert (second.verdict, second.models) == (Verdict.EVICT, ("idle",))


@given(crowds(), st.integers(0, 200), st.integers(0, 12))
def test_that_a_lowered_limit_sheds_idle_models_only_and_no_more_than_it_must(
    crowd, size, places
) -> None:
    allowed = Room(size=size, places=places)
    over = excess(crowd, allowed)
    leaving = shed(crowd, over, NOW) if over != NOTHING else ()
    by_id = {item.model_id: item for item in crowd}
    gone = [by_id[model_id] for model_id in leaving]
    assert all(i.ready and not (i.going or i.busy or i.kept) for i in gone)
    rest = [item for item in crowd if item not in gone]
    idle_left = [i for i in rest if i.ready and not (i.going or i.busy or i.kept)]
    assert excess(rest, allowed) == NOTHING or not idle_left
    for item in gone:
        if excess(rest, allowed) == NOTHING:
            assert excess([*rest, item], allowed) != NOTHING
