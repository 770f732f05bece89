import pytest

from app.domain.errors import SettingError
from app.domain.events import SettingChanged
from app.domain.settings import Settings, Theme, WindowPlace
from tests.support.fakes import fake_ports


async def test_that_a_setting_is_kept_as_one_row_and_announced() -> None:
    ports = fake_ports()
    async with ports.manager() as manager:
        subscription = manager.events.subscribe(lambda: None)
        await manager.settings.set("theme", Theme.DARK)
        await manager.settings.set("window", WindowPlace(width=900, splitters={"library": (1, 2)}))
        assert [i.event for i in subscription.take()] == [
            SettingChanged(key="theme"),
            SettingChanged(key="window"),
        ]
    assert ports.store.kept_settings["theme"] == '"dark"'
    async with ports.manager() as manager:
        current = manager.settings.current()
        assert current.theme is Theme.DARK
        assert current.window.splitters == {"library": (1, 2)}
        await manager.settings.reset("theme")
        assert manager.settings.current().theme is Theme.SYSTEM
        assert "theme" not in ports.store.kept_settings


async def test_that_the_environment_overrides_and_locks_a_setting() -> None:
    ports = fake_ports()
    ports.store.kept_settings["theme"] = '"light"'
    ports.environment.update(MODEL_MANAGER_THEME="dark", MODEL_MANAGER_THREADS="3")
    async with ports.manager() as manager:
        assert manager.settings.current().theme is Theme.DARK
        assert manager.settings.current().threads == 3
        assert manager.settings.locked("theme") == "MODEL_MANAGER_THEME"
        assert manager.settings.locked("max_tokens") is None
        with pytest.raises(SettingError, match="MODEL_MANAGER_THEME"):
            await manager.settings.set("theme", "light")


async def test_that_bad_values_are_refused_or_ignored_and_cost_nothing_else() -> None:
    ports = fake_ports()
    ports.store.kept_settings.update(theme='"pink"', threads="2", unknown="1", max_tokens="{")
    ports.environment["MODEL_MANAGER_CONTEXT_LENGTH"] = "many"
    async with ports.manager() as manager:
        assert manager.settings.current() == Settings(threads=2)
        assert manager.settings.locked("context_length") is None
        with pytest.raises(SettingError, match="Threads must be a whole number from 1 to 512"):
            await manager.settings.set("threads", 0)
        assert manager.settings.current().threads == 2


@pytest.mark.parametrize("value", [0, -1, 1.5, 99_999_999, float("nan"), float("inf"), "much"])
async def test_that_a_budget_that_is_no_share_and_no_size_is_refused(value) -> None:
    async with fake_ports().manager() as manager:
        with pytest.raises(SettingError, match="Memory for models must be a share of the memory"):
            await manager.settings.set("memory_budget", value)
        assert manager.settings.current().memory_budget is None


async def test_that_limits_are_taken_from_the_environment() -> None:
    ports = fake_ports()
    ports.environment = {
        "MODEL_MANAGER_MAX_LOADED": "2",
        "MODEL_MANAGER_MEMORY_BUDGET": "0.5",
        "MODEL_MANAGER_TIME_TO_LIVE_MINUTES": "15",
    }
    async with ports.manager() as manager:
        now = manager.settings.current()
        assert (now.max_loaded, now.memory_budget, now.time_to_live_minutes) == (2, 0.5, 15)
