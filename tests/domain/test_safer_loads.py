"""Each step down has less to go wrong than the one before, and there is a last one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.crashes import CrashCause
from app.domain.load_checks import check_settings
from app.domain.load_settings import Adapter, CacheType, LoadSettings
from app.domain.models import Capability, CapabilityFact, ModelId, ModelSpec
from app.domain.safer_loads import safer_load

SPEC = ModelSpec(id=ModelId("local:m"), provider="local", name="M", context_length=4096)
EMBEDDER = SPEC.model_copy(
    update={
        "capabilities": (
            CapabilityFact(capability=Capability.EMBEDDING, value=True, source="test"),
        )
    }
)

settings = st.builds(
    LoadSettings,
    context_length=st.none() | st.integers(1, 10**6),
    slots=st.none() | st.integers(1, 16),
    micro_batch=st.none() | st.integers(1, 4096),
    flash_attention=st.none() | st.booleans(),
    cache_type_k=st.none() | st.sampled_from(CacheType),
    cache_type_v=st.none() | st.sampled_from(CacheType),
    gpu_layers=st.none() | st.integers(0, 99),
    main_gpu=st.none() | st.integers(0, 3),
    tensor_split=st.sampled_from([(), (1.0, 2.0)]),
    mmap=st.none() | st.booleans(),
    mlock=st.booleans(),
    adapters=st.sampled_from([(), (Adapter(path="/a.gguf"),)]),
)


def accepted(chosen: LoadSettings) -> bool:
    plain_v = {None, CacheType.F32, CacheType.F16, CacheType.BF16}
    return chosen.flash_attention is not False or chosen.cache_type_v in plain_v


@given(settings.filter(accepted), st.sampled_from(CrashCause), st.sampled_from([SPEC, EMBEDDER]))
def test_that_the_steps_differ_can_be_loaded_and_come_to_an_end(chosen, cause, spec):
    seen = [chosen]
    while (safer := safer_load(spec, seen[-1], cause)) is not None:
        assert safer.words
        check_settings(spec, safer.settings, cores=2)
        assert safer.settings not in seen
        seen.append(safer.settings)
        assert len(seen) < 20


def test_that_a_lack_of_memory_asks_for_less_of_it_step_by_step():
    first = safer_load(SPEC, LoadSettings(seed=7), CrashCause.OUT_OF_MEMORY)
    assert first.settings == LoadSettings(context_length=2048, slots=1, micro_batch=128, seed=7)
    assert first.words == "with a context of 2,048, one conversation at a time, in smaller batches"
    second = safer_load(SPEC, first.settings, CrashCause.OUT_OF_MEMORY)
    assert second.settings.context_length == 1024
    assert second.words == "with a context of 1,024"


@pytest.mark.parametrize("cause", [CrashCause.ASSERTION, CrashCause.FAULT, CrashCause.UNKNOWN])
def test_that_a_fault_leaves_out_what_a_file_may_not_be_made_for(cause):
    bold = LoadSettings(
        cache_type_k=CacheType.Q8_0,
        cache_type_v=CacheType.Q4_0,
        adapters=(Adapter(path="/a.gguf"),),
        gpu_layers=20,
        main_gpu=1,
    )
    first = safer_load(SPEC, bold, cause)
    assert first.settings == LoadSettings(flash_attention=False, gpu_layers=0)
    second = safer_load(SPEC, first.settings, cause)
    assert (second.settings.slots, second.settings.mmap) == (1, False)
    assert safer_load(SPEC, second.settings, cause) is None


def test_that_a_file_that_can_not_be_mapped_is_read_once():
    first = safer_load(SPEC, LoadSettings(mlock=True), CrashCause.DISK)
    assert first.settings == LoadSettings(mmap=False)
    assert safer_load(SPEC, first.settings, CrashCause.DISK) is None


def test_that_a_processor_that_lacks_an_instruction_is_offered_nothing():
    assert safer_load(SPEC, LoadSettings(), CrashCause.ILLEGAL_INSTRUCTION) is None
