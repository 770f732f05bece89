"""Export and import through the window's own doors."""

import json
from pathlib import Path

from app.domain.exchange import ImportSummary
from app.domain.models import Capability
from app.ui.viewmodels.exchanging import Exchanging, left_out_words, taken_words
from tests.support.fakes import eventually
from tests.ui.rig import ALPHA, rig


def chosen(path: Path | None):
    async def choose() -> str | None:
        return str(path) if path is not None else None

    return choose


async def test_that_what_was_exported_can_be_taken_in_elsewhere(qapp, tmp_path: Path) -> None:
    file = tmp_path / "library.json"
    async with rig(ALPHA) as r:
        await r.manager.annotations.override(ALPHA.id, Capability.TOOLS, True)
        exchanging = Exchanging(r.manager, r.intents)
        told: list[str] = []
        exchanging.exported.connect(told.append)
        exchanging.export(chosen(file))
        await eventually(lambda: told == [str(file)])
        assert json.loads(file.read_text())["models"][0]["name"] == "alpha"
        assert list(tmp_path.iterdir()) == [file]
    async with rig() as r:
        summaries: list[ImportSummary] = []

        async def tell(summary: ImportSummary) -> None:
            summaries.append(summary)

        Exchanging(r.manager, r.intents).take_in(chosen(file), tell)
        await eventually(lambda: summaries)
        assert summaries[0].models == 1
        assert r.manager.annotations.get(ALPHA.id).overrides == {Capability.TOOLS: True}


async def test_that_nothing_is_done_when_no_file_is_chosen(qapp) -> None:
    async with rig(ALPHA) as r:
        exchanging = Exchanging(r.manager, r.intents)
        failures: list[object] = []
        r.intents.failed.connect(failures.append)
        exchanging.export(chosen(None))
        exchanging.take_in(chosen(None), chosen(None))
        await eventually(lambda: not r.intents.running("import"))
        assert failures == []


async def test_that_what_can_not_be_written_or_read_is_told(qapp, tmp_path: Path) -> None:
    async with rig(ALPHA) as r:
        exchanging = Exchanging(r.manager, r.intents)
        failures: list[object] = []
        r.intents.failed.connect(failures.append)
        exchanging.export(chosen(tmp_path / "nowhere" / "library.json"))
        await eventually(lambda: failures)
        assert failures.pop().what == "library.json can't be written."
        exchanging.take_in(chosen(tmp_path / "missing.json"), chosen(None))
        await eventually(lambda: failures)
        assert failures.pop().what == "missing.json can't be read."
        (tmp_path / "other.json").write_text("{}")
        exchanging.take_in(chosen(tmp_path / "other.json"), chosen(None))
        await eventually(lambda: failures)
        assert failures.pop().what == "This isn't an export of Modelyard that can be read."


def test_that_a_summary_says_what_came_in_and_what_was_left_out() -> None:
    summary = ImportSummary(
        models=2,
        annotations=1,
        aliases=2,
        folders=0,
        settings=1,
        left_out=tuple(f"Thing {n}." for n in range(14)),
    )
    assert taken_words(summary) == "Taken in: 2 new models, 1 note, 2 aliases, 1 setting."
    lines = left_out_words(summary).split("\n")
    assert (lines[0], lines[1], lines[-1]) == ("Left out:", "Thing 0.", "And 2 more.")
    nothing = ImportSummary(models=0, annotations=0, aliases=0, folders=0, settings=0)
    assert taken_words(nothing) == "Nothing in it was new."
    assert left_out_words(nothing) == ""
