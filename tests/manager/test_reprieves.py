"""What can be called back for a while: held, undone, carried out, and told when it fails."""

import asyncio

from app.domain.errors import KeyringFailed
from app.domain.events import NoticeRaised
from app.manager.events import EventBus
from app.manager.reprieves import Reprieves
from tests.support.fakes import eventually


class Going:
    """What is to go, and what became of it."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.failure: KeyringFailed | None = None
        self.go = asyncio.Event()
        self.go.set()

    async def carry_out(self) -> None:
        self.steps.append("begun")
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        self.steps.append("gone")

    async def call_back(self) -> None:
        self.steps.append("back")


def held(seconds: float = 60) -> tuple[Reprieves, Going, EventBus]:
    events = EventBus()
    reprieves, going = Reprieves("test", events, seconds), Going()
    reprieves.hold("it", carry_out=going.carry_out, call_back=going.call_back)
    return reprieves, going, events


async def test_that_nothing_is_done_before_the_time_for_second_thoughts_is_over() -> None:
    reprieves, going, _ = held(0.02)
    assert reprieves.waiting() == ("it",)
    assert going.steps == []
    await eventually(lambda: going.steps == ["begun", "gone"])
    assert reprieves.waiting() == ()
    await reprieves.aclose()


async def test_that_what_is_called_back_is_never_carried_out() -> None:
    reprieves, going, _ = held()
    await reprieves.undo("it")
    await reprieves.undo("it")
    await reprieves.aclose()
    assert going.steps == ["back"]


async def test_that_what_has_begun_is_not_called_back_and_is_brought_to_its_end() -> None:
    reprieves, going, _ = held(0.001)
    going.go.clear()
    await eventually(lambda: going.steps == ["begun"])
    assert reprieves.waiting() == ()
    undo = asyncio.create_task(reprieves.undo("it"))
    close = asyncio.create_task(reprieves.aclose())
    await asyncio.sleep(0)
    undo.cancel()
    going.go.set()
    await close
    assert going.steps == ["begun", "gone"]


async def test_that_what_was_asked_for_is_carried_out_at_once_at_the_end() -> None:
    reprieves, going, _ = held()
    await reprieves.aclose()
    assert going.steps == ["begun", "gone"]


async def test_that_what_cant_be_carried_out_is_back_and_that_is_told() -> None:
    reprieves, going, events = held()
    going.failure = KeyringFailed("The keyring is locked.", "Unlock it.")
    await reprieves.settle("it")
    assert going.steps == ["begun", "back"]
    [notice] = [item.event for item in events.kept()]
    assert isinstance(notice, NoticeRaised)
    assert notice.report.what == "The keyring is locked."
    await reprieves.aclose()
