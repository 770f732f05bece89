"""The ledger: every request counted, and a budget that warns and stops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.domain.accounts import AccountId, ProviderKind
from app.domain.errors import BudgetSpent
from app.domain.events import BudgetMoved
from app.domain.generation import FinishReason, GenerationStats
from app.domain.models import ModelId
from app.domain.spending import BudgetLevel, Price
from app.manager.manager import Manager
from tests.support.accounts import FakeWorld, remote_spec
from tests.support.fakes import spec

STATS = GenerationStats(finish=FinishReason.END, prompt_tokens=1000, output_tokens=100)
ALPHA = ModelId("openai:alpha")
KEY = "sk-canary-0123456789-wxyz"


@asynccontextmanager
async def opened(tmp_path: Path, here: FakeWorld | None = None) -> AsyncIterator[Manager]:
    world = here or FakeWorld(tmp_path)
    world.prices.known = {"alpha": Price(input=1000.0, output=2000.0, source="a test")}
    async with world.manager() as manager:
        if not manager.accounts.all():
            account = await manager.accounts.add(ProviderKind.OPENAI)
            await manager.keys.set(account, KEY)
            await manager.accounts.refresh(account)
        yield manager


async def counted(manager: Manager, model_id: ModelId, times: int = 1) -> None:
    for _ in range(times):
        manager.spending.recorded(model_id, STATS)
        await manager.spending.aclose()


async def test_that_an_answer_in_a_conversation_is_counted_and_kept(tmp_path: Path) -> None:
    here = FakeWorld(tmp_path)
    async with opened(tmp_path, here) as manager:
        stream = manager.conversations.send(manager.conversations.create().id, "Hi", to=ALPHA)
        async with stream as pieces:
            async for _ in pieces:
                pass
    async with opened(tmp_path, here) as manager:
        [entry] = manager.spending.entries()
        assert (entry.provider, entry.requests, entry.output_tokens) == ("openai", 1, 20)
        assert entry.micro_dollars == 3 * 1000 + 20 * 2000


async def test_that_money_is_counted_also_while_nothing_is_measured(tmp_path: Path) -> None:
    async with opened(tmp_path) as manager:
        await manager.settings.set("performance_tracking", False)
        stream = manager.conversations.send(manager.conversations.create().id, "Hi", to=ALPHA)
        async with stream as pieces:
            async for _ in pieces:
                pass
        await manager.spending.aclose()
        assert [item.requests for item in manager.spending.entries()] == [1]
        assert manager.models.metrics(ALPHA) is None


async def test_that_local_work_costs_nothing_and_would_have_cost(tmp_path: Path) -> None:
    here = FakeWorld(tmp_path)
    here.ports.offer(spec("Llama"))
    async with opened(tmp_path, here) as manager:
        await counted(manager, ModelId("local:Llama"), 2)
        [entry] = manager.spending.entries(provider="local")
        assert (entry.requests, entry.micro_dollars, entry.unpriced) == (2, 0, 0)
        reference = ProviderKind.OPENAI, "alpha"
        assert await manager.spending.would_have_cost(reference=reference) == pytest.approx(2.4)
        assert await manager.spending.would_have_cost(reference=(ProviderKind.OPENAI, "?")) is None


async def test_that_a_price_that_the_provider_itself_names_comes_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as manager:
        assert (await manager.spending.price(ALPHA)).source == "a test"
        own = remote_spec("openai", "alpha")
        facts = own.remote.model_copy(update={"input_price": 1.0, "output_price": 2.0})
        await manager._registry.keep([own.model_copy(update={"remote": facts})])
        price = await manager.spending.price(ALPHA)
        assert (price.input, price.output, price.source) == (1.0, 2.0, "the list of models")
        assert await manager.spending.price(ModelId("openai:beta")) is None


async def test_that_a_budget_warns_before_it_is_spent_and_then_stops(tmp_path: Path) -> None:
    async with opened(tmp_path) as manager:
        await manager.settings.set("monthly_budget", 2.9)
        assert manager.spending.budget().level is BudgetLevel.WITHIN
        await counted(manager, ALPHA, 3)
        told = [item.event for item in manager.events.kept()]
        levels = [event.state.level for event in told if isinstance(event, BudgetMoved)]
        assert levels == [BudgetLevel.NEAR, BudgetLevel.SPENT]
        paid, own = remote_spec("openai", "alpha"), spec("Llama")
        manager.spending.permit(paid)
        await manager.settings.set("budget_stops", True)
        with pytest.raises(BudgetSpent, match=r"\$2.90"):
            manager.spending.permit(paid)
        manager.spending.permit(own)


async def test_that_a_server_on_this_machine_is_free(tmp_path: Path) -> None:
    async with opened(tmp_path) as manager:
        account = await manager.accounts.add(ProviderKind.OLLAMA)
        await manager.accounts.refresh(account)
        await counted(manager, ModelId("ollama:alpha"))
        [entry] = manager.spending.entries(provider=AccountId("ollama"))
        assert (entry.micro_dollars, entry.unpriced) == (0, 0)


async def test_that_unknown_prices_are_counted_apart(tmp_path: Path) -> None:
    async with opened(tmp_path) as manager:
        await counted(manager, ModelId("openai:beta"))
        assert [item.unpriced for item in manager.spending.entries()] == [1]
