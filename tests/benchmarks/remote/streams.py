"""What the app adds to a stream, and how soon a cancelled one hangs up."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.domain.accounts import ProviderKind
from app.domain.models import ModelId
from tests.benchmarks.application import managed
from tests.benchmarks.arms import ROOT, Arm, interleave
from tests.benchmarks.judging import Effort, pooled_part, ratio_part
from tests.benchmarks.rows import Bar, Row
from tests.providers.test_remote import HELLO, KINDS, connected, settled
from tests.support import wire_server as wires
from tests.support.fakes import eventually
from tests.support.wire_server import MODEL

CHUNKS = 2_000
CANCELS, QUICK_CANCELS = 100, 10
KEY = "sk-canary-0123456789-wxyz"


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The address of a server in a process of its own, which answers in so many chunks."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.remote.server", str(CHUNKS),
        stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


async def through_app() -> dict[str, Any]:
    """Seconds of one answer in a conversation, everything being kept as always."""
    async with served() as url, managed() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI, base_url=f"{url}/v1")
        await manager.keys.set(account, KEY, for_now=True)
        await manager.accounts.refresh(account)
        model = ModelId(f"{account}:{MODEL}")
        await manager.models.load(model)
        seconds = []
        for _ in range(2):
            # The first one imports and connects.
            started, pieces = time.perf_counter(), 0
            async with manager.conversations.send(
                manager.conversations.create().id, "Hi", to=model
            ) as stream:
                async for _ in stream:
                    pieces += 1
                seconds.append(time.perf_counter() - started)
            assert pieces == CHUNKS
        return {"seconds": seconds[-1]}


async def through_sdk() -> dict[str, Any]:
    """Seconds of the same answer, taken from the SDK as its manual has it."""
    from openai import AsyncOpenAI

    async with served() as url:
        client = AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1")
        seconds = []
        for _ in range(2):
            started, pieces, text = time.perf_counter(), 0, ""
            stream = await client.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": "Hi"}],
                stream=True,
                stream_options={"include_usage": True},
            )
            async for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    text += chunk.choices[0].delta.content
                    pieces += 1
            seconds.append(time.perf_counter() - started)
            assert pieces == CHUNKS
        await client.close()
        return {"seconds": seconds[-1]}


async def closing(count: int) -> dict[str, Any]:
    """Milliseconds from leaving a stream to the server's seeing its connection closed."""
    waits = []
    for kind in KINDS:
        async with connected(kind, wires.endless) as (server, engine):
            for number in range(count):
                stream = engine.generate(HELLO)
                await anext(stream)
                left = time.perf_counter()
                await stream.aclose()
                await eventually(lambda number=number: len(server.left_at) > number)
                waits.append((server.left_at[-1] - left) * 1000)
            await settled()
    return {"waits": waits}


def cancelled(effort: Effort) -> list[Row]:
    """How soon a connection is closed."""
    count = QUICK_CANCELS if effort.quick else CANCELS
    arm = Arm(f"{__name__}:closing", {"count": count})
    outcome = interleave(effort.few(), {"app": arm})["app"]
    part = pooled_part("p99", Bar(100, "ms"), outcome, "waits", 0.99)
    return [Row("cancel to the socket closed, p99", [part])]


def against_sdk(effort: Effort) -> list[Row]:
    """The same answer through both."""
    arms = {
        "app": Arm(f"{__name__}:through_app"),
        "sdk": Arm(f"{__name__}:through_sdk"),
        "twin": Arm(f"{__name__}:through_sdk"),
    }
    outcomes = interleave(effort.rounds, arms)
    part = ratio_part(
        "wall time",
        Bar(1.10, ""),
        outcomes["app"],
        outcomes["sdk"],
        "seconds",
        twin=outcomes["twin"],
    )
    return [Row(f"{CHUNKS:,} streamed chunks through the app / through the bare SDK", [part])]
