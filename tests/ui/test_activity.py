"""The activity log: sentences, chains, filters, folding, and its bounds."""

import time

from PySide6.QtCore import QPersistentModelIndex

from app.domain import events
from app.domain.activity import Topic
from app.domain.error_reports import report_of
from app.domain.errors import LoadStalled, WorkerCrashed
from app.domain.events import (
    AliasAssigned,
    ConversationChanged,
    Event,
    LoadFailed,
    ModelCrashed,
    ModelEvicted,
    ModelLoaded,
    ModelLoading,
    ModelRecovered,
    ModelsChanged,
    ModelSwitched,
    ModelUnloaded,
    ScanProgressed,
    SettingChanged,
)
from app.domain.instances import InstanceState
from app.domain.models import ModelId
from app.manager.events import KEPT, caused_by
from app.ui.viewmodels.activity import Activity
from app.ui.viewmodels.event_words import GESTURES, SENTENCES, gesture, sentence
from tests.support.fakes import eventually
from tests.ui.rig import ALPHA, BETA, rig

UNSAID = {
    events.InstanceChanged,
    events.MetricsChanged,
    events.SpendingChanged,
    events.ConversationChanged,
    events.AliasSaved,
}
"""What says that a value has moved, or what another event says already."""


def names(model_id: ModelId) -> str:
    return model_id.removeprefix("local:")


def seen(manager) -> Activity:
    activity = Activity(manager)
    activity.watch(seen=True)
    return activity


def shown(activity: Activity) -> list[str]:
    return [f"{'  ' * row.depth}{row.entry.text}" for row in activity.table.rows]


def crash(model_id: ModelId) -> ModelCrashed:
    report = report_of(WorkerCrashed("Its process was killed.", "Load it again.", "SIGKILL"))
    return ModelCrashed(model_id=model_id, error=report, restarts_at=1.0)


def test_that_every_event_has_a_sentence_or_a_reason_for_none() -> None:
    kinds = {
        kind
        for kind in vars(events).values()
        if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
    }
    assert kinds == set(SENTENCES) | UNSAID
    assert not set(SENTENCES) & UNSAID


def test_that_an_eviction_says_for_whom_and_what_it_freed() -> None:
    event = ModelEvicted(
        model_id=ALPHA.id,
        reason="makes room for beta",
        for_model=BETA.id,
        freed_bytes=1_200_000_000,
    )
    said = "alpha was ejected to make room for beta. 1.2 GB were freed."
    assert sentence(event, names) == said
    idle = ModelEvicted(model_id=ALPHA.id, reason="idle for 10 minutes", freed_bytes=0)
    assert sentence(idle, names) == "alpha was ejected: idle for 10 minutes."


def test_that_a_gesture_is_said_in_words() -> None:
    assert gesture(f"load {ALPHA.id} #3", names) == "alpha was asked for."
    assert gesture("load default #1", names) == "The default model was asked for."
    assert gesture("remove /a/b/models #1", names) == "models was taken out of the library by hand."
    assert gesture("delete run 77 #1", names) == "A kept run was deleted by hand."
    assert gesture("cancel scan #2", names) == "The scan was cancelled by hand."
    assert gesture("eject #2", names) == "A model was ejected by hand."
    assert gesture(12, names).startswith("It followed from something")
    begins = list(GESTURES)
    for place, begin in enumerate(begins):
        assert not any(begin.startswith(f"{earlier} ") for earlier in begins[:place]), begin


async def test_that_a_load_is_one_chain_under_what_asked_for_it(qapp) -> None:
    async with rig(ALPHA) as r:
        activity = seen(r.manager)
        r.gestures.load(ALPHA.id)
        await eventually(lambda: any("alpha was loaded" in line for line in shown(activity)))
        head = next(row for row in activity.table.rows if row.folds)
        assert head.entry.text == "alpha was asked for."
        story = activity.story(
            next(r.entry.key for r in activity.table.rows if "was loaded" in r.entry.text)
        )
        assert story is not None
        assert story.origin == "alpha was asked for."
        assert activity.openable(story.entry) == ((ALPHA.id, "alpha"),)


async def test_that_a_crash_shows_what_followed_and_what_led_to_it(qapp) -> None:
    async with rig(ALPHA) as r:
        activity = seen(r.manager)
        with caused_by(r.manager.events.publish(crash(ALPHA.id))):
            loaded = r.manager.events.publish(
                ModelLoaded(model_id=ALPHA.id, load_seconds=0.84, memory=310_000_000)
            )
        with caused_by(loaded):
            r.manager.events.publish(ModelRecovered(model_id=ALPHA.id, down_seconds=3.2))
        activity.refresh()
        assert shown(activity)[:3] == [
            "alpha crashed. Its process was killed. It is brought up again by itself.",
            "  alpha was loaded in 0.84 s and takes 310 MB.",
            "    alpha was brought up again after 3.2 s.",
        ]
        story = activity.story(str(loaded))
        assert story is not None
        assert [entry.text[:13] for entry in story.causes] == ["alpha crashed"]
        assert [entry.text[:17] for entry in story.effects] == ["alpha was brought"]
        text = activity.story_text(str(loaded))
        assert text.index("What led to it:") < text.index("alpha crashed")
        assert text.index("What followed:") < text.index("was brought up again")


async def test_that_the_log_is_filtered_by_words_kind_and_model_with_its_causes(qapp) -> None:
    async with rig(ALPHA, BETA) as r:
        activity, bus = seen(r.manager), r.manager.events
        with caused_by(bus.publish(crash(ALPHA.id))):
            bus.publish(ModelLoaded(model_id=ALPHA.id, load_seconds=1, memory=0))
        bus.publish(SettingChanged(key="max_tokens"))
        report = report_of(LoadStalled("It hung.", "Try again."))
        bus.publish(LoadFailed(model_id=BETA.id, error=report))
        activity.refresh()
        activity.look_for(topics=frozenset({Topic.ERRORS}))
        assert [line.split()[0] for line in shown(activity)] == ["beta", "alpha"]
        activity.look_for(topics=frozenset(), model=ALPHA.id, words="LOADED in")
        assert [row.aside for row in activity.table.rows] == [True, False]
        activity.look_for(words="nothing like this")
        assert shown(activity) == []
        assert activity.filter
        activity.look_for_everything()
        assert len(shown(activity)) >= 4
        assert (BETA.id, "beta") in activity.models()


async def test_that_a_chain_folds_and_a_long_one_is_folded_until_it_is_opened(qapp) -> None:
    async with rig(ALPHA) as r:
        activity, bus = seen(r.manager), r.manager.events
        with caused_by("save settings #1"):
            for number in range(20):
                bus.publish(SettingChanged(key=f"key_{number}"))
        activity.refresh()
        (top, *_) = activity.table.rows
        assert (top.folds, top.open, top.hidden) == (True, False, 20)
        hidden = next(key for key in activity._entries if "key 7" in activity._entries[key].text)
        activity.reveal(str(hidden))
        assert activity.table.row_of(str(hidden)) > 0
        activity.fold(top.chain, is_open=False)
        assert activity.table.row_of(str(hidden)) == -1


async def test_that_what_is_told_twice_is_listed_once(qapp) -> None:
    async with rig(ALPHA, BETA) as r:
        activity, bus = seen(r.manager), r.manager.events
        before = activity.count()
        bus.publish(AliasAssigned(name="active", model_id=ALPHA.id, previous=BETA.id))
        bus.publish(
            ModelSwitched(name="active", model_id=ALPHA.id, previous=BETA.id, gap_seconds=0)
        )
        bus.publish(ModelUnloaded(model_id=BETA.id))
        bus.publish(ModelEvicted(model_id=BETA.id, reason="idle for 10 minutes"))
        for number in range(5):
            bus.publish(ModelsChanged(ids=(ModelId(f"local:{number}"),)))
        bus.publish(ConversationChanged(conversation_id="c"))
        activity.refresh()
        assert activity.count() == before + 3
        assert shown(activity)[0].startswith("5 models in the library were added")


async def test_that_progress_is_one_row_until_it_ends(qapp) -> None:
    async with rig(ALPHA) as r:
        activity, bus = seen(r.manager), r.manager.events
        before = activity.count()
        for percent in range(100):
            bus.publish(
                ModelLoading(model_id=ALPHA.id, state=InstanceState.LOADING, progress=percent / 100)
            )
            bus.publish(ScanProgressed(folder="/models", files=percent, models=1))
        activity.refresh()
        assert activity.count() == before + 2
        assert "alpha is on its way: loading, 99 %." in shown(activity)
        bus.publish(ModelLoaded(model_id=ALPHA.id, load_seconds=1, memory=0))
        activity.refresh()
        assert activity.count() == before + 2
        assert not any("on its way" in line for line in shown(activity))


async def test_that_a_burst_keeps_its_bound_and_is_taken_in_few_steps(qapp) -> None:
    async with rig(ALPHA) as r:
        activity, bus = seen(r.manager), r.manager.events
        refreshed: list[int] = []
        activity.changed.connect(lambda: refreshed.append(1))
        for number in range(100_000):
            if number % 2:
                bus.publish(SettingChanged(key=str(number)))
            else:
                bus.publish(ScanProgressed(folder="/models", files=number, models=0))
        await eventually(lambda: any("99999" in line for line in shown(activity)))
        assert len(refreshed) <= 2
        assert activity.count() <= KEPT + 1
        assert len(activity._book._entries) <= KEPT + 1
        assert activity.summary().startswith("The last ")


async def test_that_nothing_is_followed_while_nobody_looks(qapp) -> None:
    async with rig(ALPHA) as r:
        activity = seen(r.manager)
        activity.watch(seen=False)
        before = activity.count()
        r.manager.events.publish(SettingChanged(key="theme"))
        assert activity._subscription is None
        assert not activity._timer.isActive()
        assert activity.count() == before
        activity.watch(seen=True)
        assert activity.count() == before + 1
        assert r.manager.events.kept()[-1].at <= time.time()


async def test_that_the_table_changes_no_more_than_it_must(qapp, qtmodeltester) -> None:
    async with rig(ALPHA) as r:
        activity, bus = seen(r.manager), r.manager.events
        qtmodeltester.check(activity.table)
        inserted: list[tuple[int, int]] = []
        resets: list[int] = []
        activity.table.rowsInserted.connect(lambda _, first, last: inserted.append((first, last)))
        activity.table.modelReset.connect(lambda: resets.append(1))
        bus.publish(SettingChanged(key="a"))
        activity.refresh()
        bus.publish(SettingChanged(key="b"))
        activity.refresh()
        assert inserted == [(0, 0), (0, 0)]
        assert not resets


async def test_that_a_row_keeps_its_event_when_the_oldest_leave(qapp) -> None:
    async with rig(ALPHA) as r:
        activity, bus = seen(r.manager), r.manager.events
        for number in range(KEPT + 10):
            bus.publish(SettingChanged(key=str(number)))
        activity.refresh()
        place = QPersistentModelIndex(activity.table.index(5, 0))
        row = activity.table.row_at(5)
        for number in range(3):
            bus.publish(SettingChanged(key=f"new {number}"))
        activity.refresh()
        assert place.row() == 8
        assert activity.table.row_at(8) == row
        assert activity.table.rowCount() == KEPT


async def test_that_a_model_that_is_gone_keeps_the_rest_of_its_id(qapp) -> None:
    async with rig() as r:
        activity = seen(r.manager)
        r.manager.events.publish(ModelUnloaded(model_id=ModelId("local:lost")))
        activity.refresh()
        assert shown(activity)[0] == "lost was ejected; its memory is free."
        (row, *_) = activity.table.rows
        assert activity.openable(row.entry) == ()
