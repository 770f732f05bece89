"""The manager's benchmark: found at once, kept at once, switched without a cut."""

from tests.benchmarks.families import Family
from tests.benchmarks.manager import lifecycle, registry

TITLE = "The manager: a hundred thousand models, found and kept at once"
FAMILIES = (
    Family(("look-up",), registry.look_up),
    Family(("search",), registry.search),
    Family(("stored",), registry.stored),
    Family(("change",), registry.change),
    Family(("start",), registry.start),
    Family(("lifecycle",), lifecycle.interleavings),
)
ORDER = ("look-up", "search", "stored", "change", "start", "lifecycle")
"""The rows as the table has them."""
