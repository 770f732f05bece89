"""Profiling runs, kept and read again."""

import sqlite3
from contextlib import closing

from app.domain.models import ModelId
from app.domain.profiles import ProfileRun, ProfileRunId, RequestProfile
from app.storage.stores import open_storage


def run(key: str, started_at: float) -> ProfileRun:
    return ProfileRun(
        id=ProfileRunId(key),
        model_id=ModelId("local:1"),
        model_name="tiny",
        started_at=started_at,
        context_length=2048,
        requests=tuple(
            RequestProfile(
                prompt_tokens=5,
                time_to_first_token=0.1,
                tokens_per_second=speed,
                token_seconds=(0.1, 1 / 3, 1e-9),
            )
            for speed in (145.7, 150.0)
        ),
    )


async def test_that_runs_come_back_equal_with_the_newest_first(tmp_path):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    for item in (run("b", 2.0), run("c", 3.0), run("a", 1.0)):
        await storage.profiles.save_run(item)
    await storage.aclose()
    storage = await open_storage(path)
    assert await storage.profiles.runs() == (run("c", 3.0), run("b", 2.0), run("a", 1.0))
    await storage.profiles.forget_run(run("b", 2.0))
    assert await storage.profiles.runs() == (run("c", 3.0), run("a", 1.0))
    await storage.aclose()


async def test_that_an_unreadable_run_hides_no_others(tmp_path, caplog):
    path = tmp_path / "state.db"
    storage = await open_storage(path)
    await storage.profiles.save_run(run("a", 1.0))
    await storage.profiles.save_run(run("b", 2.0))
    await storage.aclose()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE profile_runs SET detail = '{' WHERE id = 'b'")
    storage = await open_storage(path)
    assert await storage.profiles.runs() == (run("a", 1.0),)
    assert "profiling run b" in caplog.text
    await storage.aclose()
