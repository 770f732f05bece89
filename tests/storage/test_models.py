"""Models, folders, aliases, metrics and the session, kept and read again."""

import logging
import random
import sqlite3
from contextlib import closing

from app.domain.load_settings import Adapter, CacheType, LoadSettings
from app.domain.memory_plans import MeasuredUse
from app.domain.models import (
    Alias,
    Capability,
    CapabilityFact,
    Folder,
    Lifecycle,
    ModelId,
    ModelShape,
    ModelSpec,
    ModelStatus,
    RemoteFacts,
)
from app.domain.profiles import ModelMetrics
from app.domain.switching import AliasChange, By
from app.storage.models import KEPT_CHANGES
from app.storage.stores import open_storage

SHAPE = ModelShape(
    block_count=2,
    embedding_length=64,
    head_count=4,
    kv_heads=(2, 0),
    key_length=16,
    value_length=16,
    vocabulary=300,
)


def spec(number: int = 1, **fields) -> ModelSpec:
    return ModelSpec(id=ModelId(f"local:{number:06}"), provider="local", name="tiny", **fields)


FULL = spec(
    2,
    status=ModelStatus.INVALID,
    reason="The file ends too early.",
    path="/models/Zoë 🐑/tiny-00001-of-00002.gguf",
    copies=("/other/tiny.gguf",),
    shards=2,
    size_bytes=500_000,
    modified_ns=1_790_000_000_123_456_789,
    architecture="llama",
    parameters=12_345,
    quantisation="Q4_K_M",
    context_length=2048,
    capabilities=(
        CapabilityFact(capability=Capability.CHAT, value=True, source="chat template in the file"),
        CapabilityFact(capability=Capability.EMBEDDING, value=False, source="no pooling"),
    ),
    shape=SHAPE,
)


async def kept(storage) -> tuple[ModelSpec, ...]:
    """Every spec, by id."""
    specs = (await storage.models.models()).specs()
    return tuple(sorted(specs, key=lambda item: item.id))


async def reopened(storage, path):
    await storage.aclose()
    return await open_storage(path)


async def test_that_specs_come_back_equal_after_reopening(tmp_path):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    await storage.models.save_models([spec(), FULL])
    storage = await reopened(storage, path)
    assert await kept(storage) == (spec(), FULL)
    await storage.aclose()


async def test_that_what_a_provider_says_of_its_models_comes_back(tmp_path):
    path = tmp_path / "state.db"
    facts = RemoteFacts(
        model="vendor/large:latest",
        source="the provider's list of models",
        context_source="the provider's documentation",
        max_output=8192,
        lifecycle=Lifecycle.DEPRECATED,
        retires_at="2027-01-31",
        features=("tools", "vision"),
        input_price=0.25,
        output_price=2.0,
    )
    large = ModelSpec(
        id=ModelId("openrouter:vendor/large:latest"),
        provider="openrouter",
        name="Large",
        context_length=None,
        capabilities=(CapabilityFact(capability=Capability.CHAT, value=True, source="its name"),),
        remote=facts,
    )
    bare = large.model_copy(
        update={
            "id": ModelId("ollama:tiny"),
            "provider": "ollama",
            "remote": RemoteFacts(model="tiny", source="the server's list of models"),
        }
    )
    storage = await open_storage(path)
    await storage.models.save_models([large, bare])
    storage = await reopened(storage, path)
    assert await kept(storage) == (bare, large)
    await storage.models.save_models([spec()])
    gone = large.model_copy(update={"status": ModelStatus.MISSING, "reason": "It is gone."})
    await storage.models.save_models([gone])
    storage = await reopened(storage, path)
    assert await kept(storage) == (spec(), bare, gone)
    await storage.aclose()


async def test_that_a_spec_saved_again_replaces_itself_in_its_place(tmp_path):
    storage = await open_storage(tmp_path / "state.db")
    await storage.models.save_models([spec(), FULL])
    changed = spec(path="/moved.gguf", shards=3)
    await storage.models.save_models([changed])
    assert await kept(storage) == (changed, FULL)
    await storage.aclose()


async def test_that_forgetting_models_ignores_unknown_ids(tmp_path):
    storage = await open_storage(tmp_path / "state.db")
    await storage.models.save_models([spec(), FULL])
    await storage.models.forget_models([FULL.id, ModelId("local:unknown")])
    assert await kept(storage) == (spec(),)
    await storage.aclose()


async def test_that_one_changed_model_costs_one_row(tmp_path):
    storage = await open_storage(tmp_path / "state.db")
    await storage.models.save_models([spec(number) for number in range(100)])
    before = await storage.database.read(lambda connection: connection.total_changes)
    await storage.models.save_models([spec(50, size_bytes=7)])
    after = await storage.database.read(lambda connection: connection.total_changes)
    assert after - before == 1
    await storage.aclose()


async def test_that_what_models_have_in_common_is_kept_once_and_goes_with_the_last(tmp_path):
    storage = await open_storage(tmp_path / "state.db")

    async def details() -> int:
        count = "SELECT count(*) FROM model_kinds"
        return await storage.database.read(lambda c: c.execute(count).fetchone()[0])

    alike = [FULL.model_copy(update={"id": ModelId(f"local:{n}")}) for n in range(50)]
    await storage.models.save_models([*alike, spec()])
    assert await details() == 2
    await storage.models.forget_models([item.id for item in alike[:-1]])
    assert await kept(storage) == (spec(), alike[-1])
    await storage.models.forget_models([alike[-1].id])
    assert await details() == 1
    await storage.aclose()


async def test_that_unreadable_models_are_logged_and_hide_no_others(tmp_path, caplog):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    await storage.models.save_models([spec(number) for number in range(5)])
    await storage.aclose()
    harm = {
        0: "UPDATE models SET kind = 7001 WHERE id = ?",
        1: "UPDATE models SET kind = 7002 WHERE id = ?",
        2: "UPDATE models SET kind = 7003 WHERE id = ?",
        3: "UPDATE models SET kind = 7004 WHERE id = ?",
    }
    broken = (
        (7001, "{"),
        (7002, "[]"),
        (7003, '{"provider": "local", "status": "transcended"}'),
        (7004, '{"provider": "local", "shape": {"block_count": "many"}}'),
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO model_kinds VALUES (?, ?)", broken)
        for number, change in harm.items():
            connection.execute(change, (spec(number).id,))
    storage = await open_storage(path)
    with caplog.at_level(logging.WARNING):
        assert await kept(storage) == (spec(4),)
    for number in harm:
        assert f"local:{number:06}" in caplog.text
    await storage.aclose()


async def test_that_a_text_with_broken_bytes_is_read_as_far_as_it_goes(tmp_path):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    await storage.models.save_models([spec(1), spec(2)])
    await storage.aclose()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE models SET name = CAST(x'74ff79' AS TEXT) WHERE id = 'local:000001'"
        )
    storage = await open_storage(path)
    assert [item.name for item in await kept(storage)] == ["t\ufffdy", "tiny"]
    await storage.aclose()


async def test_that_an_absurd_figure_in_a_file_keeps_no_model_from_being_saved(tmp_path):
    storage = await open_storage(tmp_path / "state.db")
    absurd = spec(1, context_length=2**64 - 1, parameters=2**80, size_bytes=2**64 - 1)
    await storage.models.save_models([absurd, spec(2)])
    first, second = await kept(storage)
    assert first == absurd.model_copy(update={"size_bytes": 2**63 - 1})
    assert second == spec(2)
    await storage.aclose()


async def test_that_a_large_library_comes_back_whole(tmp_path):
    path = tmp_path / "state.db"
    numbers = list(range(10_000))
    random.Random(7).shuffle(numbers)
    specs = [FULL.model_copy(update={"id": ModelId(f"local:{number}")}) for number in numbers]
    storage = await open_storage(path)
    await storage.models.save_models(specs)
    storage = await reopened(storage, path)
    in_order = sorted(specs, key=lambda item: item.id)
    assert await kept(storage) == tuple(in_order)
    await storage.aclose()


async def test_that_models_come_back_by_name_so_that_the_index_need_not_sort_them(tmp_path):
    path = tmp_path / "state.db"
    named = enumerate(("beta", "Alpha", "gamma", "ALPHA"))
    storage = await open_storage(path)
    await storage.models.save_models(
        [spec(number).model_copy(update={"name": name}) for number, name in named]
    )
    storage = await reopened(storage, path)
    names = [item.name for item in (await storage.models.models()).specs()]
    assert names == ["Alpha", "ALPHA", "beta", "gamma"]
    await storage.aclose()


async def test_that_folders_keep_the_order_in_which_they_were_added(tmp_path):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    for name in ("/z", "/a", "/m"):
        await storage.models.save_folder(Folder(path=name))
    await storage.models.save_folder(Folder(path="/z", present=False))
    await storage.models.forget_folder("/a")
    storage = await reopened(storage, path)
    assert await storage.models.folders() == (
        Folder(path="/z", present=False),
        Folder(path="/m"),
    )
    await storage.aclose()


async def test_that_an_alias_points_where_it_was_last_pointed(tmp_path):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    for name, target in (("active", "a"), ("embed", "b"), ("active", "c"), ("mine", "d")):
        await storage.models.change_alias(pointed(name, target))
    await storage.models.change_alias(pointed("mine", None))
    storage = await reopened(storage, path)
    assert await storage.models.aliases() == (
        Alias(name="active", model_id=ModelId("c")),
        Alias(name="embed", model_id=ModelId("b")),
    )
    await storage.aclose()


async def test_that_the_latest_changes_of_each_alias_are_kept(tmp_path):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    await storage.models.change_alias(pointed("mine", "first"))
    changes = [pointed("active", str(number)) for number in range(KEPT_CHANGES + 3)]
    for change in changes:
        await storage.models.change_alias(change)
    storage = await reopened(storage, path)
    kept = await storage.models.alias_history()
    assert kept == (*reversed(changes[3:]), pointed("mine", "first"))
    await storage.aclose()


def pointed(name: str, target: str | None) -> AliasChange:
    model_id = None if target is None else ModelId(target)
    return AliasChange(
        name=name, model_id=model_id, previous=None, at=1.5, by=By.PERSON, reason="x"
    )


async def test_that_metrics_are_replaced_and_outlive_their_model(tmp_path):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    await storage.models.save_models([spec()])
    await storage.models.save_metrics(ModelMetrics(model_id=spec().id))
    measured = ModelMetrics(
        model_id=spec().id,
        requests=3,
        failures=1,
        last_used_at=1_790_000_000.25,
        time_to_first_token=0.1,
        tokens_per_second=145.7,
        load_seconds=0.015,
    )
    await storage.models.save_metrics(measured)
    await storage.models.forget_models([spec().id])
    storage = await reopened(storage, path)
    assert await storage.models.metrics() == (measured,)
    await storage.aclose()


async def test_that_the_session_is_the_last_list_of_loaded_models(tmp_path):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    await storage.models.save_session([ModelId("a"), ModelId("b"), ModelId("c")])
    await storage.models.save_session([ModelId("c"), ModelId("a")])
    storage = await reopened(storage, path)
    assert await storage.models.session() == ("c", "a")
    await storage.models.save_session([])
    assert await storage.models.session() == ()
    await storage.aclose()


async def test_that_a_model_s_load_settings_are_kept(tmp_path):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    settings = LoadSettings(
        context_length=512,
        cache_type_k=CacheType.Q8_0,
        tensor_split=(0.5, 0.5),
        adapters=(Adapter(path="/models/style.gguf", scale=0.5),),
    )
    await storage.models.save_load_settings(ModelId("local:1"), LoadSettings(threads=3))
    await storage.models.save_load_settings(ModelId("local:1"), settings)
    storage = await reopened(storage, path)
    assert await storage.models.load_settings() == {ModelId("local:1"): settings}
    await storage.aclose()


async def test_that_measured_uses_are_replaced_by_footprint_and_kept(tmp_path):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    short, long = LoadSettings(context_length=512), LoadSettings(context_length=8192)
    for model, settings, size in (
        ("local:1", short, 100),
        ("local:1", long, 300),
        ("local:1", short, 200),
        ("local:2", short, 2**70),
    ):
        use = MeasuredUse(footprint=settings, size=size)
        await storage.models.save_measured_use(ModelId(model), use)
    storage = await reopened(storage, path)
    uses = await storage.models.measured_uses()
    assert set(uses[ModelId("local:1")]) == {
        MeasuredUse(footprint=short, size=200),
        MeasuredUse(footprint=long, size=300),
    }
    assert uses[ModelId("local:2")] == (MeasuredUse(footprint=short, size=2**63 - 1),)
    await storage.aclose()


async def test_that_pins_are_kept_and_forgotten(tmp_path):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    for model_id in ("a", "b", "a"):
        await storage.models.save_pin(ModelId(model_id))
    await storage.models.forget_pin(ModelId("b"))
    await storage.models.forget_pin(ModelId("unknown"))
    storage = await reopened(storage, path)
    assert await storage.models.pins() == {"a"}
    await storage.aclose()
