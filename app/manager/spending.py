"""The owner of the ledger of tokens, seconds and money, and of the budget over it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from app.domain.accounts import LOCAL, Account, ProviderKind, is_loopback
from app.domain.errors import BudgetSpent
from app.domain.events import BudgetMoved, SpendingChanged
from app.domain.generation import GenerationStats
from app.domain.models import ModelId, ModelSpec
from app.domain.settings import Settings
from app.domain.spending import (
    BudgetLevel,
    BudgetState,
    Price,
    SpendingEntry,
    after_request,
    budget_state,
    would_cost,
)
from app.manager.behind import Behind
from app.manager.events import EventBus
from app.ports.remote import PriceList
from app.ports.stores import SpendingStore

REFERENCE = ProviderKind.OPENAI, "gpt-5-mini"
"""What local work is compared with unless somebody names another model."""


@dataclass(frozen=True)
class SpendingPorts:
    """What the ledger needs of the floors below."""

    store: SpendingStore
    prices: PriceList


class Known(Protocol):
    """Tells the ledger what it counts."""

    def spec(self, model_id: ModelId) -> ModelSpec | None:
        """What is known of a model."""
        ...

    def account(self, provider: str) -> Account | None:
        """The account that offers it; None for files on this machine."""
        ...


class Spending:
    """Counts every request, of remote and local models alike."""

    def __init__(
        self,
        ports: SpendingPorts | None,
        events: EventBus,
        settings: Callable[[], Settings],
        known: Known,
        today: Callable[[], date] = date.today,
    ) -> None:
        """Begin with nothing counted.

        Args:
            ports: None where nothing is counted.
            events: where changes are told.
            settings: the budget.
            known: what is known of models and accounts.
            today: the day that a request belongs to.
        """
        self._ports = ports
        self._events = events
        self._settings = settings
        self._known = known
        self._today = today
        self._entries: dict[tuple[str, ModelId], SpendingEntry] = {}
        self._behind = Behind("spending", events)

    async def start(self) -> None:
        """Read what was counted."""
        if self._ports is not None:
            entries = await self._ports.store.entries()
            self._entries = {(item.day, item.model_id): item for item in entries}

    async def aclose(self) -> None:
        """Finish what is being kept."""
        await self._behind.settled()

    # Queries

    def entries(
        self, since: str = "", provider: str | None = None, until: str = ""
    ) -> tuple[SpendingEntry, ...]:
        """What models took, by day.

        Args:
            since: the first day, as ISO 8601; empty for all of them.
            provider: only one account's; None for all of them.
            until: the last day; empty for today.
        """
        found = [
            item
            for item in self._entries.values()
            if since <= item.day <= (until or item.day) and provider in {None, item.provider}
        ]
        return tuple(sorted(found, key=lambda item: (item.day, item.model_id), reverse=True))

    def budget(self) -> BudgetState:
        """How this month's spending stands."""
        settings = self._settings()
        return budget_state(
            self._entries.values(),
            self._today(),
            settings.monthly_budget,
            stops=settings.budget_stops,
        )

    async def price(self, model_id: ModelId) -> Price | None:
        """An estimate of what a model costs; None where nobody knows or it runs on this machine."""
        spec = self._known.spec(model_id)
        account = self._known.account(spec.provider) if spec is not None else None
        if self._ports is None or spec is None or spec.remote is None or account is None:
            return None
        facts = spec.remote
        if facts.input_price is not None and facts.output_price is not None:
            # Who sends the bill knows best.
            return Price(input=facts.input_price, output=facts.output_price, source=facts.source)
        if is_loopback(account.base_url):
            return None
        return await self._ports.prices.price(account.kind, account.base_url, facts.model)

    async def would_have_cost(
        self,
        since: str = "",
        reference: tuple[ProviderKind, str] = REFERENCE,
        until: str = "",
    ) -> float | None:
        """US dollars that the work of local models would have cost at a provider.

        Args:
            since: the first day, as ISO 8601; empty for all of them.
            reference: the provider and its model.
            until: the last day; empty for today.

        Returns:
            None where nobody knows the price of the model.
        """
        if self._ports is None:
            return None
        price = await self._ports.prices.price(reference[0], "", reference[1])
        return None if price is None else would_cost(self.entries(since, LOCAL, until), price)

    # For those who ask models

    def permit(self, spec: ModelSpec) -> None:
        """Check that a request may cost money.

        Raises:
            BudgetSpent: this month's budget is spent, and the person wants that to stop it.
        """
        account = self._known.account(spec.provider)
        if account is None or is_loopback(account.base_url):
            return
        state = self.budget()
        if state.stops and state.level is BudgetLevel.SPENT:
            raise BudgetSpent(
                f"This month's budget of ${state.limit:.2f} is spent.",
                "Raise the budget in the Settings, or ask a local model.",
            )

    def recorded(self, model_id: ModelId, stats: GenerationStats) -> None:
        """Count one request, however it ended."""
        if self._ports is not None:
            self._behind.run("count spending", self._record(self._ports, model_id, stats))

    async def _record(
        self, ports: SpendingPorts, model_id: ModelId, stats: GenerationStats
    ) -> None:
        spec = self._known.spec(model_id)
        provider = spec.provider if spec is not None else model_id.partition(":")[0]
        account = self._known.account(provider)
        free = account is None or is_loopback(account.base_url)
        price = None if free else await self.price(model_id)
        before = self.budget().level
        day = self._today().isoformat()
        entry = self._entries.get((day, model_id)) or SpendingEntry(
            day=day, model_id=model_id, provider=provider
        )
        entry = after_request(entry, stats, price, free=free)
        self._entries[day, model_id] = entry
        await ports.store.save_entry(entry)
        self._events.publish(SpendingChanged(model_id=model_id))
        now = self.budget()
        if now.level is not before and now.level in {BudgetLevel.NEAR, BudgetLevel.SPENT}:
            self._events.publish(BudgetMoved(state=now))
