"""Chains of causes, and what events are about."""

from app.domain.activity import Topic, chains, models_of, topics_of
from app.domain.error_reports import report_of
from app.domain.errors import LoadStalled
from app.domain.events import (
    LoadFailed,
    ModelEvicted,
    ModelSwitched,
    NoticeRaised,
    Published,
    SettingChanged,
)
from app.domain.models import ModelId

A, B = ModelId("local:a"), ModelId("local:b")


def told(seq, cause=None):
    return Published(seq=seq, at=float(seq), event=SettingChanged(key=str(seq)), cause=cause)


def shape(found):
    return [[(item.seq, depth) for item, depth in chain.events] for chain in found]


def test_that_an_event_stands_under_its_cause_and_the_latest_chain_first() -> None:
    log = [told(1), told(2), told(3, cause=1), told(4, cause=3), told(5, cause=1)]
    assert shape(chains(log)) == [[(1, 0), (3, 1), (4, 2), (5, 1)], [(2, 0)]]


def test_that_what_a_gesture_led_to_is_one_chain() -> None:
    log = [told(1, cause="load a #1"), told(2), told(3, cause="load a #1"), told(4, cause=1)]
    first, second = chains(log)
    assert first.cause == "load a #1"
    assert shape([first, second]) == [[(1, 0), (4, 1), (3, 0)], [(2, 0)]]


def test_that_effects_of_what_is_not_kept_any_more_stay_together() -> None:
    found = chains([told(7, cause=2), told(8), told(9, cause=2)])
    assert shape(found) == [[(7, 0), (9, 0)], [(8, 0)]]
    assert found[0].cause == 2


def test_that_an_event_without_a_cause_is_apart_from_effects_of_an_equal_number() -> None:
    assert shape(chains([told(3), told(9, cause=-3)])) != []
    assert len(chains([told(1), told(2, cause=1), told(3)])) == 2


def test_that_an_error_is_found_under_its_subject_and_under_errors() -> None:
    report = report_of(LoadStalled("It hung.", "Try again."))
    failed = LoadFailed(model_id=A, error=report)
    assert topics_of(failed) == {Topic.MODELS, Topic.ERRORS}
    assert topics_of(NoticeRaised(report=report)) == {Topic.ERRORS}
    assert topics_of(SettingChanged(key="theme")) == {Topic.PROGRAM}


def test_that_an_event_is_about_every_model_that_it_names() -> None:
    assert models_of(ModelEvicted(model_id=A, reason="r", for_model=B)) == (A, B)
    switched = ModelSwitched(name="active", model_id=A, previous=B, gap_seconds=0)
    assert models_of(switched) == (A, B)
    assert models_of(SettingChanged(key="theme")) == ()
