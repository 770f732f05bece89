"""Settings that a file or machine can't take are refused in a sentence."""

import math

import pytest

from app.domain.errors import SettingError
from app.domain.load_checks import check_settings, refusals
from app.domain.load_settings import Adapter, CacheType, LoadSettings
from app.domain.models import ModelId, ModelShape, ModelSpec

SHAPE = ModelShape(
    block_count=16,
    embedding_length=2048,
    head_count=32,
    kv_heads=(8,) * 16,
    key_length=80,
    value_length=64,
    vocabulary=32_000,
)
SPEC = ModelSpec(
    id=ModelId("local:1"), provider="local", name="Tiny", context_length=2**31, shape=SHAPE
)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (LoadSettings(threads=0), "threads can't be 0"),
        (LoadSettings(threads=10**6), "1,000,000"),
        (LoadSettings(context_length=0), "context length"),
        (LoadSettings(slots=17), "side by side"),
        (LoadSettings(batch=0), "batch size"),
        (LoadSettings(micro_batch=-1), "micro-batch"),
        (LoadSettings(seed=-1), "seed"),
        (LoadSettings(seed=2**32 - 1), "seed"),
        (LoadSettings(rope_base=math.nan), "RoPE base"),
        (LoadSettings(rope_scale=0.0), "RoPE scale"),
        (LoadSettings(tensor_split=(0.0, 0.0)), "tensor split"),
        (LoadSettings(adapters=(Adapter(path="a", scale=math.inf),)), "adapter"),
        (LoadSettings(context_length=2**29), "536,870,912 each"),
        (LoadSettings(cache_type_k=CacheType.Q8_0), "80 values"),
        (
            LoadSettings(cache_type_v=CacheType.Q4_0, flash_attention=False),
            "without flash attention",
        ),
    ],
)
def test_that_a_value_that_can_not_be_taken_is_named(settings, says):
    with pytest.raises(SettingError, match=says) as refused:
        check_settings(SPEC, settings, cores=2)
    assert refused.value.what.endswith(".")
    assert refused.value.remedy.endswith(".")


def test_that_every_refusal_names_its_setting():
    settings = LoadSettings(threads=0, rope_scale=-1.0, cache_type_k=CacheType.Q4_0)
    assert [name for name, _ in refusals(SPEC, settings, cores=2)] == [
        "threads",
        "rope_scale",
        "cache_type_k",
    ]


@pytest.mark.parametrize(
    "settings",
    [
        LoadSettings(),
        LoadSettings(threads=8, batch_threads=1, slots=16, gpu_layers=0),
        LoadSettings(cache_type_v=CacheType.Q8_0),
        LoadSettings(context_length=2**29, slots=1),
        LoadSettings(cache_type_k=CacheType.BF16, flash_attention=False),
    ],
)
def test_that_other_values_pass(settings):
    check_settings(SPEC, settings, cores=2)
