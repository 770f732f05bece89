"""What a model will take of memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.load_settings import Adapter, CacheType, LoadSettings
from app.domain.memory import DEFAULT_SLOTS
from app.domain.memory_plans import (
    PROCESS_BYTES,
    TOKEN_BYTES,
    MemoryLine,
    MemoryPart,
    MemoryPlan,
    PlanSource,
    cache_bytes,
    compute_bytes,
    footprint,
    formula,
    measured,
    predict,
)
from app.domain.models import Capability, CapabilityFact, ModelId, ModelShape, ModelSpec

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
WEIGHTS = 10**9
EMBEDS = CapabilityFact(capability=Capability.EMBEDDING, value=True, source="test")
SETTINGS = st.builds(
    LoadSettings,
    context_length=st.none() | st.integers(1, 2**20),
    slots=st.none() | st.integers(1, 16),
    micro_batch=st.none() | st.integers(1, 4096),
    flash_attention=st.sampled_from([None, True, False]),
    cache_type_k=st.none() | st.sampled_from(CacheType),
    gpu_layers=st.none() | st.integers(0, 40),
    tensor_split=st.sampled_from([(), (1.0,), (0.5, 0.0, 1.5)]),
)


def spec(**fields) -> ModelSpec:
    known = {"size_bytes": WEIGHTS, "shape": SHAPE, "context_length": 2**20} | fields
    return ModelSpec(id=ModelId("local:1"), provider="local", name="tiny", **known)


def part(settings: LoadSettings, wanted: MemoryPart, **fields) -> int:
    return formula(spec(**fields), settings).part(wanted)


def test_that_the_cache_is_what_the_engine_itself_reports():
    assert cache_bytes(SHAPE, 4096) == 128 * 1024**2


def test_that_a_layer_without_key_value_heads_costs_no_cache():
    hybrid = SHAPE.model_copy(update={"kv_heads": (8, 0) * 8})
    assert cache_bytes(hybrid, 4096) == cache_bytes(SHAPE, 4096) // 2


def test_that_the_cache_grows_by_whole_blocks_of_256():
    assert cache_bytes(SHAPE, 1) == cache_bytes(SHAPE, 256)
    assert cache_bytes(SHAPE, 257) == cache_bytes(SHAPE, 512)


def test_that_k_and_v_are_counted_in_their_own_types():
    plain = cache_bytes(SHAPE, 4096)
    assert cache_bytes(SHAPE, 4096, CacheType.F32, CacheType.F32) == 2 * plain
    assert cache_bytes(SHAPE, 4096, CacheType.Q8_0) == plain * (34 + 64) // 128
    assert cache_bytes(SHAPE, 4096, CacheType.Q8_0, CacheType.Q4_0) == plain * (34 + 18) // 128


@given(st.integers(min_value=1, max_value=2**20), st.integers(min_value=0, max_value=2**20))
def test_that_more_context_never_takes_less(context, more):
    assert predict(spec(), LoadSettings(context_length=context)) <= predict(
        spec(), LoadSettings(context_length=context + more)
    )
    assert compute_bytes(SHAPE, context) > 0


def test_that_a_prediction_holds_weights_cache_buffers_and_the_process():
    parts = WEIGHTS + cache_bytes(SHAPE, 4096) + compute_bytes(SHAPE, 4096, outputs=1)
    own = PROCESS_BYTES + TOKEN_BYTES * SHAPE.vocabulary
    assert predict(spec(), LoadSettings(slots=1)) == parts + own


def test_that_every_slot_has_a_cache_of_its_own():
    one, two, default = (
        part(LoadSettings(slots=slots), MemoryPart.CACHE) for slots in (1, 2, None)
    )
    assert two == 2 * one == 2 * cache_bytes(SHAPE, 4096)
    assert default == DEFAULT_SLOTS * one


def test_that_a_model_for_embeddings_has_one_slot_and_computes_a_whole_text_at_once():
    embeds = {"capabilities": (EMBEDS,)}
    assert part(LoadSettings(), MemoryPart.CACHE, **embeds) == cache_bytes(SHAPE, 4096)
    assert part(LoadSettings(), MemoryPart.COMPUTE, **embeds) == compute_bytes(
        SHAPE, 4096, 2048, outputs=0
    )


def test_that_scores_lie_in_memory_without_flash_attention_and_grow_with_the_micro_batch():
    plain, without, wide = (
        part(LoadSettings(**changes), MemoryPart.COMPUTE)
        for changes in ({}, {"flash_attention": False}, {"micro_batch": 2048})
    )
    assert without - plain >= 4 * 4096 * 512 * SHAPE.head_count
    assert 2 * plain < wide


def test_that_a_micro_batch_is_no_longer_than_the_batch_or_the_context():
    short, narrow = (
        part(LoadSettings(context_length=256, **changes), MemoryPart.COMPUTE)
        for changes in ({}, {"micro_batch": 4096, "batch": 256})
    )
    assert short == narrow == compute_bytes(SHAPE, 256, 256)


def test_that_weights_laid_out_anew_count_beside_the_mapped_file_only():
    twice = {"shape": SHAPE.model_copy(update={"repacked_bytes": 1000})}
    assert part(LoadSettings(), MemoryPart.WEIGHTS, **twice) == WEIGHTS + 1000
    assert part(LoadSettings(mmap=False), MemoryPart.WEIGHTS, **twice) == WEIGHTS


def test_that_a_model_of_unknown_shape_is_predicted_by_its_file():
    assert predict(spec(shape=None), LoadSettings()) == WEIGHTS + PROCESS_BYTES


def test_that_gpu_layers_take_their_share_off_the_host():
    plan = formula(spec(), LoadSettings(gpu_layers=17, tensor_split=(1.0, 3.0)))
    assert plan.part(MemoryPart.WEIGHTS) == plan.part(MemoryPart.CACHE) == 0
    first, second = plan.devices()["GPU 0"], plan.devices()["GPU 1"]
    scratch = plan.part(MemoryPart.COMPUTE)
    moved = WEIGHTS + DEFAULT_SLOTS * cache_bytes(SHAPE, 4096)
    assert (first, second) == (moved // 4 + scratch, moved * 3 // 4 + scratch)
    half = formula(spec(), LoadSettings(gpu_layers=8, main_gpu=1))
    assert half.part(MemoryPart.WEIGHTS) == WEIGHTS - int(WEIGHTS * 8 / 17)
    assert set(half.devices()) == {"GPU 1"}


@given(SETTINGS)
def test_that_a_prediction_is_the_whole_of_the_plan_s_lines_on_the_host(settings):
    plan = formula(spec(), settings)
    assert plan.host == predict(spec(), settings) == sum(map(plan.part, MemoryPart))


def test_that_what_was_seen_counts_with_the_scratch_that_a_longer_prompt_may_touch():
    lines = (
        MemoryLine(part=MemoryPart.WEIGHTS, size=600),
        MemoryLine(part=MemoryPart.COMPUTE, size=100),
        MemoryLine(part=MemoryPart.PROCESS, size=300),
    )
    estimate = MemoryPlan(source=PlanSource.DRY_RUN, lines=lines)
    # Pages of the file were dropped; a short prompt; a long one; more than was thought.
    hosts = [measured(estimate, seen).host for seen in (200, 800, 950, 1300)]
    assert hosts == [700, 900, 1000, 1300]
    assert measured(estimate, 800).source is PlanSource.MEASURED


@pytest.mark.parametrize(
    ("settings", "alike"),
    [
        (LoadSettings(), True),
        (LoadSettings(threads=3, batch_threads=2, seed=1), True),
        (LoadSettings(context_length=4096, slots=4, mmap=True), True),
        (LoadSettings(cache_type_k=CacheType.F16), True),
        (LoadSettings(context_length=2048), False),
        (LoadSettings(cache_type_v=CacheType.Q8_0), False),
        (LoadSettings(mmap=False), False),
        (LoadSettings(adapters=(Adapter(path="/style.gguf"),)), False),
    ],
)
def test_that_settings_share_a_footprint_when_they_take_the_same_memory(settings, alike):
    same = footprint(spec(), settings) == footprint(spec(), LoadSettings())
    assert same is alike
