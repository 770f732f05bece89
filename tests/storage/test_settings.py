"""Settings, kept and read again."""

from app.storage.stores import open_storage


async def test_that_settings_come_back_and_forgotten_ones_do_not(tmp_path):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    for key, value in (("theme", '"dark"'), ("window", '{"x": 1}'), ("theme", '"light"')):
        await storage.settings.save_setting(key, value)
    await storage.settings.save_setting("threads", "4")
    await storage.settings.forget_setting("threads")
    await storage.settings.forget_setting("never set")
    await storage.aclose()
    storage = await open_storage(path)
    assert await storage.settings.settings() == {"theme": '"light"', "window": '{"x": 1}'}
    await storage.aclose()
