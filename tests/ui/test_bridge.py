"""Events reach the window in frames."""

from types import SimpleNamespace

from app.domain.events import FoldersChanged, SettingChanged
from app.manager.events import QUEUE_LENGTH, EventBus
from app.ui.bridge import Bridge


def test_that_a_burst_arrives_in_one_frame(qtbot):
    bus = EventBus()
    bridge = Bridge(SimpleNamespace(events=bus))
    settings = []
    bridge.on(SettingChanged, lambda events: settings.append([event.key for event in events]))
    bus.publish(SettingChanged(key="a"))
    bus.publish(FoldersChanged())
    bus.publish(SettingChanged(key="b"))
    assert settings == []
    qtbot.waitUntil(lambda: bool(settings))
    assert settings == [["a", "b"]]
    bridge.close()


def test_that_no_timer_runs_while_nothing_happens(qtbot):
    bus = EventBus()
    bridge = Bridge(SimpleNamespace(events=bus))
    assert not bridge._timer.isActive()
    heard = []
    bridge.on(FoldersChanged, heard.append)
    bus.publish(FoldersChanged())
    qtbot.waitUntil(lambda: bool(heard))
    assert not bridge._timer.isActive()
    bridge.close()


def test_that_a_slow_window_is_told_that_events_were_lost(qtbot):
    bus = EventBus()
    bridge = Bridge(SimpleNamespace(events=bus))
    with qtbot.waitSignal(bridge.lost):
        for _ in range(QUEUE_LENGTH + 1):
            bus.publish(FoldersChanged())
    bridge.close()


def test_that_a_closed_bridge_hears_nothing(qtbot):
    bus = EventBus()
    bridge = Bridge(SimpleNamespace(events=bus))
    bridge.close()
    bus.publish(FoldersChanged())
    assert not bridge._timer.isActive()
