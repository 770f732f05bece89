"""What was acknowledged is there after the process was killed."""

import asyncio
import sys
from pathlib import Path

from app.domain.conversations import ConversationId
from app.storage.stores import open_storage

WRITER = """
import asyncio, itertools, sys
from pathlib import Path
from app.domain.conversations import Conversation, Message
from app.storage.stores import open_storage

async def main(path, started):
    storage = await open_storage(Path(path))
    assert storage.recovered is None
    talk = Conversation(id="talk", title="Talk", created_at=0, updated_at=0)
    await storage.conversations.save_conversation(talk)
    for number in itertools.count():
        key = f"{started}-{number}"
        message = Message(
            id=key, conversation_id="talk", role="user", text=key * 50, created_at=number
        )
        await storage.conversations.save_messages([message])
        print(key, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def acknowledged(path: Path, started: int, count: int) -> list[str]:
    """Kill a writing process without warning, and return what it was told is saved."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WRITER,
        str(path),
        str(started),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    lines = [await process.stdout.readline() for _ in range(count)]
    process.kill()
    rest = await process.stdout.read()
    await process.wait()
    whole = rest[: rest.rfind(b"\n") + 1]
    return (b"".join(lines) + whole).decode().split()


async def test_that_no_acknowledged_row_is_lost_to_a_kill(tmp_path):
    path = tmp_path / "state.db"
    told: list[str] = []
    for started, count in enumerate((30, 71, 112)):
        told += await acknowledged(path, started, count)
        assert (tmp_path / "state.db-wal").exists()
        storage = await open_storage(path)
        kept = [item.id for item in await storage.conversations.messages(ConversationId("talk"))]
        assert storage.recovered is None
        await storage.aclose()
        assert len(told) >= count
        assert [key for key in kept if key in set(told)] == told
        # At most one change of each round was under way and not yet acknowledged.
        assert len(kept) - len(told) <= started + 1
