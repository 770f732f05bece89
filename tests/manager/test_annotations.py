import pytest

from app.domain.annotations import ProbeResult
from app.domain.errors import SettingError
from app.domain.events import AnnotationChanged
from app.domain.models import Basis, Capability
from tests.support.fakes import eventually, fake_ports, spec

A = spec("a")


async def test_that_what_is_noted_survives_a_restart_and_the_models_leaving() -> None:
    ports = fake_ports()
    ports.offer(A)
    async with ports.manager() as manager:
        await manager.annotations.set_favourite(A.id, favourite=True)
        await manager.annotations.set_tags(A.id, ["Work", "work", " two words "])
        await manager.annotations.set_note(A.id, "Good at verse.")
    ports.store.kept_models.clear()
    async with ports.manager() as manager:
        noted = manager.annotations.get(A.id)
        assert (noted.favourite, noted.tags) == (True, ("work", "two-words"))
        assert noted.note == "Good at verse."
        assert manager.annotations.favourites() == {A.id}
        await manager.annotations.set_favourite(A.id, favourite=False)
        await manager.annotations.set_tags(A.id, [])
        await manager.annotations.set_note(A.id, "")
    assert ports.store.kept_annotations == {}


async def test_that_the_users_word_wins_until_it_is_taken_back() -> None:
    ports = fake_ports()
    ports.offer(A)
    async with ports.manager() as manager:
        events = manager.events.subscribe(lambda: None)
        await manager.annotations.override(A.id, Capability.CHAT, value=False)
        assert not manager.models.get(A.id).can(Capability.CHAT)
        assert [i.event for i in events.take() if isinstance(i.event, AnnotationChanged)]
        await manager.annotations.override(A.id, Capability.CHAT, value=None)
        assert manager.models.get(A.id) == A


async def test_that_the_users_word_stands_when_the_file_is_read_again() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await eventually(lambda: manager.library.scanning() is None)
        await manager.annotations.override(A.id, Capability.TOOLS, value=True)
        ports.files.disk["/models"] = [A.model_copy(update={"modified_ns": 5})]
        await manager.library.rescan()
        await eventually(lambda: manager.models.get(A.id).modified_ns == 5)
        fact = manager.models.get(A.id).fact(Capability.TOOLS)
        assert (fact.value, fact.basis) == (True, Basis.USER)


async def test_that_the_latest_trial_of_a_capability_is_kept_with_its_date() -> None:
    ports = fake_ports()
    ports.offer(A)
    async with ports.manager() as manager:
        for at, value in ((1.0, True), (2.0, False)):
            result = ProbeResult(capability=Capability.JSON, value=value, at=at)
            await manager.annotations.record(A.id, [result])
        fact = manager.models.get(A.id).fact(Capability.JSON)
        assert (fact.value, fact.at, fact.basis) == (False, 2.0, Basis.PROBE)


async def test_that_a_note_has_an_end() -> None:
    async with fake_ports().manager() as manager:
        with pytest.raises(SettingError, match="at most"):
            await manager.annotations.set_note(A.id, "x" * 10_001)
