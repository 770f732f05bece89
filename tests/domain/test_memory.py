"""What a model will take, and whether there is room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.load_settings import LoadSettings, RopeScaling
from app.domain.memory import (
    DEFAULT_CONTEXT,
    Fit,
    MemoryView,
    context_for,
    fit,
    room,
)
from app.domain.models import ModelId, ModelSpec

SIZES = st.integers(min_value=0, max_value=2**50)


def spec(**fields) -> ModelSpec:
    return ModelSpec(id=ModelId("local:1"), provider="local", name="tiny", **fields)


@pytest.mark.parametrize(
    ("trained", "wanted", "context"),
    [
        (None, None, DEFAULT_CONTEXT),
        (131_072, None, DEFAULT_CONTEXT),
        (2048, None, 2048),
        (2048, 512, 512),
        (2048, 8192, 2048),
        (131_072, 8192, 8192),
    ],
)
def test_that_the_context_is_what_is_wanted_within_what_was_trained(trained, wanted, context):
    settings = LoadSettings(context_length=wanted)
    assert context_for(spec(context_length=trained), settings) == context


@pytest.mark.parametrize(
    ("settings", "context"),
    [
        (LoadSettings(rope_scale=0.5), 4096),
        (LoadSettings(rope_scale=0.25, rope_scaling=RopeScaling.YARN), 8192),
        (LoadSettings(rope_scale=0.25, rope_scaling=RopeScaling.NONE), 2048),
        (LoadSettings(rope_scale=2.0), 2048),
        (LoadSettings(rope_scaling=RopeScaling.YARN), 2048),
    ],
)
def test_that_rope_scaling_stretches_what_was_trained(settings, context):
    wanted = settings.model_copy(update={"context_length": 100_000})
    assert context_for(spec(context_length=2048), wanted) == context


def test_that_room_is_bounded_by_the_budget_and_by_what_is_free():
    assert room(MemoryView(total=1000, available=1000), 0, 0) == 900
    assert room(MemoryView(total=1000, available=1000), 400, 0) == 500
    assert room(MemoryView(total=1000, available=300), 400, 0) == 300


def test_that_memory_promised_to_a_load_under_way_is_not_given_twice():
    assert room(MemoryView(total=1000, available=500), 300, 300) == 200


@given(total=SIZES, available=SIZES, charged=SIZES, arriving=SIZES)
def test_that_room_is_never_more_than_is_free(total, available, charged, arriving):
    found = room(MemoryView(total=total, available=available), charged, arriving)
    assert found <= available


@pytest.mark.parametrize(
    ("need", "verdict"),
    [
        (0, Fit.FITS),
        (80, Fit.FITS),
        (81, Fit.TIGHT),
        (100, Fit.TIGHT),
        (101, Fit.TOO_BIG),
    ],
)
def test_that_the_last_fifth_of_what_is_free_is_tight(need, verdict):
    assert fit(need, 100) is verdict
