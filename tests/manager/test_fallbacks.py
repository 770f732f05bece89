"""Who answers when the model behind an alias can't."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.domain.accounts import ProviderKind
from app.domain.errors import AppError, ContentRefused, Overloaded, RateLimited, StreamCut
from app.domain.events import FellBack
from app.domain.generation import TextPiece
from app.domain.health import HealthState
from app.domain.models import ACTIVE, ModelId
from app.manager.chat_stream import ChatStream
from app.manager.manager import Manager
from tests.support.accounts import FakeWorld
from tests.support.fakes import FakeEngine, spec

ALPHA, BETA, LLAMA = ModelId("ollama:alpha"), ModelId("ollama:beta"), ModelId("local:Llama")
BUSY = Overloaded("The server is overloaded.", "Try again later.")


@asynccontextmanager
async def opened(
    folder: Path, order: tuple[ModelId, ...] = (BETA, LLAMA)
) -> AsyncIterator[tuple[FakeWorld, Manager]]:
    here = FakeWorld(folder)
    here.ports.offer(spec("Llama"))
    async with here.manager() as manager:
        await manager.accounts.refresh(await manager.accounts.add(ProviderKind.OLLAMA))
        await manager.models.load(ALPHA)
        await manager.settings.set("fallbacks", {ACTIVE: order} if order else {})
        yield here, manager


def fail(here: FakeWorld, model_id: ModelId, error: AppError, after: int = 0) -> None:
    """Let a model's answers fail from now on, after so many words."""
    remote = here.connections.opened[0]
    engine: FakeEngine = remote.engines[model_id]
    good = type(engine).generate

    async def generate(request: Any) -> Any:
        seen = 0
        async for update in good(engine, request):
            if seen >= after:
                raise error
            seen += isinstance(update, TextPiece)
            yield update

    engine.generate = generate  # type: ignore[method-assign]


async def ask(manager: Manager) -> tuple[str, str | None]:
    return await read(manager.conversations.send(manager.conversations.create().id, "Hi"))


async def read(stream: ChatStream) -> tuple[str, str | None]:
    text = ""
    async with stream as pieces:
        async for piece in pieces:
            text += piece.text
    assert stream.answer is not None
    return text.split("0")[0], stream.answer.model_id


async def test_that_the_next_in_order_answers_for_one_that_fails(tmp_path: Path) -> None:
    async with opened(tmp_path) as (here, manager):
        fail(here, ALPHA, BUSY)
        assert await ask(manager) == ("beta", BETA)
        [told] = [e.event for e in manager.events.kept() if isinstance(e.event, FellBack)]
        assert (told.name, told.model_id) == (ACTIVE, ALPHA)
        assert manager.models.active() == ALPHA
        fail(here, BETA, BUSY)
        assert await ask(manager) == ("Llama", LLAMA)


async def test_that_a_former_answer_stays_until_somebody_answers_again(tmp_path: Path) -> None:
    async with opened(tmp_path, (BETA,)) as (here, manager):
        chat = manager.conversations.create().id
        await read(manager.conversations.send(chat, "Hi"))
        fail(here, ALPHA, BUSY)
        assert await read(manager.conversations.retry(chat, to=ACTIVE)) == ("beta", BETA)
        _, answer = await manager.conversations.messages(chat)
        assert answer.model_id == BETA
        fail(here, BETA, BUSY)
        with pytest.raises(Overloaded):
            await read(manager.conversations.retry(chat, to=ACTIVE))
        _, kept = await manager.conversations.messages(chat)
        assert (kept.id, kept.text, kept.model_id) == (answer.id, answer.text, BETA)
        assert kept.error is not None


async def test_that_one_that_cant_be_connected_is_passed_over(tmp_path: Path) -> None:
    async with opened(tmp_path) as (here, manager):
        await manager.models.eject(ALPHA)
        await manager.models.assign_alias(ACTIVE, ALPHA)
        here.connections.opened[0].failures[ALPHA] = BUSY
        assert await ask(manager) == ("beta", BETA)


async def test_that_nobody_stands_in_once_the_answer_has_begun(tmp_path: Path) -> None:
    async with opened(tmp_path) as (here, manager):
        fail(here, ALPHA, StreamCut("It broke off.", "Try again."), after=2)
        with pytest.raises(StreamCut):
            await ask(manager)
        assert BETA not in here.connections.opened[0].engines


async def test_that_a_refusal_is_no_reason_to_ask_somebody_else(tmp_path: Path) -> None:
    async with opened(tmp_path) as (here, manager):
        fail(here, ALPHA, ContentRefused("It refuses.", "Word it differently."))
        with pytest.raises(ContentRefused):
            await ask(manager)


async def test_that_without_an_order_the_error_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path, ()) as (here, manager):
        fail(here, ALPHA, BUSY)
        with pytest.raises(Overloaded):
            await ask(manager)


async def test_that_when_all_have_failed_the_last_error_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path, (BETA,)) as (here, manager):
        await manager.models.load(BETA)
        fail(here, ALPHA, BUSY)
        fail(here, BETA, RateLimited("It was asked too often.", "Wait."))
        with pytest.raises(RateLimited):
            await ask(manager)


async def test_that_one_that_rests_is_asked_again_by_a_single_probe(tmp_path: Path) -> None:
    async with opened(tmp_path) as (here, manager):
        limited = RateLimited("It was asked too often.", "Wait.")
        fallbacks = manager.conversations.fallbacks
        limited.retry_at = fallbacks._clock() + 100
        fail(here, ALPHA, limited)
        assert await ask(manager) == ("beta", BETA)
        assert manager.models.health.of(ALPHA).state is HealthState.COOLING_DOWN
        # It rests: whoever comes now doesn't even try it.
        assert fallbacks.choose(ACTIVE, ()) == BETA
        later = limited.retry_at + 1
        fallbacks._clock = lambda: later
        assert fallbacks.choose(ACTIVE, ()) == ACTIVE
        assert fallbacks.choose(ACTIVE, ()) == BETA
