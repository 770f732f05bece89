"""The ledger, the budget and prices, as people read them."""

from datetime import date

import pytest
from PySide6.QtWidgets import QComboBox, QLabel, QTableView

from app.domain.accounts import ProviderKind
from app.domain.events import BudgetMoved
from app.domain.generation import FinishReason, GenerationStats
from app.domain.models import ModelId
from app.domain.spending import BudgetLevel, BudgetState, Price, SpendingEntry
from app.ui.viewmodels import account_words
from app.ui.viewmodels.ledger import Grouping, Ledger
from tests.support.accounts import FakeWorld
from tests.support.fakes import eventually, spec
from tests.ui.money import KEY, Desk, desk

ALPHA = ModelId("openai:alpha")
TODAY = date(2026, 11, 23)
PRICE = Price(input=1, output=10, source="genai-prices", as_of="2026-10-01")


def entry(day: str, model: str, **counts: int | float) -> SpendingEntry:
    fields = {"requests": 1, "input_tokens": 100, "output_tokens": 10, "seconds": 2.0, **counts}
    provider = model.partition(":")[0]
    return SpendingEntry(day=day, model_id=ModelId(model), provider=provider, **fields)


def world_of(tmp_path, *entries: SpendingEntry) -> FakeWorld:
    world = FakeWorld(tmp_path)
    world.ports.offer(spec("Llama"))
    world.prices.known = {"alpha": PRICE, "gpt-5-mini": PRICE}
    for item in entries:
        world.spending.kept[item.day, item.model_id] = item
    return world


MONTH = (
    entry("2026-11-23", "openai:alpha", micro_dollars=1_500_000),
    entry("2026-11-22", "openai:alpha", micro_dollars=500_000),
    entry("2026-11-22", "local:Llama", requests=4, seconds=90.0),
    entry("2026-11-22", "openai:beta", unpriced=1),
    entry("2026-10-02", "openai:alpha", micro_dollars=9_000_000),
)


def cells(ledger: Ledger) -> list[list[str]]:
    table = ledger.table
    return [
        [str(table.index(row, at).data()) for at in range(table.columnCount())]
        for row in range(table.rowCount())
    ]


async def opened(d: Desk) -> Ledger:
    account = await d.manager.accounts.add(ProviderKind.OPENAI)
    await d.manager.keys.set(account, KEY)
    await d.manager.accounts.refresh(account)
    ledger = Ledger(d.manager, d.intents, d.bridge, d.window, today=lambda: TODAY)
    ledger.watch(seen=True)
    return ledger


async def test_that_a_month_is_added_up_by_model_provider_and_day(
    qtbot, tmp_path, qtmodeltester
) -> None:
    async with desk(tmp_path, world_of(tmp_path, *MONTH)) as d:
        ledger = await opened(d)
        qtmodeltester.check(ledger.table)
        assert [(row[0], row[1], row[5]) for row in cells(ledger)] == [
            ("alpha, OpenAI", "2", "$2.00"),
            ("Llama", "4", "free"),
            ("beta, OpenAI", "1", "unknown"),
        ]
        ledger.group(Grouping.PROVIDER)
        assert [(row[0], row[5]) for row in cells(ledger)] == [
            ("OpenAI", "$2.00 + 1 unknown"),
            ("This machine", "free"),
        ]
        ledger.group(Grouping.DAY)
        assert [row[0] for row in cells(ledger)] == ["Mon 23 Nov 2026", "Sun 22 Nov 2026"]
        assert ledger.total() == (
            "7 answers with 440 tokens cost about $2.00, and 1 of them more than is known."
        )


async def test_that_other_months_and_all_of_them_can_be_looked_at(qtbot, tmp_path) -> None:
    async with desk(tmp_path, world_of(tmp_path, *MONTH)) as d:
        ledger = await opened(d)
        assert [name for _, name in ledger.months()] == [
            "November 2026",
            "October 2026",
            "All months",
        ]
        ledger.choose_month("2026-10")
        assert [row[5] for row in cells(ledger)] == ["$9.00"]
        assert ledger.local() == ""
        ledger.choose_month("")
        assert cells(ledger)[0][5] == "$11.00"
        ledger.choose_month("2026-09")
        assert ledger.total() == "Nothing was asked in this time."


async def test_that_local_work_says_what_it_would_have_cost(qtbot, tmp_path) -> None:
    async with desk(tmp_path, world_of(tmp_path, *MONTH)) as d:
        ledger = await opened(d)
        await eventually(lambda: "would have cost" in ledger.local())
        assert ledger.local() == (
            "Local models worked for 90 s. The same work would have cost about $0.0002 with "
            "OpenAI's gpt-5-mini."
        )


async def test_that_the_dialog_follows_what_is_counted_and_its_choices(qtbot, tmp_path) -> None:
    async with desk(tmp_path, world_of(tmp_path)) as d:
        await opened(d)
        d.window.perform("spending")
        dialog = await d.dialog("spending_dialog")
        total = dialog.findChild(QLabel, "spending_total")
        assert total.text() == "Nothing was asked in this time."
        stats = GenerationStats(finish=FinishReason.END, prompt_tokens=10_000, output_tokens=500)
        d.manager.spending.recorded(ALPHA, stats)
        await eventually(lambda: total.text().startswith("1 answer"))
        assert "about $0.015" in total.text()
        table = dialog.findChild(QTableView, "spending_table")
        assert table.model().rowCount() == 1
        box = dialog.findChild(QComboBox, "spending_grouping")
        box.setCurrentIndex(1)
        box.activated.emit(1)
        assert table.model().index(0, 0).data() == "OpenAI"
        for name in ("spending_month", "spending_grouping"):
            assert dialog.findChild(QComboBox, name).accessibleName()
        dialog.reject()
        await d.gone("spending_dialog")


async def test_that_a_budget_that_is_near_or_spent_is_told_once_and_stands_by_the_prompt(
    qtbot, tmp_path
) -> None:
    async with desk(tmp_path, world_of(tmp_path)) as d:
        await opened(d)
        await d.manager.models.load(ALPHA)
        await d.manager.models.switch(ALPHA)
        d.window.show_page("playground")
        note = d.window.playground_page.budget_note
        await d.manager.settings.set("monthly_budget", 1)
        assert not note.isVisible()
        stats = GenerationStats(finish=FinishReason.END, prompt_tokens=850_000)
        d.manager.spending.recorded(ALPHA, stats)
        await eventually(note.isVisible)
        assert note.words.text() == "About $0.85 of this month's $1.00 are spent."
        assert note.words.property("role") == "muted"
        assert d.toasts() == ["About $0.85 of this month's $1.00 are spent."]
        await d.manager.settings.set("budget_stops", True)
        d.manager.spending.recorded(ALPHA, stats)
        await eventually(lambda: note.words.property("role") == "warn")
        assert "nothing that costs money is asked" in note.words.text()
        await d.manager.settings.set("monthly_budget", 100)
        await eventually(lambda: not note.isVisible())


async def test_that_a_local_model_says_nothing_of_the_budget(qtbot, tmp_path) -> None:
    async with desk(tmp_path, world_of(tmp_path)) as d:
        await d.manager.settings.set("monthly_budget", 1)
        await d.manager.models.load(ModelId("local:Llama"))
        await d.manager.models.switch(ModelId("local:Llama"))
        state = BudgetState(level=BudgetLevel.SPENT, spent=2, limit=1)
        d.manager.events.publish(BudgetMoved(state=state))
        await eventually(d.toasts)
        assert not d.window.playground_page.budget_note.isVisible()


@pytest.mark.parametrize(
    ("amount", "said"),
    [(0, "$0.00"), (0.00001, "less than $0.0001"), (0.0031, "$0.0031"), (0.0205, "$0.021"),
     (0.865, "$0.86"), (1234.5, "$1,234.50")],
)  # fmt: skip
def test_that_money_has_as_many_digits_as_it_is_worth(amount, said) -> None:
    assert account_words.dollars(amount) == said


def test_that_a_price_says_since_when_or_by_whom() -> None:
    assert account_words.price(PRICE) == "$1.00 in, $10.00 out for a million tokens"
    assert account_words.as_of(PRICE) == "estimate, as of 2026-10-01"
    own = PRICE.model_copy(update={"as_of": "", "source": "OpenRouter's list"})
    assert account_words.as_of(own) == "estimate, by OpenRouter's list"
