"""A long answer that comes faster than anybody reads, into the transcript."""

import asyncio
import time
from typing import Any

from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, median_part, pooled_part
from tests.benchmarks.rows import Bar, Row

TOKENS, SPEED = 4_000, 500
TEXT = (
    "A paragraph with **bold**, `code` and a [link](https://example.org) in it, then a list:\n\n"
    "- the first point\n- the second point, which is longer\n\n"
    "```python\ndef answer(question):\n    return 42\n```\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n"
)


async def once() -> dict[str, Any]:
    """The answer's time over its own, and milliseconds of every frame."""
    from app.domain.conversations import ConversationId, Message, MessageId, MessageState
    from app.domain.generation import Role
    from app.domain.settings import Theme as Choice
    from app.ui.theme import Theme
    from app.ui.widgets.transcript import Transcript

    look, frames = Theme(), []
    look.apply(Choice.LIGHT)
    answer = Message(
        id=MessageId("a"),
        conversation_id=ConversationId("c"),
        role=Role.ASSISTANT,
        text="",
        created_at=time.time(),
        state=MessageState.STREAMING,
        model_name="Llama",
    )

    class Timed(Transcript):
        """Notes how long each frame takes, its painting included."""

        def flush(self) -> None:
            start = time.perf_counter()
            super().flush()
            self.viewport().repaint()
            frames.append((time.perf_counter() - start) * 1000)

    transcript = Timed(look)
    transcript.resize(900, 700)
    transcript.show()
    await asyncio.sleep(0.2)
    pieces = [TEXT[at : at + 4] for at in range(0, len(TEXT), 4)]
    transcript.begin(answer)
    frames.clear()
    start = time.perf_counter()
    for number in range(TOKENS):
        await asyncio.sleep(max(0.0, start + number / SPEED - time.perf_counter()))
        transcript.append(pieces[number % len(pieces)])
    transcript.flush()
    seconds = time.perf_counter() - start
    transcript.close()
    return {"ratio": seconds / (TOKENS / SPEED), "frames": frames}


def streamed(effort: Effort) -> list[Row]:
    """How long it takes, and how long a frame."""
    outcome = interleave(effort.few(), {"window": Arm(f"{__name__}:once")})["window"]
    parts = [
        median_part("time over its own", Bar(1.05, ""), outcome, "ratio"),
        pooled_part("frame p99", Bar(8, "ms"), outcome, "frames", 0.99),
    ]
    return [Row("4,000 tokens at 500 a second into the transcript", parts)]
