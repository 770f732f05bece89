"""Gestures: one at a time, reported, cancelled."""

import asyncio
import logging

from app.domain.errors import ErrorKind, MissingFile
from app.ui.intents import Intents


async def test_that_a_busy_name_refuses_a_second_gesture(qtbot):
    intents = Intents()
    go, runs = asyncio.Event(), []

    async def work(name):
        runs.append(name)
        await go.wait()

    assert intents.run("load", work("first"))
    assert not intents.run("load", work("second"))
    assert intents.run("other", work("other"))
    await asyncio.sleep(0)
    assert intents.running("load")
    go.set()
    await intents.aclose()
    assert runs == ["first", "other"]
    assert not intents.running("load")


async def test_that_a_refused_command_is_reported(qtbot):
    intents = Intents()

    async def work():
        raise MissingFile("It is gone.", "Look elsewhere.")

    with qtbot.waitSignal(intents.failed) as failed:
        intents.run("load", work())
        await asyncio.sleep(0.01)
    assert failed.args[0].kind is ErrorKind.MISSING_FILE
    await intents.aclose()


async def test_that_a_fault_is_logged_and_reported_without_its_insides(qtbot, caplog):
    intents = Intents()

    async def work():
        raise KeyError("insides")

    with caplog.at_level(logging.ERROR), qtbot.waitSignal(intents.failed) as failed:
        intents.run("load", work())
        await asyncio.sleep(0.01)
    assert failed.args[0].kind is ErrorKind.INTERNAL
    assert "insides" not in failed.args[0].what
    assert "load failed" in caplog.text
    await intents.aclose()


async def test_that_closing_cancels_what_runs_and_what_never_began(qtbot):
    intents = Intents()
    ended = []

    async def work(name):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    intents.run("begun", work("begun"))
    await asyncio.sleep(0)
    intents.run("not begun", work("not begun"))
    await intents.aclose()
    assert ended == ["begun"]
    assert not intents.run("late", work("late"))


async def test_that_busy_is_told_at_both_ends(qtbot):
    intents = Intents()
    told = []
    intents.busy_changed.connect(lambda name, busy: told.append((name, busy)))

    async def work():
        pass

    intents.run("load", work())
    await asyncio.sleep(0.01)
    assert told == [("load", True), ("load", False)]
    await intents.aclose()
