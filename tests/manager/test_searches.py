from dataclasses import replace

import pytest

from app.domain.errors import SettingError
from app.domain.load_settings import LoadSettings
from app.domain.models import Capability, CapabilityFact, ModelOrder, ModelShape, ModelStatus
from app.domain.query_language import Field
from app.manager.searches import NEED
from tests.support.fakes import GIGABYTE, fake_ports, spec

TOOLS = CapabilityFact(capability=Capability.TOOLS, value=True, source="x")
SHAPE = ModelShape(
    block_count=4,
    embedding_length=64,
    head_count=4,
    kv_heads=(4,) * 4,
    key_length=16,
    value_length=16,
    vocabulary=1000,
)
SMALL = spec("small")
LARGE = spec("large", size_bytes=40 * GIGABYTE, capabilities=(TOOLS,))
MIDDLE = spec("middle", size_bytes=3 * GIGABYTE, capabilities=(TOOLS,), context_length=65_536)
AWAY = spec("away", size_bytes=1, status=ModelStatus.MISSING, capabilities=(TOOLS,))


async def test_that_a_line_finds_models_a_page_at_a_time() -> None:
    ports = fake_ports()
    ports.offer(SMALL, LARGE, MIDDLE)
    async with ports.manager() as manager:
        first = manager.searches.find("size:>2GB", limit=1)
        assert (first.ids, first.next_offset) == ((LARGE.id,), 1)
        rest = manager.searches.find("size:>2GB", offset=1, limit=1)
        assert (rest.ids, rest.next_offset) == ((MIDDLE.id,), None)
        assert manager.searches.find("small").ids == (SMALL.id,)
        assert manager.searches.find("cap:tools fits").ids == (MIDDLE.id,)
        assert manager.searches.find("loaded").ids == ()
        await manager.models.load(SMALL.id)
        assert manager.searches.find("loaded").ids == (SMALL.id,)


async def test_that_the_smallest_model_that_covers_the_need_and_fits_is_found() -> None:
    ports = fake_ports()
    ports.offer(SMALL, LARGE, MIDDLE, AWAY)
    async with ports.manager() as manager:
        assert manager.searches.smallest() == SMALL.id
        assert manager.searches.smallest([Capability.TOOLS]) == MIDDLE.id
        assert manager.searches.smallest(context_length=32_768) == MIDDLE.id
        assert manager.searches.smallest([Capability.VISION]) is None
        assert manager.searches.smallest(line="size:>30GB") is None


async def test_that_a_search_is_kept_under_its_name() -> None:
    ports = fake_ports()
    async with ports.manager() as manager:
        await manager.searches.save("  My   tools ", "cap:tools")
        with pytest.raises(SettingError, match="No capability"):
            await manager.searches.save("odd", "cap:flying")
        with pytest.raises(SettingError, match="1 to 80"):
            await manager.searches.save(" ", "fits")
    async with ports.manager() as manager:
        assert manager.searches.saved() == {"My tools": "cap:tools"}
        await manager.searches.forget("My tools")
        assert manager.searches.saved() == {}


async def test_that_what_is_there_to_ask_for_is_offered() -> None:
    ports = fake_ports()
    ports.offer(SMALL)
    async with ports.manager() as manager:
        await manager.annotations.set_tags(SMALL.id, ["Work Horse"])
        for line, offered in (("quant:", "q4_k_m"), ("tag:w", "work-horse"), ("arch:", "llama")):
            (completion,) = manager.searches.complete(line, len(line))
            assert completion.text == offered
        assert manager.searches.find("tag:work-horse").ids == (SMALL.id,)


async def test_that_what_is_offered_is_known_without_the_specs() -> None:
    ports = fake_ports()
    ports.offer(SMALL, spec("other", provider="open ai", quantisation="", architecture=""))
    async with ports.manager() as manager:
        values = manager.searches.values()
        assert set(values[Field.PROVIDER]) == {"local", "open ai"}
        assert values[Field.QUANTISATION] == ("Q4_K_M",)
        assert values[Field.ARCHITECTURE] == ("llama",)


async def test_that_a_context_length_goes_no_further_than_the_model_s_own() -> None:
    ports = fake_ports()
    ports.offer(SMALL)
    async with ports.manager() as manager:
        at = manager.searches.needs.settings_at
        assert at(SMALL.id, None).context_length is None
        assert at(SMALL.id, 2048).context_length == 2048
        assert at(SMALL.id, 65_536).context_length == SMALL.context_length


ODD = spec(
    "Tiny Coder",
    path="/models/Tiny/coder.gguf",
    size_bytes=GIGABYTE,
    context_length=None,
    parameters=1_000_000_000,
    copies=("/elsewhere/Twice.gguf",),
)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("size:<8GB", "small middle away Tiny"),
        ("-size:<8GB", "large"),
        ("size:>3.5GB", "large"),
        ("size:3GB", "small middle away Tiny"),
        ("cap:tools -status:missing", "large middle"),
        ("ctx:>8k", "middle"),
        ("ctx:>8k size:>4GB", ""),
        ("name:coder", "Tiny"),
        ("path:models/tiny", "Tiny"),
        ("path:twice", "Tiny"),
        ("-path:models", ""),
        ("duplicate", "Tiny"),
        ("-duplicate", "small large middle away"),
        ("-small -tiny", "large middle away"),
        ("tag:work", "small"),
        ("-tag:work cap:tools", "large middle away"),
        ("favourite", "middle"),
        ("loaded", "small"),
        ("-loaded size:1GB", "away Tiny"),
        ("fits", "small middle Tiny"),
        ("-fits", "large away"),
        ("coder size:1GB", "Tiny"),
    ],
)
async def test_that_fields_find_what_they_ask_for(line: str, found: str) -> None:
    ports = fake_ports()
    ports.offer(SMALL, LARGE, MIDDLE, AWAY, ODD)
    async with ports.manager() as manager:
        await manager.annotations.set_tags(SMALL.id, ["work"])
        await manager.annotations.set_favourite(MIDDLE.id, favourite=True)
        await manager.models.load(SMALL.id)
        names = {manager.models.get(i).name.split()[0] for i in manager.searches.find(line).ids}
        assert names == set(found.split())


async def test_that_no_line_and_no_order_builds_specs() -> None:
    built = []
    ports = fake_ports()
    ports.offer(*(spec(f"m{number}", size_bytes=number) for number in range(1, 60)), ODD)
    whole = ports.store.models

    async def models():
        columns = await whole()
        return replace(columns, build=lambda row: built.append(row) or columns.build(row))

    ports.store.models = models
    async with ports.manager() as manager:
        await manager.annotations.set_tags(ODD.id, ["work"])
        built.clear()
        for line in (
            "m size:>20b", "ctx:>=2k params:1B", "fits", "-fits m", "loaded", "-loaded",
            "name:m1", "-m2", "tag:work", "-tag:work", "favourite", "cap:chat",
        ):  # fmt: skip
            for order in (*ModelOrder, NEED, {SMALL.id: 1.0}):
                for length in (None, 2048):
                    manager.searches.ordered(line, order, context_length=length, descending=True)
        manager.searches.smallest([Capability.CHAT], "fits", 1024)
        assert built == []
        # Only those that several files hold are looked at, to learn where.
        manager.searches.find("path:twice duplicate")
        assert len(built) <= 1


async def test_that_models_come_by_what_they_would_take() -> None:
    ports = fake_ports()
    ports.offer(SMALL, LARGE, MIDDLE, AWAY)
    async with ports.manager() as manager:
        find, needs = manager.searches.ordered, manager.searches.needs
        known = (SMALL.id, MIDDLE.id, LARGE.id)
        assert find("", order=NEED) == (*known, AWAY.id)
        assert find("", order=NEED, descending=True) == (*known[::-1], AWAY.id)
        for item in (SMALL, MIDDLE, LARGE):
            assert needs.of(item) == manager.memory.predict(item.id)
        roomy = LoadSettings(context_length=4096, slots=1)
        await manager.models.load_settings.save(MIDDLE, roomy)
        assert needs.of(MIDDLE) == manager.memory.predict(MIDDLE.id)
        assert needs.of(MIDDLE) in needs.all()


async def test_that_needs_follow_what_changes() -> None:
    ports = fake_ports()
    shaped = spec("shaped", shape=SHAPE, context_length=65_536)
    ports.offer(SMALL, shaped)
    async with ports.manager() as manager:
        needs = manager.searches.needs
        before = max(needs.all())
        assert max(needs.all(16_384)) > before
        await manager.settings.set("context_length", 8192)
        assert max(needs.all()) == needs.of(shaped) == manager.memory.predict(shaped.id) > before
        await manager.models.load_settings.save(shaped, LoadSettings(context_length=1024))
        assert max(needs.all()) == manager.memory.predict(shaped.id) < before


async def test_that_numbers_of_some_models_order_them_before_the_others() -> None:
    ports = fake_ports()
    ports.offer(SMALL, LARGE, MIDDLE, AWAY)
    async with ports.manager() as manager:
        ranks = {MIDDLE.id: 2.0, AWAY.id: 1.0, "local:gone": 0.0}
        find = manager.searches.ordered
        assert find("", order=ranks) == (AWAY.id, MIDDLE.id, LARGE.id, SMALL.id)
        assert find("", order=ranks, descending=True)[:2] == (MIDDLE.id, AWAY.id)
        assert find("size:>2GB", order=ranks) == (MIDDLE.id, LARGE.id)
