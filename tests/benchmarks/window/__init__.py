"""The window's benchmark: there at once, fluent while models compute, and cheap when they don't."""

from tests.benchmarks.families import Family
from tests.benchmarks.window import fluency, rest, start, transcript

TITLE = "The window: there at once, and fluent while models compute"
FAMILIES = (
    Family(("start",), start.painted),
    Family(("imports",), start.imports),
    Family(("stall",), fluency.stalls),
    Family(("generation",), fluency.generation),
    Family(("transcript",), transcript.streamed),
    Family(("idle",), rest.idle),
    Family(("resident",), rest.resident),
)
ORDER = ("start", "imports", "stall", "generation", "transcript", "idle", "resident")
"""The rows as the table has them."""
