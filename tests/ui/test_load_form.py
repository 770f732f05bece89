"""The draft of a model's load settings over the real manager."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from app.domain.errors import DoesNotFit, LoadStalled
from app.domain.instances import InstanceState
from app.domain.load_settings import Adapter, CacheType, LoadSettings, RopeScaling
from app.domain.memory import Fit
from app.domain.models import Capability, CapabilityFact, ModelShape
from app.ui.viewmodels.load_fields import FIELDS, TYPED, read, written
from app.ui.viewmodels.load_form import LoadForm
from tests.support.fakes import eventually, spec
from tests.ui.rig import rig

SHAPE = ModelShape(
    block_count=16,
    embedding_length=2048,
    head_count=32,
    kv_heads=(8,) * 16,
    key_length=64,
    value_length=64,
    vocabulary=32_000,
)
ALPHA, BETA = spec("alpha", shape=SHAPE), spec("beta")
EMBEDS = (CapabilityFact(capability=Capability.EMBEDDING, value=True, source="pooling"),)
EMBEDDING = spec("embedding", capabilities=EMBEDS)


@asynccontextmanager
async def form(*, model=ALPHA):
    async with rig(ALPHA, BETA, EMBEDDING) as r:
        made = LoadForm(r.manager, r.intents, model.id)
        made.ended = []
        made.done.connect(lambda: made.ended.append(True))
        yield r, made


def own(r):
    return r.manager.models.load_settings.own(ALPHA.id)


async def test_that_what_is_typed_is_kept_by_save_and_not_before(qtbot):
    async with form() as (r, made):
        assert not made.can_save()
        made.set("context_length", "1,024")
        made.set("rope_scale", "0.5")
        made.set("rope_scaling", RopeScaling.LINEAR)
        made.set("tensor_split", "3, 1")
        made.set("adapters", (("/lora.gguf", "0.7"), ("/other.gguf", "")))
        made.set("mlock", True)
        assert own(r) == LoadSettings()
        assert made.can_save()
        made.save()
        await eventually(lambda: made.ended)
        assert own(r) == LoadSettings(
            context_length=1024,
            rope_scale=0.5,
            rope_scaling=RopeScaling.LINEAR,
            tensor_split=(3.0, 1.0),
            adapters=(Adapter(path="/lora.gguf", scale=0.7), Adapter(path="/other.gguf")),
            mlock=True,
        )
        assert r.manager.models.instance(ALPHA.id) is None


async def test_that_the_form_shows_what_is_kept_and_reset_empties_it(qtbot):
    async with form() as (r, _):
        kept = LoadSettings(
            threads=1,
            rope_base=500_000.0,
            tensor_split=(3.0, 0.5),
            cache_type_k=CacheType.Q8_0,
            adapters=(Adapter(path="/a.gguf", scale=0.5),),
        )
        await r.manager.models.load_settings.save(ALPHA, kept)
        made = LoadForm(r.manager, r.intents, ALPHA.id)
        assert made.draft("threads") == "1"
        assert made.draft("rope_base") == "500000"
        assert made.draft("tensor_split") == "3, 0.5"
        assert made.draft("cache_type_k") is CacheType.Q8_0
        assert made.adapters() == (("/a.gguf", "0.5"),)
        assert not made.can_save()
        made.reset()
        assert made.adapters() == ()
        assert made.draft("threads") == ""
        made.save()
        await eventually(lambda: own(r) == LoadSettings())


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("threads", "many", "Threads must be a whole number."),
        ("threads", "1.5", "Threads must be a whole number."),
        ("threads", "9" * 5000, "Threads must be a whole number."),
        ("threads", "-1", "The number of threads can't be -1."),
        ("rope_base", "x", "Base frequency must be a number."),
        ("rope_scale", "nan", "The RoPE scale can't be nan."),
        ("tensor_split", "a, b", "Tensor split must be a number."),
        ("adapters", (("/a.gguf", "x"),), "The scale of an adapter must be a number."),
        ("seed", "99999999999", "The seed can't be 99,999,999,999."),
    ],
)
async def test_that_each_field_says_why_its_value_cannot_be_taken(qtbot, name, value, says):
    async with form() as (_, made):
        made.set("slots", "0")
        made.set(name, value)
        assert made.error(name).startswith(says)
        assert made.error(name).endswith(".")
        assert made.error("slots").startswith("The number of requests side by side can't be 0.")
        assert not made.can_save()
        assert not made.can_load()
        assert made.predicted() is None


async def test_that_a_conflict_is_told_where_it_can_be_mended(qtbot):
    async with form() as (_, made):
        made.set("cache_type_v", CacheType.Q8_0)
        assert not made.error("cache_type_v")
        made.set("flash_attention", False)
        assert "without flash attention" in made.error("cache_type_v")


async def test_that_empty_fields_say_what_is_in_force(qtbot):
    async with form() as (r, made):
        assert made.automatic(FIELDS["context_length"]) == "Automatic (4,096)"
        assert made.automatic(FIELDS["slots"]) == "Automatic (4)"
        assert made.automatic(FIELDS["cache_type_k"]) == "Automatic (F16)"
        assert made.automatic(FIELDS["threads"]) == "Automatic"
        assert made.automatic(FIELDS["seed"]) == "Automatic (new each time)"
        await r.load(ALPHA)
        assert made.automatic(FIELDS["threads"]) == "Automatic (2 now)"
        await r.manager.settings.set("threads", 1)
        assert made.automatic(FIELDS["threads"]) == "1 (for all models)"
        assert made.hint(FIELDS["context_length"]).endswith("trained for 4,096.")


async def test_that_the_predicted_memory_follows_what_is_typed(qtbot):
    async with form() as (r, made):
        before, fit = made.predicted()
        assert fit is Fit.FITS
        made.set("context_length", "512")
        after, _ = made.predicted()
        assert after < before
        r.ports.devices.total = after
        made.follow()
        assert made.predicted() == (after, Fit.TOO_BIG)


async def test_that_a_model_is_loaded_at_once_with_what_was_typed(qtbot):
    async with form() as (r, made):
        assert made.load_words() == "Load"
        made.set("context_length", "512")
        assert made.load_words() == "Save and load"
        made.save_and_load()
        assert made.busy()
        assert not made.can_load()
        await eventually(lambda: made.ended)
        assert r.ports.provider.settings == [LoadSettings(context_length=512)]
        assert r.manager.models.instance(ALPHA.id).context_length == 512


async def test_that_a_loaded_model_is_loaded_anew_and_stays_active(qtbot):
    async with form() as (r, made):
        await r.load(ALPHA)
        await r.load(BETA)
        assert r.manager.models.active() == ALPHA.id
        assert made.load_words() == "Reload"
        assert made.status() == "It is loaded like this, with 2 threads (automatic)."
        made.set("threads", "1")
        assert made.load_words() == "Save and reload"
        assert made.status().endswith("these take effect at the next load.")
        made.save_and_load()
        await eventually(lambda: made.ended)
        assert r.manager.models.instance(ALPHA.id).threads == 1
        assert r.manager.models.active() == ALPHA.id


async def test_that_a_reload_waits_for_the_answers_under_way(qtbot):
    async with form() as (r, made):
        await r.load(ALPHA)
        async with r.manager.models.lease(ALPHA.id, "test"):
            made.set("threads", "1")
            made.save_and_load()
            await eventually(lambda: made.status() == "alpha: finishing answers")
            assert made.busy()
        await eventually(lambda: made.ended)


async def test_that_a_failed_load_is_told_in_the_form_and_nowhere_else(qtbot):
    async with form() as (r, made):
        told = []
        r.intents.failed.connect(told.append)
        r.ports.provider.failures[ALPHA.id] = LoadStalled("It hung.", "Try it again.")
        made.save_and_load()
        await eventually(lambda: not made.busy())
        assert made.failure.what == "It hung."
        assert not made.ended
        assert told == []
        del r.ports.provider.failures[ALPHA.id]
        made.save_and_load()
        assert made.failure is None
        await eventually(lambda: made.ended)


async def test_that_a_failure_after_the_form_was_left_is_told_by_the_window(qtbot):
    async with form() as (r, made):
        told = []
        r.intents.failed.connect(told.append)
        r.ports.provider.go.clear()
        r.ports.provider.failures[ALPHA.id] = LoadStalled("It hung.", "Try it again.")
        made.save_and_load()
        await eventually(lambda: r.ports.provider.loads)
        made.leave()
        r.ports.provider.go.set()
        await eventually(lambda: told)
        assert told[0].what == "It hung."


async def test_that_what_does_not_fit_can_be_loaded_anyway(qtbot):
    async with form() as (r, made):
        r.ports.devices.total = 1000
        made.save_and_load()
        await eventually(lambda: made.failure is not None)
        assert made.failure.kind is DoesNotFit.kind
        await eventually(lambda: not made.busy())
        made.save_and_load(anyway=True)
        await eventually(lambda: made.ended)
        assert r.manager.models.instance(ALPHA.id).state is InstanceState.READY


async def test_that_a_model_stays_loaded_that_could_not_come_back_with_the_new_settings(qtbot):
    async with form() as (r, made):
        await r.load(ALPHA)
        loaded = r.manager.models.instance(ALPHA.id).generation
        r.ports.devices.total = 1000
        made.save_and_load()
        await eventually(lambda: made.failure is not None)
        assert made.failure.kind is DoesNotFit.kind
        view = r.manager.models.instance(ALPHA.id)
        assert (view.generation, view.state) == (loaded, InstanceState.READY)


async def test_that_nothing_is_loaded_twice(qtbot):
    async with form() as (r, made):
        r.ports.provider.go.clear()
        loading = asyncio.create_task(r.manager.models.load(ALPHA.id))
        await eventually(lambda: r.ports.provider.loads)
        assert not made.can_load()
        assert made.status() == "alpha: loading 25 %"
        r.ports.provider.go.set()
        await loading
        assert made.can_load()


async def test_that_a_build_for_the_processor_locks_the_gpu_but_lets_it_be_emptied(qtbot):
    async with form() as (r, made):
        assert not made.is_locked("gpu_layers")
        made.set("main_gpu", "1")
        r.ports.provider.offloads = False
        assert made.is_locked("gpu_layers")
        assert not made.is_locked("main_gpu")
        notes = {section.title: made.note(section) for section in made.sections()}
        assert notes.pop("GPU") == "This build of llama.cpp computes on the processor only."
        assert not any(notes.values())
        r.ports.provider.offloads = True
        assert not made.is_locked("gpu_layers")


async def test_that_only_fields_that_mean_something_are_shown(qtbot):
    async with form(model=EMBEDDING) as (r, made):
        fields = {field.name for section in made.sections() for field in section.fields}
        assert "pooling" in fields
        assert not fields & {"slots", "seed"}
        other = LoadForm(r.manager, r.intents, ALPHA.id)
        assert "Embeddings" not in [section.title for section in other.sections()]


def test_that_every_load_setting_has_a_field():
    assert set(FIELDS) == set(LoadSettings.model_fields)


@pytest.mark.parametrize("value", [7, 0.5, 10_000.0, 1e-7, 123456.789, 10_000_000.0])
def test_that_numbers_are_read_as_they_are_written(value):
    field = FIELDS["seed"] if isinstance(value, int) else FIELDS["rope_base"]
    assert field.kind in TYPED
    assert read(field, written(value)) == value
