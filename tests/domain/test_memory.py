"""What a model will take, and whether there is room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.load_settings import LoadSettings
from app.domain.memory import (
    DEFAULT_CONTEXT,
    DEFAULT_SLOTS,
    PROCESS_BYTES,
    Fit,
    MemoryView,
    cache_bytes,
    compute_bytes,
    context_for,
    fit,
    predict,
    room,
)
from app.domain.models import ModelId, ModelShape, ModelSpec

# A 1B llama: 16 layers with 8 key-value heads of 64 each.
SHAPE = ModelShape(
    block_count=16,
    embedding_length=2048,
    head_count=32,
    kv_heads=(8,) * 16,
    key_length=64,
    value_length=64,
    vocabulary=128_256,
)
SIZES = st.integers(min_value=0, max_value=2**50)


def spec(**fields) -> ModelSpec:
    return ModelSpec(id=ModelId("local:1"), provider="local", name="tiny", **fields)


def test_that_the_cache_is_what_the_engine_itself_reports():
    assert cache_bytes(SHAPE, 4096) == 128 * 1024**2


def test_that_a_layer_without_key_value_heads_costs_no_cache():
    hybrid = SHAPE.model_copy(update={"kv_heads": (8, 0) * 8})
    assert cache_bytes(hybrid, 4096) == cache_bytes(SHAPE, 4096) // 2


def test_that_the_cache_grows_by_whole_blocks_of_256():
    assert cache_bytes(SHAPE, 1) == cache_bytes(SHAPE, 256)
    assert cache_bytes(SHAPE, 257) == cache_bytes(SHAPE, 512)


@given(st.integers(min_value=1, max_value=2**20), st.integers(min_value=0, max_value=2**20))
def test_that_more_context_never_takes_less(context, more):
    small, large = (spec(size_bytes=10**9, shape=SHAPE) for _ in range(2))
    assert predict(small, LoadSettings(context_length=context)) <= predict(
        large, LoadSettings(context_length=context + more)
    )
    assert compute_bytes(SHAPE, context) > 0


def test_that_a_prediction_holds_weights_cache_buffers_and_the_process():
    weights = 10**9
    parts = weights + cache_bytes(SHAPE, 4096) + compute_bytes(SHAPE, 4096) + PROCESS_BYTES
    assert predict(spec(size_bytes=weights, shape=SHAPE), LoadSettings(slots=1)) == parts


def test_that_every_slot_has_a_cache_of_its_own():
    model = spec(size_bytes=10**9, shape=SHAPE)
    one, two, default = (predict(model, LoadSettings(slots=slots)) for slots in (1, 2, None))
    assert two - one == cache_bytes(SHAPE, 4096)
    assert default == predict(model, LoadSettings(slots=DEFAULT_SLOTS))


def test_that_a_model_of_unknown_shape_is_predicted_by_its_file():
    assert predict(spec(size_bytes=10**9), LoadSettings()) == 10**9 + PROCESS_BYTES


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
    assert context_for(spec(context_length=trained), wanted) == context


def test_that_room_is_bounded_by_the_budget_and_by_what_is_free():
    assert room(MemoryView(total=1000, available=1000), 0, 0) == 900
    assert room(MemoryView(total=1000, available=1000), 400, 0) == 500
    assert room(MemoryView(total=1000, available=300), 400, 0) == 300


def test_that_memory_promised_to_a_load_under_way_is_not_given_twice():
    assert room(MemoryView(total=1000, available=500), 300, 300) == 200


@given(total=SIZES, available=SIZES, charged=SIZES, arriving=SIZES)
def test_that_room_is_never_negative_nor_more_than_is_free(total, available, charged, arriving):
    found = room(MemoryView(total=total, available=available), charged, arriving)
    assert 0 <= found <= available


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
