"""Arms that the framework's own tests run."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any


def pid() -> dict[str, Any]:
    return {"pid": os.getpid()}


async def loop() -> dict[str, Any]:
    # Qt reads the platform when it is imported.
    from app.bootstrap.event_loop import WindowLoop

    return {"qt": isinstance(asyncio.get_running_loop(), WindowLoop)}


def unable() -> dict[str, Any]:
    return {"unable": "not today"}


def failing() -> dict[str, Any]:
    return {"value": 1 / 0}


def ending(status: int) -> None:
    os._exit(status)


def hanging() -> None:
    time.sleep(60)


def turn(log: str, name: str, fail: bool) -> dict[str, Any]:
    with Path(log).open("a") as turns:
        turns.write(name)
    return {"unable": "its turn is over"} if fail else {"value": 1}


def tuned() -> dict[str, Any]:
    return {"tuned": [name for name in os.environ if name.startswith(("GOMP_", "OMP_"))]}


def session(pid: int) -> dict[str, Any]:
    return {"session": os.getsid(pid)}
