"""The engine's benchmark: local models at bare llama.cpp speed."""

from tests.benchmarks.engine import (
    first_token,
    generation,
    memory,
    neighbours,
    ready,
    second_turn,
    stop,
    streams,
)
from tests.benchmarks.families import Family

TITLE = "The engine: local models at bare llama.cpp speed"
FAMILIES = (
    Family(("generation", "prompt"), generation.against_bare),
    Family(("generation-tiny",), generation.tiny_against_bare),
    Family(("completion",), generation.against_completion),
    Family(("first-token",), first_token.overhead),
    Family(("ready",), ready.after_request),
    Family(("busy-defaults", "busy-fixed"), neighbours.busy_and_quiet),
    Family(("arrival",), neighbours.arrival),
    Family(("streams",), streams.four_streams),
    Family(("long-prompt",), streams.long_prompt),
    Family(("second-turn",), second_turn.only_new),
    Family(("stop",), stop.both),
    Family(("plan-dry-run",), memory.dry_run),
    Family(("plan-resident",), memory.against_plan),
    Family(("cycles",), memory.cycles),
)
ORDER = (
    "generation", "generation-tiny", "prompt", "completion", "first-token", "ready",
    "busy-defaults", "busy-fixed", "arrival", "streams", "long-prompt", "second-turn", "stop",
    "plan-dry-run", "plan-resident", "cycles",
)  # fmt: skip
"""The rows as the table has them."""
