"""Keyrings that fail, and keys that are looked for everywhere."""

import asyncio
import faulthandler
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from app.bootstrap.core import open_manager
from app.domain.accounts import AccountId, ProviderKind
from app.domain.error_reports import report_of
from app.domain.errors import AppError, KeyringFailed, KeyUnusable
from app.domain.models import ACTIVE, ModelId
from app.manager.manager import Manager
from app.system.crashes import start_crash_reports
from app.system.keys import Backend
from app.system.logs import start_logging
from app.tasks import TaskScope
from tests.benchmarks import models
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, worst_part
from tests.benchmarks.rows import Bar, Row, unmeasured
from tests.support import wire_server as wires
from tests.support.accounts import FakeWorld
from tests.support.keyrings import DeniedKeyring, DictKeyring, LockedKeyring, SlowKeyring
from tests.support.wire_server import MODEL, WireServer, wire_server

KEY = "sk-canary-0123456789-wxyz"
CANARIES = (
    "sk-canary-one-0123456789",
    "canary-two-without-a-shape-9876",
    "canary-three-0a1b2c3d4e5f",
)
PATIENCE = 0.5
TICK = 0.002


class GoneKeyring(DictKeyring):
    """Loses its entries between two calls."""

    def get_password(self, service: str, username: str) -> str | None:
        found = super().get_password(service, username)
        if len(self.entries) and found is not None:
            self.reads = getattr(self, "reads", 0) + 1
            if self.reads > 1:
                return None
        return found


FAULTS: dict[str, tuple[Callable[[], Backend | None], str, type[AppError] | None]] = {
    "none": (lambda: None, KEY, None),
    "locked": (LockedKeyring, KEY, KeyringFailed),
    "denied": (DeniedKeyring, KEY, KeyringFailed),
    "slow": (SlowKeyring, KEY, KeyringFailed),
    "too long": (DictKeyring, "k" * 1281, KeyUnusable),
    "unicode": (DictKeyring, "sk-ünicode-0123456789", KeyUnusable),
    "newline": (DictKeyring, "sk-two\nlines-0123456789", KeyUnusable),
    "gone between calls": (GoneKeyring, KEY, None),
}


async def faults() -> dict[str, Any]:
    """How many of the faults aren't handled, files with the key, and the longest stall in ms."""
    unhandled, plain, stalls = [], 0, []
    for name, (backend, text, expected) in FAULTS.items():
        with tempfile.TemporaryDirectory(prefix="modelyard-") as folder:
            here = FakeWorld(Path(folder))
            here.keyring, here.patience = backend(), PATIENCE
            async with here.manager() as manager:
                watch = TaskScope("benchmark")
                stall = watch.start("stall", _stall(stalls))
                if not await _handled(manager, text, expected, gone=name.startswith("gone")):
                    unhandled.append(name)
                stall.cancel()
                await watch.aclose()
            if isinstance(here.keyring, SlowKeyring):
                here.keyring.go.set()
            plain += sum(
                text.encode() in path.read_bytes()
                for path in Path(folder).rglob("*")
                if path.is_file()
            )
    return {
        "unhandled": len(unhandled), "examples": unhandled, "plain": plain,
        "faults": len(FAULTS), "stall": max(stalls),
    }  # fmt: skip


async def _handled(
    manager: Manager, text: str, expected: type[AppError] | None, *, gone: bool
) -> bool:
    account = await manager.accounts.add(ProviderKind.OPENAI)
    try:
        await manager.keys.set(account, text)
    except AppError as error:
        told = type(error) is expected and bool(error.what) and bool(error.remedy)
        return told and text not in repr(report_of(error)) and await _usable(manager, account)
    if expected is not None:
        return False
    if gone:
        with suppress(KeyUnusable):
            await manager.accounts.refresh(account)
            return False
    return await _usable(manager, account)


async def _usable(manager: Manager, account: AccountId) -> bool:
    """Whether the person can go on with a key until the app quits."""
    await manager.keys.set(account, KEY, for_now=True)
    return await manager.accounts.refresh(account) > 0


async def _stall(stalls: list[float]) -> None:
    """Note by how much the loop is late, in milliseconds."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(TICK)
        stalls.append((time.perf_counter() - before - TICK) * 1000)


async def canaries(model: str) -> dict[str, Any]:
    """Places in which one of three keys lies openly, after the app has used them all."""
    with tempfile.TemporaryDirectory(prefix="modelyard-") as name:
        folder = Path(name)
        for place in ("logs", "crashes"):
            (folder / place).mkdir()
        os.environ["CANARY_KEY"] = CANARIES[2]
        stop = start_logging(folder / "logs", logging.DEBUG)
        end = start_crash_reports(folder / "crashes")
        async with (
            wire_server() as server,
            open_manager(folder / "state.db", os.environ) as manager,
        ):
            local = await manager.library.add_file(model)
            await manager.models.load(local)
            await _use(manager, server)
            await _ask(manager, local)
            with (folder / "crashes" / "dump.txt").open("w") as dump:
                faulthandler.dump_traceback(dump)
            logging.getLogger("benchmark").error(
                "Caught", exc_info=RuntimeError(f"with {CANARIES[1]}")
            )
            hits = _hits(folder)
            told = json.dumps([repr(item) for item in manager.events.kept()])
            hits += [f"event: {key[:12]}" for key in CANARIES if key in told]
            report = await manager.keys.audit()
        end()
        stop()
        files = sum(path.is_file() for path in folder.rglob("*"))
        hits += _hits(folder)
    return {
        "hits": len(hits), "examples": hits[:3], "files": files,
        "audit": len(report.findings), "asked": len(server.asked),
    }  # fmt: skip


async def _use(manager: Manager, server: WireServer) -> None:
    """Give three accounts their keys, and let answers succeed and fail in every way."""
    kinds = (ProviderKind.OPENAI, ProviderKind.ANTHROPIC, ProviderKind.COMPATIBLE)
    for number, kind in enumerate(kinds):
        url = server.url if kind is ProviderKind.ANTHROPIC else f"{server.url}/v1"
        account = await manager.accounts.add(kind, base_url=url)
        if number == len(kinds) - 1:
            await manager.keys.use_variable(account, "CANARY_KEY")
        else:
            await manager.keys.set(account, CANARIES[number], for_now=True)
        await manager.accounts.refresh(account)
        model = ModelId(f"{account}:{MODEL}")
        await manager.models.load(model)
        for fault in (
            wires.good,
            wires.echo_key,
            wires.cut,
            wires.error_event("api_error"),
            wires.web_page,
        ):
            server.fault = fault
            await _ask(manager, model)


async def _ask(manager: Manager, to: str = ACTIVE) -> None:
    with suppress(AppError):
        async with manager.conversations.send(
            manager.conversations.create().id, "Hi", to=to
        ) as stream:
            async for _ in stream:
                pass


def _hits(folder: Path) -> list[str]:
    """Where a key is found: by this file's own search, not by the app's."""
    places = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for child in psutil.Process().children(recursive=True):
        places[f"argv of {child.pid}"] = " ".join(child.cmdline()).encode()
        places[f"environment of {child.pid}"] = json.dumps(child.environ()).encode()
    return [
        f"{place}: {key[:12]}"
        for place, content in places.items()
        for key in CANARIES
        if key.encode() in content or key.encode("utf-16-le") in content
    ]


def with_faults(effort: Effort) -> list[Row]:
    """Both rows: what isn't handled, and how long the loop stood still."""
    outcome = interleave(effort.few(), {"app": Arm(f"{__name__}:faults")})["app"]
    none, stall = Bar(0, "faults"), Bar(100, "ms")
    if outcome.failure:
        bad, late = (unmeasured("faults", bar, outcome.failure) for bar in (none, stall))
    else:
        sums = [result["unhandled"] + result["plain"] for result in outcome.results]
        examples = "".join(f"; {item}" for item in outcome.results[0]["examples"])
        note = f"of {len(FAULTS)}, plain text counted too{examples}"
        bad = worst_part("unhandled", none, sums, note=note)
        late = worst_part("longest", stall, outcome.figures("stall"))
    return [
        Row("keyring faults that aren't handled, or leave plain text", [bad]),
        Row("keyring faults: the longest stall of the event loop", [late]),
    ]


def searched(effort: Effort) -> list[Row]:
    """Three keys used in every way, then everything searched."""
    arm = Arm(f"{__name__}:canaries", {"model": str(models.tiny())})
    outcome = interleave(1, {"app": arm})["app"]
    bar = Bar(0, "hits")
    if outcome.failure:
        part = unmeasured("hits", bar, outcome.failure)
    else:
        result = outcome.results[0]
        examples = "".join(f"; {item}" for item in result["examples"])
        note = f"{result['files']} files, {result['asked']} requests{examples}"
        part = worst_part("hits", bar, [result["hits"] + result["audit"]], note=note)
    return [
        Row("three canary keys in data, logs, database, crash files, argv, environments", [part])
    ]
