"""`python -m tests.benchmarks.arm MODULE:FUNCTION JSON`: one arm of one round, in a fresh process.

A coroutine function runs on the loop that the app runs on: Qt's, with no screen. The result is the
last line of the output, as JSON.
"""

import asyncio
import importlib
import inspect
import json
import os
import sys
from collections.abc import Coroutine
from typing import Any


def main() -> int:
    """Run the function that the arguments name."""
    target, arguments = sys.argv[1:]
    module, function = target.split(":")
    work = getattr(importlib.import_module(module), function)
    result = work(**json.loads(arguments))
    if inspect.iscoroutine(result):
        result = run_as_app(result)
    print(json.dumps(result))
    return 0


def run_as_app(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a process like the app's: Qt's loop, garbage collected on its thread."""
    os.environ |= {"QT_QPA_PLATFORM": "offscreen", "QT_API": "pyside6"}
    # Qt reads the platform when it is imported.

    from app.bootstrap.event_loop import WindowLoop
    from app.bootstrap.garbage import garbage_collected_here
    from app.bootstrap.window import start_application

    async def within() -> Any:
        async with garbage_collected_here():
            return await work

    application = start_application()
    with asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner:
        return runner.run(within())


if __name__ == "__main__":
    sys.exit(main())
