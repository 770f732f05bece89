"""How a model is loaded, in words."""

from app.domain.instances import InstanceState, InstanceView
from app.domain.load_settings import Adapter, CacheType, LoadSettings, RopeScaling
from app.domain.models import ModelId
from app.ui.viewmodels.load_words import next_load, threads, ways


def view(**changes):
    known = {"model_id": ModelId("local:a"), "generation": 1, "state": InstanceState.READY}
    return InstanceView(**known, **changes)


def test_that_threads_say_whether_they_are_fixed():
    assert threads(view(threads=2)) == "2 threads (automatic)"
    assert threads(view(threads=1, settings=LoadSettings(threads=1))) == "1 thread (fixed)"
    assert threads(view()) == ""


def test_that_only_what_somebody_chose_is_named():
    assert ways(LoadSettings()) == ""
    assert ways(LoadSettings(context_length=512, threads=1)) == ""
    kinds = LoadSettings(cache_type_k=CacheType.Q8_0, cache_type_v=CacheType.Q8_0)
    assert ways(kinds) == "K q8_0, V q8_0"
    everything = LoadSettings(
        slots=1,
        batch=1024,
        flash_attention=False,
        gpu_layers=0,
        tensor_split=(3.0, 0.5),
        mmap=False,
        mlock=True,
        rope_scaling=RopeScaling.YARN,
        rope_scale=0.25,
        adapters=(Adapter(path="/models/story.gguf", scale=0.5),),
    )
    assert ways(everything) == (
        "1 conversation side by side, 0 GPU layers, batch 1,024, RoPE yarn, RoPE scale 0.25, "
        "flash attention off, split 3:0.5, not mapped, locked in memory, story.gguf at 0.5"
    )


def test_that_the_next_load_names_everything():
    assert next_load(LoadSettings()) == "automatic"
    chosen = LoadSettings(context_length=8192, threads=2, seed=7)
    assert next_load(chosen) == "context 8,192, 2 threads, seed 7"
