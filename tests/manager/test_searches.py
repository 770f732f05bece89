import pytest

from app.domain.errors import SettingError
from app.domain.models import Capability, CapabilityFact, ModelStatus
from app.domain.query_language import Field, parse
from tests.support.fakes import GIGABYTE, fake_ports, spec

TOOLS = CapabilityFact(capability=Capability.TOOLS, value=True, source="x")
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
        at = manager.searches.settings_at
        assert at(SMALL.id, None) is None
        assert at(SMALL.id, 2048).context_length == 2048
        assert at(SMALL.id, 65_536).context_length == SMALL.context_length


async def test_that_kinds_narrow_a_query_without_the_specs() -> None:
    ports = fake_ports()
    ports.offer(SMALL, LARGE, MIDDLE, AWAY)
    async with ports.manager() as manager:
        narrowed = manager.searches.narrowed
        rest, found = narrowed(parse("cap:tools -status:missing ctx:<8k size:>1GB word"))
        assert found == {LARGE.id}
        assert [term.field for term in rest.terms] == [Field.SIZE]
        assert narrowed(parse("size:>1GB"))[1] is None
        assert manager.searches.find("cap:tools ctx:>8k").ids == (MIDDLE.id,)
