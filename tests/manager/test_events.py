from app.domain.events import FoldersChanged, MetricsChanged, SettingChanged
from app.domain.models import ModelId
from app.manager import events
from app.manager.events import EventBus, caused_by, command
from app.tasks import TaskScope


def test_that_a_subscriber_is_woken_once_and_takes_everything_in_order() -> None:
    bus, woken = EventBus(), []
    subscription = bus.subscribe(lambda: woken.append(1))
    bus.publish(SettingChanged(key="theme"))
    bus.publish(FoldersChanged())
    taken = subscription.take()
    assert woken == [1]
    assert [item.seq for item in taken] == [1, 2]
    assert taken[0].event == SettingChanged(key="theme")
    assert subscription.take() == []


def test_that_a_late_subscriber_can_replay_from_a_number() -> None:
    bus = EventBus()
    for key in ("a", "b", "c"):
        bus.publish(SettingChanged(key=key))
    subscription = bus.subscribe(lambda: None, since=1)
    assert [item.event.key for item in subscription.take()] == ["b", "c"]


def test_that_a_slow_subscriber_loses_the_oldest_and_is_told_how_many() -> None:
    bus = EventBus()
    subscription = bus.subscribe(lambda: None)
    for number in range(events.QUEUE_LENGTH + 5):
        bus.publish(SettingChanged(key=str(number)))
    taken = subscription.take()
    assert subscription.lost == 5
    assert taken[0].event.key == "5"
    bus.publish(FoldersChanged())
    subscription.take()
    assert subscription.lost == 0


def test_that_a_subscriber_that_fails_to_wake_does_not_stop_the_others() -> None:
    bus = EventBus()

    def fail() -> None:
        raise RuntimeError("no")

    bus.subscribe(fail)
    other = bus.subscribe(lambda: None)
    bus.publish(FoldersChanged())
    assert len(other.take()) == 1


def test_that_a_closed_subscription_gets_nothing_more() -> None:
    bus = EventBus()
    subscription = bus.subscribe(lambda: None)
    subscription.close()
    subscription.close()
    bus.publish(FoldersChanged())
    assert subscription.take() == []


async def test_that_a_cause_is_carried_into_tasks_and_ends_with_its_block() -> None:
    bus, tasks = EventBus(), TaskScope("test")

    async def follow() -> None:
        bus.publish(FoldersChanged())

    first = bus.publish(FoldersChanged())
    with caused_by(first):
        task = tasks.start("follow", follow())
    await task
    with command("load"), command("switch"):
        bus.publish(FoldersChanged())
    bus.publish(FoldersChanged())
    causes = [item.cause for item in bus.kept()]
    assert causes[:2] == [None, first]
    assert str(causes[2]).startswith("load #")
    assert causes[3] is None


def test_that_what_only_says_that_a_value_moved_is_told_once_and_not_replayed() -> None:
    bus = EventBus()
    early = bus.subscribe(lambda: None)
    bus.publish(MetricsChanged(model_id=ModelId("local:1")))
    bus.publish(SettingChanged(key="theme"))
    late = bus.subscribe(lambda: None, since=0)
    assert [item.seq for item in early.take()] == [1, 2]
    assert [item.seq for item in late.take()] == [2]
