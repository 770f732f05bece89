"""The manager's benchmark: found at once, kept at once, switched without a cut."""

from tests.benchmarks.families import Family
from tests.benchmarks.manager import events, lifecycle, registry, switch

TITLE = "The manager: a hundred thousand models, found and kept at once"
FAMILIES = (
    Family(("look-up",), registry.look_up),
    Family(("search",), registry.search),
    Family(("stored",), registry.stored),
    Family(("change",), registry.change),
    Family(("start",), registry.start),
    Family(("switch", "switch-answers"), switch.under_streams),
    Family(("event",), events.to_handler),
    Family(("event-slow",), events.to_slow_subscriber),
    Family(("lifecycle",), lifecycle.interleavings),
)
ORDER = (
    "look-up", "search", "stored", "change", "switch", "switch-answers", "event", "event-slow",
    "start", "lifecycle",
)  # fmt: skip
"""The rows as the table has them."""
