"""How tests run: coroutine tests on a real loop, no task and no window left behind."""

import asyncio
import gc
import inspect
import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_API", "pyside6")

# As in the app: a Qt object that is collected in another thread brings the process down.
gc.disable()

TEST_LIMIT_SECONDS = 60

# A busy machine is no failure: Hypothesis would otherwise time every example.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def _loop_factory(item: pytest.Function) -> Any:
    """Qt's loop for tests that use the application, asyncio's own for the others."""
    if "qapp" not in item.fixturenames:
        return asyncio.new_event_loop
    from app.bootstrap.event_loop import WindowLoop

    # Otherwise the loop stops when a test closes its last window or dialog.
    item.funcargs["qapp"].setQuitOnLastWindowClosed(False)
    return lambda: WindowLoop(item.funcargs["qapp"])


async def _run_and_settle(test: Any) -> None:
    async with asyncio.timeout(TEST_LIMIT_SECONDS):
        await test
    # Callbacks of tasks that ended with the test get one turn before the count.
    await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, f"tasks left behind: {[task.get_name() for task in left]}"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests to their end on the loop they ask for."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names if name in pyfuncitem.funcargs}
    with asyncio.Runner(loop_factory=_loop_factory(pyfuncitem)) as runner:
        runner.run(_run_and_settle(pyfuncitem.obj(**arguments)))
    return True


@pytest.fixture(autouse=True)
def no_window_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a top-level widget alive."""
    yield
    gc.collect(1)
    if "qapp" not in request.fixturenames:
        return
    from PySide6.QtCore import QCoreApplication, QEvent
    from PySide6.QtWidgets import QApplication

    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    left = [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()]
    for widget in left:
        widget.close()
        widget.deleteLater()
    assert not left, f"windows left open: {left}"
