"""Spending, kept and read again."""

from pathlib import Path

from app.domain.models import ModelId
from app.domain.spending import SpendingEntry
from app.storage.stores import open_storage


async def test_that_entries_come_back_as_they_were(tmp_path: Path) -> None:
    first = SpendingEntry(
        day="2026-11-22", model_id=ModelId("a:m"), provider="a", requests=2, input_tokens=2**70,
        cached_tokens=1, output_tokens=7, seconds=1.5, micro_dollars=12, unpriced=1,
    )  # fmt: skip
    later = SpendingEntry(day="2026-11-23", model_id=ModelId("a:m"), provider="a")
    storage = await open_storage(tmp_path / "state.db")
    for item in (first, later, later.model_copy(update={"requests": 3})):
        await storage.spending.save_entry(item)
    await storage.aclose()
    storage = await open_storage(tmp_path / "state.db")
    assert await storage.spending.entries() == (
        later.model_copy(update={"requests": 3}),
        first.model_copy(update={"input_tokens": 2**63 - 1}),
    )
    await storage.aclose()
