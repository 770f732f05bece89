"""What models took and cost, added up by model, provider or day over a month."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from PySide6.QtCore import (
    QDate,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Signal,
)

from app.domain.accounts import LOCAL, PROVIDERS, AccountId
from app.domain.errors import UnknownModel
from app.domain.events import SettingChanged, SpendingChanged
from app.domain.models import ModelId
from app.domain.spending import BudgetLevel, BudgetState, SpendingEntry
from app.manager.manager import Manager
from app.manager.spending import REFERENCE
from app.ui import words
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.viewmodels import account_words
from app.ui.viewmodels.lookup import Lookup
from app.ui.viewmodels.row_table import Column, RowTable

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
LAST_DAY = "-31"
"""Sorts behind every day of a month, whether or not the month has it."""


class Grouping(StrEnum):
    """What the rows of the ledger add up."""

    MODEL = "model"
    PROVIDER = "provider"
    DAY = "day"


@dataclass(frozen=True)
class LedgerRow:
    """One row: what it is about, and the sum of its entries."""

    title: str
    sums: SpendingEntry


COLUMNS: tuple[Column[LedgerRow], ...] = (
    Column("", lambda row: row.title),
    Column("Answers", lambda row: words.count(row.sums.requests), figures=True),
    Column("Tokens in", lambda row: words.count(row.sums.input_tokens), figures=True),
    Column("Tokens out", lambda row: words.count(row.sums.output_tokens), figures=True),
    Column("Time", lambda row: words.duration(row.sums.seconds or None), figures=True),
    Column(
        "Cost",
        lambda row: account_words.cost(row.sums),
        figures=True,
        tooltip="An estimate by the providers' list prices; free where it ran on this machine",
    ),
)


class LedgerTable(RowTable[LedgerRow]):
    """Sums, the dearest first, or the latest where they are days."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(COLUMNS, parent)
        self.grouped = ""
        """What the rows are about: the title of the first column."""

    def title(self, column: Column[LedgerRow]) -> str:
        """What stands over a column."""
        return column.title or self.grouped


class Ledger(QObject):
    """The table of one month, its sum, the budget, and what local work would have cost."""

    changed = Signal()

    def __init__(
        self,
        manager: Manager,
        intents: Intents,
        bridge: Bridge,
        parent: QObject | None = None,
        today: Callable[[], date] = date.today,
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._today = today
        self.month = today().isoformat()[:7]
        """The month that is shown, as ISO 8601; empty for all of them."""
        self.grouping = Grouping.MODEL
        self.table = LedgerTable(self)
        self._elsewhere = Lookup[float](intents, "compare costs", self)
        self._elsewhere.changed.connect(self.changed)
        self._watched = False
        bridge.on(SpendingChanged, lambda _: self._follow())
        bridge.on(SettingChanged, lambda _: self._follow())

    def watch(self, *, seen: bool) -> None:
        """Follow what is counted while somebody looks."""
        self._watched = seen
        self._follow()

    def months(self) -> tuple[tuple[str, str], ...]:
        """Months with their names, this one first; the last one stands for all."""
        this = self._today().isoformat()[:7]
        known = {entry.day[:7] for entry in self._manager.spending.entries()} | {this}
        named = [(month, month_name(month)) for month in sorted(known, reverse=True)]
        return (*named, ("", "All months"))

    def choose_month(self, month: str) -> None:
        """Show another month; empty for all of them."""
        self.month = month
        self.refresh()

    def group(self, grouping: Grouping) -> None:
        """Add up by something else."""
        self.grouping = grouping
        self.refresh()

    def refresh(self) -> None:
        """Show what is counted now."""
        entries = self._entries()
        self.table.grouped = str(self.grouping).capitalize()
        self.table.replace(self._rows(entries))
        since, until = self._span()
        if any(entry.provider == LOCAL for entry in entries):
            self._elsewhere.start(lambda: self._would_have_cost(since, until))
        else:
            self._elsewhere.clear()
        self.changed.emit()

    def total(self) -> str:
        """The sum of what is shown, in a sentence."""
        entries = self._entries()
        if not entries:
            return "Nothing was asked in this time." if self.month else "Nothing was asked yet."
        sums = _sum(entries)
        paid = f"about {account_words.dollars(sums.dollars)}" if sums.micro_dollars else "nothing"
        tokens = words.amount(sums.input_tokens + sums.output_tokens, "token")
        said = f"{words.amount(sums.requests, 'answer')} with {tokens} cost {paid}"
        if sums.unpriced:
            said += f", and {words.count(sums.unpriced)} of them more than is known"
        return f"{said}."

    def local(self) -> str:
        """What local models did, and what that would have cost elsewhere; empty for nothing."""
        here = [entry for entry in self._entries() if entry.provider == LOCAL]
        if not here:
            return ""
        said = f"Local models worked for {words.duration(_sum(here).seconds or None)}."
        cost = self._elsewhere.answer
        if cost is None:
            return said
        kind, model = REFERENCE
        whose = f"{PROVIDERS[kind].name}'s {model}"
        return f"{said} The same work would have cost about {account_words.dollars(cost)} with {whose}."

    def budget(self) -> BudgetState:
        """How this month stands."""
        return self._manager.spending.budget()

    def budget_words(self) -> str:
        """The same in a sentence; empty where there is no budget."""
        state = self.budget()
        return "" if state.level is BudgetLevel.FREE else account_words.budget(state)

    def _follow(self) -> None:
        if self._watched:
            self.refresh()

    async def _would_have_cost(self, since: str, until: str) -> float:
        cost = await self._manager.spending.would_have_cost(since, until=until)
        return 0.0 if cost is None else cost

    def _span(self) -> tuple[str, str]:
        return (f"{self.month}-01", f"{self.month}{LAST_DAY}") if self.month else ("", "")

    def _entries(self) -> tuple[SpendingEntry, ...]:
        since, until = self._span()
        return self._manager.spending.entries(since, until=until)

    def _rows(self, entries: Iterable[SpendingEntry]) -> list[LedgerRow]:
        groups: dict[str, list[SpendingEntry]] = {}
        for entry in entries:
            groups.setdefault(self._title(entry), []).append(entry)
        rows = [LedgerRow(title, _sum(items)) for title, items in groups.items()]
        if self.grouping is Grouping.DAY:
            # Entries come by day, the latest first.
            return rows
        return sorted(rows, key=lambda row: (-row.sums.micro_dollars, -row.sums.requests))

    def _title(self, entry: SpendingEntry) -> str:
        match self.grouping:
            case Grouping.DAY:
                return day_name(entry.day)
            case Grouping.PROVIDER:
                return self._provider(entry.provider)
        try:
            name = self._manager.models.get(entry.model_id).name
        except UnknownModel:
            name = ModelId(entry.model_id.partition(":")[2] or entry.model_id)
        return name if entry.provider == LOCAL else f"{name}, {self._provider(entry.provider)}"

    def _provider(self, provider: str) -> str:
        if provider == LOCAL:
            return "This machine"
        account = self._manager.accounts.find(AccountId(provider))
        return account.name if account is not None else f"{provider} (removed)"


def month_name(month: str) -> str:
    """A month as people write it: "November 2026"."""
    return words.locale().toString(QDate.fromString(f"{month}-01", "yyyy-MM-dd"), "MMMM yyyy")


def day_name(day: str) -> str:
    """A day as people write it: "Mon 23 Nov 2026"."""
    return words.locale().toString(QDate.fromString(day, "yyyy-MM-dd"), "ddd d MMM yyyy")


def _sum(entries: Iterable[SpendingEntry]) -> SpendingEntry:
    total = SpendingEntry(day="", model_id=ModelId(""), provider="")
    names = (
        *("requests", "input_tokens", "cached_tokens", "output_tokens"),
        *("seconds", "micro_dollars", "unpriced"),
    )
    for entry in entries:
        changes = {name: getattr(total, name) + getattr(entry, name) for name in names}
        total = total.model_copy(update=changes)
    return total
